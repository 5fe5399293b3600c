"""What a table-like task looks like in numbers, from its labelled examples alone."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, InputError, Task
from polytask.selection.landmarkers import landmarkers

__all__ = ["TaskFeatures", "task_features"]

_KINDS = ("regression", "binary", "multiclass")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskFeatures:
    """Meta-features of a task.

    Args:
        names: One for each number; the same for every task, of whatever kind.
        values: Float64 ``[meta-feature]``, always finite.

    Raises:
        InputError: There is not one number a name.
    """

    names: tuple[str, ...]
    values: Tensor

    def __post_init__(self) -> None:
        if self.values.shape != (len(self.names),):
            raise InputError(
                f"`values` must have shape ({len(self.names)},), one number a name, got "
                f"{tuple(self.values.shape)}."
            )

    def by_name(self) -> dict[str, float]:
        """Return the numbers by name."""
        return dict(zip(self.names, self.values.tolist(), strict=True))


def task_features(task: Task, batch: Batch) -> TaskFeatures:
    r"""Describe a task by its labelled examples: sizes, target, inputs, and how simple rules fare.

    Rows without a label count for nothing. The numbers are exactly the same for any order of the rows: they
    are sorted first. With :math:`n` rows and :math:`d` features the work is
    :math:`O(n d \min(n, d))`. The numbers are

    - sizes: logarithms of rows, features, and rows a feature; whether it is a classification, logarithm of
      its classes;
    - the target: entropy of the classes over its most, shares of the largest and the smallest class; for a
      regression skew, logarithm of the kurtosis, share of distinct values; 0 for the other kind;
    - the inputs: shares of missing values, of rows with any, of constant and of two-valued features; mean
      absolute skew, mean logarithm of the kurtosis;
    - correlations: root mean square between features, share of the variance in the first principal
      component, mean and most between a feature and the target (the correlation ratio, for classes);
    - errors of simple rules, each row answered without it; see `landmarkers`.

    Args:
        task: A regression with one output, a binary or a multiclass task.
        batch: Its training or support examples: inputs ``[row, feature]``, NaN where a value is missing.

    Raises:
        InputError: The task is of another kind, the inputs are no table of numbers or infinite somewhere, or
            there is no label, or one that the task cannot have.

    Example:
        >>> task = Task(name="big", kind="binary")
        >>> batch = Batch(inputs=torch.arange(8.0).unsqueeze(1), targets={"big": torch.arange(8) // 4})
        >>> found = task_features(task, batch).by_name()
        >>> found["class entropy"], found["nearest mean error"]
        (1.0, 0.0)

    References:
        Feurer, Springenberg, Hutter. Initializing Bayesian Hyperparameter Optimization via Meta-Learning.
        AAAI 2015, whose kinds of meta-features these are. Pfahringer, Bensusan, Giraud-Carrier.
        Meta-Learning by Landmarking Various Learning Algorithms. ICML 2000. Differs: far fewer, the same for
        regression and classification, and landmarkers leave out one row instead of a tenth.
    """
    inputs, target = _table(task, batch)
    known = ~np.isnan(inputs)
    scaled = _standardized(inputs)
    if task.kind == "regression":
        outputs = _standardized(target[:, None])  # [row, 1]
    else:
        classes = np.arange(max(task.n_outputs, 2))
        outputs = (target[:, None] == classes).astype(np.float64)  # [row, class]
    found = {
        **_sizes(task, scaled),
        **_target_shape(task, target),
        **_input_shape(inputs, known, scaled),
        **_correlations(task, scaled, outputs),
        **landmarkers(scaled, outputs, classes=task.kind != "regression"),
    }
    return TaskFeatures(names=tuple(found), values=torch.tensor(list(found.values()), dtype=torch.float64))


def _table(task: Task, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    """Return the labelled rows in sorted order: float64 inputs ``[row, feature]`` and target ``[row]``."""
    if task.kind not in _KINDS or (task.kind == "regression" and task.n_outputs > 1):
        raise InputError(
            f"Task {task.name!r} is a {task.kind} task with {task.n_outputs} outputs; meta-features are of "
            "regressions with one output, binary and multiclass tasks. Make a task of each output."
        )
    if not isinstance(batch.inputs, Tensor) or batch.inputs.ndim != 2 or not batch.inputs.shape[1]:
        shape = tuple(batch.inputs.shape) if isinstance(batch.inputs, Tensor) else "a mapping"
        raise InputError(
            f"Meta-features of task {task.name!r} need inputs [row, feature], got {shape}; give one matrix, "
            "e.g. the encoder's features."
        )
    if not batch.n_labels(task.name):
        raise InputError(f"The batch has no label of task {task.name!r}; meta-features need one or more.")
    target = batch.targets[task.name].detach().double().cpu().numpy().reshape(-1)
    inputs = batch.inputs.detach().double().cpu().numpy()
    if task.name in batch.masks:
        labelled = batch.masks[task.name].cpu().numpy().reshape(-1)
        inputs, target = inputs[labelled], target[labelled]
    infinite = np.flatnonzero(np.isinf(inputs).any(0)).tolist()
    if infinite:
        raise InputError(
            f"Inputs of task {task.name!r} are infinite in columns {infinite[:10]}; put NaN there if the "
            "value is missing."
        )
    n_classes = max(task.n_outputs, 2)
    possible = np.isfinite(target) if task.kind == "regression" else np.isin(target, np.arange(n_classes))
    if not possible.all():
        which = "a finite number" if task.kind == "regression" else f"0 to {n_classes - 1}"
        raise InputError(
            f"Target {target[~possible][0]} of task {task.name!r} is not {which}; mask rows without a label."
        )
    order = np.lexsort((*inputs.T, target))  # by the target first: sums do not depend on the rows' order
    return np.ascontiguousarray(inputs[order]), target[order]


def _standardized(values: np.ndarray) -> np.ndarray:
    """Give every column mean 0 and deviation 1 over what is known; 0 where missing or constant."""
    known = ~np.isnan(values)
    largest = np.max(np.abs(values), axis=0, initial=0, where=known)
    with np.errstate(under="ignore"):
        filled = np.where(known, values, 0) / np.where(largest > 0, largest, 1)  # squares stay finite
    n_known = np.maximum(known.sum(0), 1)
    centred = np.where(known, filled - filled.sum(0) / n_known, 0)
    deviation = np.sqrt((centred**2).sum(0) / n_known)
    varies = deviation > 1e-10  # of numbers up to 1: below it is rounding
    return np.where(varies, centred / np.where(varies, deviation, 1), 0)


def _sizes(task: Task, scaled: np.ndarray) -> dict[str, float]:
    n_rows, n_features = scaled.shape
    classification = task.kind != "regression"
    return {
        "log rows": math.log(n_rows),
        "log features": math.log(n_features),
        "log rows per feature": math.log(n_rows / n_features),
        "is classification": float(classification),
        "log classes": math.log(max(task.n_outputs, 2)) if classification else 0.0,
    }


def _target_shape(task: Task, target: np.ndarray) -> dict[str, float]:
    found: dict[str, float] = {
        **dict.fromkeys(("class entropy", "largest class share", "smallest class share"), 0.0),
        **dict.fromkeys(("target skew", "target log kurtosis", "target distinct share"), 0.0),
    }
    if task.kind == "regression":
        skew, kurtosis = _moments(_standardized(target[:, None]))
        found["target skew"], found["target log kurtosis"] = float(skew[0]), float(kurtosis[0])
        found["target distinct share"] = len(np.unique(target)) / len(target)
        return found
    shares = np.bincount(target.astype(int), minlength=max(task.n_outputs, 2)) / len(target)
    present = shares[shares > 0]
    found["class entropy"] = float(-(present * np.log(present)).sum() / math.log(len(shares)) + 0.0)
    found["largest class share"], found["smallest class share"] = float(shares.max()), float(shares.min())
    return found


def _input_shape(inputs: np.ndarray, known: np.ndarray, scaled: np.ndarray) -> dict[str, float]:
    n_distinct = np.array([len(np.unique(column[there])) for column, there in zip(inputs.T, known.T)])
    skew, kurtosis = _moments(scaled)
    return {
        "missing share": float(1 - known.mean()),
        "share of rows with missing": float((~known).any(1).mean()),
        "share of constant features": float((n_distinct < 2).mean()),
        "share of two-valued features": float((n_distinct == 2).mean()),
        "mean absolute skew": float(np.abs(skew).mean()),
        "mean log kurtosis": float(kurtosis.mean()),
    }


def _moments(scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the skew and ``log(1 + kurtosis)`` of standardized columns, ``[feature]`` each."""
    return (scaled**3).mean(0), np.log1p((scaled**4).mean(0))


def _correlations(task: Task, scaled: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    n_rows, n_features = scaled.shape
    small = scaled.T @ scaled if n_features <= n_rows else scaled @ scaled.T
    spectrum = np.linalg.eigvalsh(small / n_rows).clip(min=0)  # the correlations' own, zeros left out
    own = (scaled**2).mean(0)  # 1, less where values are missing, 0 for a constant
    n_pairs = max(n_features * (n_features - 1), 1)
    between = max(float((spectrum**2).sum() - (own**2).sum()), 0.0) / n_pairs
    total = float(spectrum.sum())
    if task.kind == "regression":
        with_target = np.abs(scaled.T @ outputs[:, 0]) / n_rows
    else:
        n_each = outputs.sum(0)
        means = scaled.T @ outputs / np.maximum(n_each, 1)  # [feature, class]
        with_target = np.sqrt((means**2 * n_each).sum(1) / n_rows)
    return {
        "correlation of features": math.sqrt(between),
        "first component share": float(spectrum[-1]) / total if total > 0 else 0.0,
        "mean correlation with target": float(with_target.mean()),
        "largest correlation with target": float(with_target.max()),
    }
