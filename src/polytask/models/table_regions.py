r"""Intervals and sets that hold the label of a new row with some probability: conformal prediction.

**How.** Every labelled row was predicted once by networks that did not see it. Their nonconformity scores
(see `polytask.models.calibration`) are those of a new row's label, if rows are exchangeable, so the
:math:`\lceil (1 - \alpha)(n + 1) \rceil`-th smallest of the :math:`n` is the radius of a region around the
answer: for a number :math:`\hat y \pm r \, \sigma(x)`, for classes all whose probability is at least
:math:`1 - r`, and the answer in any case.

**What is guaranteed, and what is only observed.** Scores come from the networks of one fold, but a region
lies around the average of all folds. Cross-conformal prediction and CV+, which judge a label by the networks
of each fold apart, cover :math:`1 - 2\alpha` of the rows, less a term that falls with their number, and about
:math:`1 - \alpha` in practice. For the average no number is proved without further assumptions. If networks
change little with the rows that they are trained on (are *stable*), coverage is about :math:`1 - \alpha`; and
since the distance of an average is at most the average distance of its members, regions tend to hold a little
more than asked. Coverage is over rows and fits together: it can be less for rows of one kind.

So the distances of numbers are made smaller by what averaging takes off the error, as the differences between
networks tell it (`polytask.fitting.network_spread`): with ``repeats=2`` or more, where networks of several
repeats did not see a row, without bias; else a little too little, so that regions of a table that is nearly a
function of its inputs, where networks err apart, still hold somewhat more than asked.

With groups, a unit is a group, whose rows share one weight: the aim is a row of a *new* group, and takes
:math:`1/\alpha - 1` groups. With fewer groups (or rows, without them) the plain quantile is used, and a
warning says so. Along time, rows to come are not exchangeable with those seen: the figure is what held-out
rows showed. Row weights do not count here.

Regions for all targets together compare ranks: each score becomes the part of its target's scores that it
exceeds, and a row's worst rank is its score. Rows with a label of every target count; where these are too
few, each target gets the level :math:`1 - \alpha / T` (Bonferroni). Both take labels to be missing by chance.

**Deviations from the papers.** The answer is always part of its set, where the plain rule may leave it empty.
What is chosen by held-out rows is chosen for each row without it: the step of its network by all other rows,
those of its own fold among them (`polytask.fitting.stacked_stopping`); the networks' weights in the average,
and what difficulty is, by the other folds. The temperature, one number, is chosen by all.

References:
    Vladimir Vovk, "Cross-conformal predictors", Annals of Mathematics and Artificial Intelligence 74, 2015,
    arXiv:1208.0806.

    Rina Foygel Barber, Emmanuel J. Candès, Aaditya Ramdas, Ryan J. Tibshirani, "Predictive Inference with the
    Jackknife+", The Annals of Statistics 49, 2021, arXiv:1905.02928: CV+, and what stability gives.

    Mauricio Sadinle, Jing Lei, Larry Wasserman, "Least Ambiguous Set-Valued Classifiers with Bounded Error
    Levels", Journal of the American Statistical Association 114, 2019, arXiv:1609.00451: the sets used here.

    Yaniv Romano, Matteo Sesia, Emmanuel J. Candès, "Classification with Valid and Adaptive Coverage", NeurIPS
    2020, arXiv:2006.02544: the alternative, which gives larger sets at equal coverage on the tables of
    ``benchmarks/quality/region_coverage.py``.

    Yonghoon Lee, Rina Foygel Barber, Rebecca Willett, "Distribution-Free Inference with Hierarchical Data",
    2023, arXiv:2306.06342: the weights of groups.

    Soundouss Messoudi, Sébastien Destercke, Sylvain Rousseau, "Copula-Based Conformal Prediction for
    Multi-Target Regression", Pattern Recognition 120, 2021, arXiv:2101.12002: targets brought to one scale by
    their distributions.

    Anastasios N. Angelopoulos, Stephen Bates, "A Gentle Introduction to Conformal Prediction and
    Distribution-Free Uncertainty Quantification", 2021, arXiv:2107.07511.
"""

import numpy as np
import torch
from torch import Tensor

from polytask.data.tables.target_column import TargetColumn
from polytask.models.calibration import TargetCalibration, class_scores

__all__ = ["region_columns"]


def region_columns(
    target: TargetColumn, calibration: TargetCalibration, radius: float, predictions: Tensor, inputs: Tensor
) -> dict[str, np.ndarray]:
    """Return the columns of a target's intervals or sets.

    Args:
        target: The target.
        calibration: What held-out rows say of it.
        radius: The score up to which labels lie inside.
        predictions: Of every row, ``[row, n_outputs]``: standardized numbers, or sharpened logits.
        inputs: Encoded features ``[row, feature]``.

    Returns:
        ``low`` and ``high`` in the units of the column, or ``set``: classes separated by ``|``, which in the
        name of a class is written with a backslash before it.
    """
    if target.log:  # as much above as below on that scale
        reach = torch.from_numpy(radius * _spread(calibration, predictions, inputs))
        middle = predictions[:, 0].double()
        return {"low": target.units(middle - reach).numpy(), "high": target.units(middle + reach).numpy()}
    if target.task.kind == "regression":
        centre = target.decode(predictions)[""]
        reach = radius * _spread(calibration, predictions, inputs) * target.scale
        return {"low": centre - reach, "high": centre + reach}
    scores = class_scores(target.task, predictions)  # [row, class]
    inside = scores <= np.maximum(radius, scores.min(1, keepdims=True))
    if target.class_weights:  # the answer need not be the most probable class
        inside[np.arange(len(inside)), target.codes(predictions.cpu()).numpy()] = True
    names = [name.replace("|", "\\|") for name in target.classes]
    patterns, place = np.unique(inside, axis=0, return_inverse=True)
    texts = ["|".join(name for name, one in zip(names, row, strict=True) if one) for row in patterns]
    return {"set": np.array(texts, dtype=object)[place.reshape(-1)]}


def _spread(calibration: TargetCalibration, predictions: Tensor, inputs: Tensor) -> np.ndarray:
    """Return how difficult each row is, ``[row]``."""
    if calibration.difficulty is None:
        return np.ones(len(predictions))
    return calibration.difficulty(inputs, predictions[:, 0])
