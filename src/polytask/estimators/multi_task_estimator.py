"""The model of a table as an estimator of scikit-learn."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from polytask.core import InputError
from polytask.core.doors import at_the_estimator
from polytask.data import read_table
from polytask.data.tables.target_column import TargetColumn, label_array
from polytask.estimators.labelled_table import (
    Permitted,
    Shape,
    feature_frame,
    labelled_table,
    target_frame,
)
from polytask.estimators.target_scores import target_score
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.table_fit import fit_table
from polytask.models.table_model import TableModel
from polytask.models.table_results import FitResults
from polytask.relate import related_groups

__all__ = ["MultiTaskEstimator"]


def _predicts_classes(estimator: "MultiTaskEstimator") -> bool:
    """Tell whether there are probabilities: a fitted estimator knows, another one may."""
    if not hasattr(estimator, "model_"):
        return estimator._permitted != "numbers"
    return any(target.classes for target in estimator.model_.targets)


class MultiTaskEstimator(BaseEstimator):
    """One model of several targets of mixed kinds, some of whose labels may be missing.

    It is `polytask.fit` with the manners of scikit-learn: pipelines, grid search, cloning and pickling work.
    All targets share a network; those of numbers, two classes and several classes may stand side by side.

    Args:
        kinds: ``"regression"``, ``"log"``, ``"binary"`` or ``"multiclass"`` for all targets, or a
            dictionary by name (``"y0"``, ``"y1"`` … for the columns of an array, ``"y"`` for values of one
            target); None for whatever fits.
        groups: Which targets are trained together, by name, as ``[["y0", "y2"], ["y1"]]``, or ``"auto"``;
            None for all. (What `fit` takes as ``groups`` are groups of rows, as scikit-learn calls them.)
        text_encoder: Reads columns of text, as in `polytask.fit`, and so is all that follows.
        folds: How many folds, a splitter, or pairs of row positions.
        repeats: How often rows are dealt anew.
        baselines: Also train a model for each target alone, for ``results_``; here they are left out by
            default.
        class_weights: How much an error on each class costs: ``"balanced"``, or by target. Then `predict`
            gives the class of lowest expected cost, which need not be the most probable one.
        target_weights: How much targets count in the loss of what they share, by name.
        metrics: Which metric judges a target in ``results_``, by name.
        task_sampling: How much targets with many and with few labels count beside each other.
        sampling_temperature: Of ``task_sampling="temperature"``.
        architecture: How the targets share.
        balancing: How the targets' losses become one update.
        heads: ``"shared"`` for one head of all targets of a kind, ``"own"`` for one each.
        width: Units of each layer.
        depth: Layers.
        dropout: Probability of dropping a unit.
        epochs: Passes over the training rows at most.
        patience: A target stops after so many epochs without a lower loss on held-out rows.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW, decoupled.
        batch_size: Rows a step; None for a number that fits the table.
        bins: Bins of a number at most, of ``"hard"`` (16); 0 for none.
        members: Networks of ``"tabm"`` (16).
        soft_strength: Pull of ``"soft"`` and ``"trace-norm"`` (0.01).
        seed: The same one gives the same model.
        time_budget: Seconds after which training stops; None for as long as it takes.
        resume_folder: A folder where a killed fit continues.
        accelerator: As in Lightning Fabric.
        precision: How to train.
        progress: Show bars.

    Attributes:
        model_: The `TableModel`; ``model_.save(folder)`` keeps it without pickle.
        results_: Its figures on held-out rows, see `FitResults`.
        targets_: The names of the targets.
        classes_: The classes of the only target, sorted; of several targets that are all classes a list.
        n_features_in_: How many features there are.
        feature_names_in_: Their names, where the features had names.

    Example:
        >>> x = np.random.default_rng(0).random((100, 2))
        >>> targets = pd.DataFrame({"sum": x.sum(1), "more": np.where(x[:, 0] > 0.5, "yes", "no")})
        >>> targets.loc[::4, "sum"] = np.nan
        >>> estimator = MultiTaskEstimator(epochs=2, folds=2).fit(x, targets)
        >>> estimator.predict(x).columns.tolist(), estimator.predict_proba(x).columns.tolist()
        (['sum', 'more'], [('more', 'no'), ('more', 'yes')])
    """

    model_: TableModel
    results_: FitResults
    targets_: tuple[str, ...]
    classes_: Any
    _permitted: ClassVar[Permitted] = "any"
    _shape: Shape

    def __init__(
        self,
        *,
        kinds: str | Mapping[str, str | None] | None = None,
        groups: Any = None,
        text_encoder: str | None = None,
        folds: Any = None,
        repeats: int = 1,
        baselines: bool = False,
        class_weights: Any = None,
        target_weights: Mapping[str, float] | None = None,
        metrics: Mapping[str, str] | None = None,
        task_sampling: str | None = None,
        sampling_temperature: float | None = None,
        architecture: str = "hard",
        balancing: str = "equal",
        heads: str | None = None,
        width: int = 64,
        depth: int = 2,
        dropout: float = 0.1,
        epochs: int = 200,
        patience: int = 30,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        batch_size: int | None = None,
        bins: int | None = None,
        members: int | None = None,
        soft_strength: float | None = None,
        seed: int = 0,
        time_budget: float | None = None,
        resume_folder: str | Path | None = None,
        accelerator: str = "cpu",
        precision: str = "32-true",
        progress: bool = False,
    ) -> None:
        self.kinds = kinds
        self.groups = groups
        self.text_encoder = text_encoder
        self.folds = folds
        self.repeats = repeats
        self.baselines = baselines
        self.class_weights = class_weights
        self.target_weights = target_weights
        self.metrics = metrics
        self.task_sampling = task_sampling
        self.sampling_temperature = sampling_temperature
        self.architecture = architecture
        self.balancing = balancing
        self.heads = heads
        self.width = width
        self.depth = depth
        self.dropout = dropout
        self.epochs = epochs
        self.patience = patience
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.bins = bins
        self.members = members
        self.soft_strength = soft_strength
        self.seed = seed
        self.time_budget = time_budget
        self.resume_folder = resume_folder
        self.accelerator = accelerator
        self.precision = precision
        self.progress = progress

    def fit(
        self,
        X: Any,  # noqa: N803
        y: Any = None,
        *,
        sample_weight: Any = None,
        groups: Any = None,
        times: Any = None,
    ) -> Self:
        """Train on features and targets.

        Args:
            X: A frame of pandas, polars, Arrow or DuckDB, with columns of any kind, or an array
                ``[row, feature]``. Missing values are fine.
            y: The targets: a frame of such a library with a column for each, a series, or an array ``[row]``
                or ``[row, target]``. Missing labels are fine, as long as every target has some.
            sample_weight: How much each row counts in training ``[row]``.
            groups: Rows that share a group are never both trained on and judged ``[row]``.
            times: Networks are trained on earlier rows and judged by later ones ``[row]``.

        Raises:
            InputError: A setting, the features or the targets are wrong; it is a ValueError.
        """
        settings = self.get_params(deep=False)
        kinds, text_encoder = settings.pop("kinds"), settings.pop("text_encoder")
        checked = FitSettings.checked(settings, find_groups=related_groups)
        with at_the_estimator():
            table = labelled_table(
                self, X, y, kinds=kinds, permitted=self._permitted,
                sample_weight=sample_weight, groups=groups, times=times, text_encoder=text_encoder,
            )  # fmt: skip
            self.model_ = fit_table(table.frame, table.columns, checked, stacklevel=3)
        assert self.model_.results is not None  # noqa: S101 - a fit always has them
        self.results_ = self.model_.results
        self.targets_, self._shape = table.targets, table.shape
        self._set_classes()
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Predict every target of every row.

        Returns:
            As the targets were given: a data frame with a column for each, or an array ``[row]`` or
            ``[row, target]``; numbers in their units, classes as the labels were.
        """
        outputs = self._outputs(X)
        columns = {
            target.task.name: target.decode(outputs[target.task.name])[""] for target in self._targets()
        }
        answers = pd.DataFrame(columns, index=_index(X))
        if self._shape == "one":
            return answers[self.targets_[0]].to_numpy()
        return answers if self._shape == "frame" else answers.to_numpy()

    @available_if(_predicts_classes)
    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Predict the probability of every class of every target that is no number.

        Returns:
            For one target an array ``[row, class]`` in the order of ``classes_``; for an array of targets a
            list of such arrays, and for a frame a frame with columns by target and class.
        """
        outputs = self._outputs(X)
        found: dict[tuple[str, Any], np.ndarray] = {}
        arrays = []
        for target in self._targets():
            if target.classes:
                name = target.task.name
                labels, order = _sorted_classes(target)
                array = np.column_stack(list(target.decode(outputs[name]).values())[1:])[:, order]
                arrays.append(array)
                found |= {(name, label): array[:, place] for place, label in enumerate(labels.tolist())}
        if len(self.targets_) == 1:
            return arrays[0]
        if self._shape == "array":
            return arrays
        columns = pd.MultiIndex.from_tuples(list(found), names=["target", "class"])
        return pd.DataFrame(np.column_stack(arrays), index=_index(X), columns=columns)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803
        """Return the mean over targets of R² (numbers) and accuracy (classes), of the rows with a label.

        Args:
            X: Features.
            y: Targets.
            sample_weight: How much each row counts ``[row]``.
        """
        outputs = self._outputs(X)
        truth, _ = target_frame(y)
        if self._shape != "frame" and len(truth.columns) == len(self.targets_):
            truth.columns = pd.Index(self.targets_, dtype=object)
        lacking = [name for name in self.targets_ if name not in truth.columns]
        if lacking:
            raise InputError(f"`y` lacks the targets {', '.join(map(repr, lacking[:5]))} that were fitted.")
        labels = read_table(truth)
        scores = [
            target_score(target, outputs[target.task.name], labels, weights=sample_weight)
            for target in self._targets()
        ]
        known = [score for score in scores if score is not None]
        if not known:
            raise InputError(
                "`y` has no label of any target, so there is nothing to compare predictions with."
            )
        return float(np.mean(known))

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn what is allowed: missing values, text, several targets."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.required = True
        tags.target_tags.multi_output = True
        return tags

    def _outputs(self, X: Any) -> dict[str, Tensor]:  # noqa: N803
        check_is_fitted(self, "model_")
        frame = read_table(feature_frame(self, X, fitting=False))
        return self.model_.outputs(frame, stacklevel=4)

    def _targets(self) -> list[TargetColumn]:
        """Return the targets in the order in which they were given."""
        by_name = {target.task.name: target for target in self.model_.targets}
        return [by_name[name] for name in self.targets_]

    def _set_classes(self) -> None:
        """Note the classes, where scikit-learn looks for them."""
        self.__dict__.pop("classes_", None)
        targets = self._targets()
        if all(target.classes for target in targets):
            found = [_sorted_classes(target)[0] for target in targets]
            self.classes_ = found[0] if len(found) == 1 else found


def _sorted_classes(target: TargetColumn) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels of a target as `numpy.unique` sorts them, and the place of each among its outputs."""
    labels = label_array(target.labels or target.classes)
    order = np.argsort(labels, kind="stable")
    return labels[order], order


def _index(features: Any) -> pd.Index | None:
    """Return the index that answers get: that of a pandas frame."""
    return features.index if isinstance(features, pd.DataFrame) else None
