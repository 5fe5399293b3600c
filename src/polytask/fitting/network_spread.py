r"""By how much networks of a model differ, and so how much smaller the error of their average is.

A model averages :math:`M` networks: one for every fold of every repeat. Held-out rows were predicted by the
average of those :math:`R` that did not see them, one of each repeat. Let :math:`v` be the variance between
networks at rows that they did not see. If what networks err by is exchangeable between them, the mean squared
error of an average of :math:`m` of them is :math:`a + v / m`, whatever the part :math:`a` that they have in
common, so that

.. math:: E_M = E_R - v \left( \frac{1}{R} - \frac{1}{M} \right),

and held-out distances become those of the model's own answers by the factor :math:`\sqrt{E_M / E_R}`.

**With several repeats** the :math:`R` held-out predictions of a row, each from another partition of the rows,
have the sample variance :math:`v`, without bias.

**With one repeat** no row was left out by two networks. What is seen is by how much they differ at rows that
they were *trained* on, each row by all but one of them. There they differ less than at new rows, as what a
row's own label has taught them is the same: :math:`v` is taken too small. There is no proof of that; it was
so for all tables and made-up worlds that it was tried on. So the correction is too small rather than too
large.

Nor is it the leverage of a row, by which a linear model's answers for the row and its label move towards each
other: networks that are stopped early fit a row's label more than they agree there. In made-up worlds
:math:`v` was a half to four fifths of what it is at new rows, while their error was a fifth to two
fifths, so that :math:`v` over the error at the rows trained on, in the place of both at new rows, made
intervals far too short.

**What this is not.** Held-out errors may also be larger as the networks are worse: those of a fold at a step
that its own rows had no say in. That is the business of `polytask.fitting.stacked_stopping`, which leaves out
the judged row alone. Held-out rows are then as new to the network that answers them as any, and
:math:`E_R` is the error of single networks of the model.

**Assumptions.** Errors of networks of one repeat are correlated as those of several are; in truth the former
have slightly fewer training rows in common. Distances keep their form: one factor fits their quantiles as it
fits their mean square; long tails, which networks share, make it too careful. For classes nothing is done,
and nothing along time, where folds are of unlike sizes.

References:
    Anders Krogh, Jesper Vedelsby, "Neural Network Ensembles, Cross Validation, and Active Learning", NeurIPS
    1994: the error of an average is the average error less the spread around it. The factor is ours.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter

import numpy as np
import torch
from torch import Tensor

from polytask.core.random import numpy_generator
from polytask.data.tables.folds import Fold
from polytask.fitting.held_out_networks import HeldOutNetworks
from polytask.fitting.table_preparation import PreparedTable
from polytask.models.table_ensemble import TableEnsemble

__all__ = ["NetworkSpread", "network_spread"]

_MOST_ROWS = 4096  # that are looked at
_FEWEST_ROWS = 50
_LEAST_LEFT = 0.25  # of a mean squared error; a correction beyond is believed no more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkSpread:
    """The variance between networks of a model, row by row.

    Args:
        variances: By target, of standardized numbers, float64 ``[row]``; NaN for rows not looked at.
        n_held_out: Networks whose average predicted a held-out row, :math:`R`.
        n_networks: Networks of the model, :math:`M`.
    """

    variances: Mapping[str, np.ndarray]
    n_held_out: int
    n_networks: int

    def factor(self, name: str, distances: np.ndarray, unit: np.ndarray, weights: np.ndarray) -> float:
        """Return by what held-out distances become those of the model's own answers, 1 at most.

        Args:
            name: The target.
            distances: Of held-out predictions to labels, in units of ``unit``, ``[row]``; NaN without.
            unit: How difficult each row is, above 0, ``[row]``.
            weights: How much each row counts, ``[row]``.

        Example:
            >>> rows = np.full(100, 0.5)
            >>> found = NetworkSpread(variances={"y": rows}, n_held_out=1, n_networks=5)
            >>> round(found.factor("y", np.ones(100), np.ones(100), np.ones(100)) ** 2, 3)
            0.6
        """
        variances = self.variances.get(name)
        if variances is None:
            return 1.0
        judged, looked_at = ~np.isnan(distances), ~np.isnan(variances)
        if min(judged.sum(), looked_at.sum()) < _FEWEST_ROWS:
            return 1.0
        error = np.average(distances[judged] ** 2, weights=weights[judged])
        spread = np.average((variances / unit**2)[looked_at], weights=weights[looked_at])
        if not error > 0:
            return 1.0
        left = 1 - spread * (1 / self.n_held_out - 1 / self.n_networks) / error
        return float(np.sqrt(np.clip(left, _LEAST_LEFT, 1.0)))


def network_spread(model: TableEnsemble, prepared: PreparedTable, *, seed: int) -> NetworkSpread | None:
    """Let the networks of a model predict the rows that they were trained and judged on.

    Args:
        model: The model.
        prepared: What it was trained on.
        seed: Decides which rows are looked at, where they are very many.

    Returns:
        None where nothing is known: along time, for classes, of fewer than three folds that are dealt once,
        or where the model has other networks than one for each fold.
    """
    numbers = [task.name for task in prepared.tasks if task.kind == "regression"]
    networks = HeldOutNetworks(model, prepared)
    if prepared.times is not None or not networks.unseen or not numbers:
        return None
    n_rows, n_repeats = len(prepared.rows), len(prepared.repeats)
    rows = np.arange(n_rows)
    if n_rows > _MOST_ROWS:
        rows = np.sort(numpy_generator(seed, "spread").choice(n_rows, _MOST_ROWS, replace=False))
    of_fold = attrgetter("train" if n_repeats == 1 else "held_out")
    taken = _rows_of_networks(prepared, of_fold)[:, torch.from_numpy(rows)]  # [network, row]
    enough = taken.sum(0) >= (2 if n_repeats == 1 else n_repeats)
    if not enough.any():
        return None
    inputs = prepared.rows.inputs
    assert isinstance(inputs, Tensor)  # noqa: S101 - of a table
    answers = networks.every(inputs[torch.from_numpy(rows)], numbers)
    variances = {}
    for name in numbers:
        found = np.full(n_rows, np.nan)
        found[rows] = torch.where(enough, _variance(answers[name], taken), torch.nan).numpy()
        variances[name] = found
    return NetworkSpread(
        variances=variances, n_held_out=n_repeats, n_networks=sum(map(len, prepared.repeats))
    )


def _rows_of_networks(prepared: PreparedTable, rows_of: Callable[[Fold], np.ndarray]) -> Tensor:
    """Return which rows of its fold each network has, bool ``[network, row]``: those trained on, say."""
    folds = [fold for dealt in prepared.repeats for fold in dealt]
    found = torch.zeros(len(folds), len(prepared.rows), dtype=torch.bool)
    for network, fold in enumerate(folds):
        found[network, torch.from_numpy(rows_of(fold))] = True
    return found


def _variance(answers: Tensor, taken: Tensor) -> Tensor:
    """Return the sample variance ``[row]`` over the networks that are taken, of ``[network, row]``."""
    count = taken.sum(0)
    mean = torch.where(taken, answers, 0.0).sum(0) / count.clamp(min=1)
    return torch.where(taken, (answers - mean).square(), 0.0).sum(0) / (count - 1).clamp(min=1)
