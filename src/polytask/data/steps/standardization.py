"""Inputs and regression targets of tensors, standardized with constants of the training examples alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.core import Batch, DataError, InputError, Task

__all__ = ["Standardization"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standardization:
    """Standardizes a batch: mean 0 and standard deviation 1 in the training examples.

    A missing input, NaN, becomes the training mean, and a further feature tells that it was missing if that
    happened in training. A feature that is constant in training becomes 0. Targets of classes stay as they
    are.

    Args:
        mean: Of each feature, ``[feature]``.
        scale: Standard deviation of each feature, 1 where it is constant, ``[feature]``.
        indicators: Positions of the features with a missing value in training, long ``[indicator]``.
        targets: Mean and scale by name of a regression task: each a scalar, or ``[n_outputs]``.

    Example:
        >>> train = Batch(inputs=torch.tensor([[1.0, 5.0], [3.0, torch.nan]]),
        ...               targets={"y": torch.tensor([10.0, 30.0])})
        >>> fitted = Standardization.fit([Task(name="y", kind="regression")], train)
        >>> fitted.apply(train).inputs
        tensor([[-1.,  0.,  0.],
                [ 1.,  0.,  1.]])
        >>> fitted.restore("y", torch.tensor([2.0]))
        tensor([40.])
    """

    mean: Tensor
    scale: Tensor
    indicators: Tensor
    targets: Mapping[str, tuple[Tensor, Tensor]]

    @classmethod
    def fit(cls, tasks: Sequence[Task], train: Batch, *, together: bool = False) -> "Standardization":
        """Take means and standard deviations from training examples.

        Args:
            tasks: The tasks; constants are kept of those of kind regression.
            train: The training examples; inputs float ``[example, feature]``.
            together: Whether all regression targets share one mean and scale, as the same quantity asked of
                several schools or patients should.

        Raises:
            InputError: The inputs are no matrix of floats.
            DataError: A feature or a regression target is infinite, or a regression target has no label.
        """
        inputs = _matrix(train)
        if torch.isinf(inputs).any():
            raise DataError("The training inputs hold infinite values; correct them, or make them NaN.")
        missing = inputs.isnan()
        mean, scale = _moments(inputs, ~missing)
        return cls(
            mean=mean,
            scale=scale,
            indicators=missing.any(0).nonzero().squeeze(1),
            targets=_target_moments(tasks, train, together=together),
        )

    def apply(self, batch: Batch) -> Batch:
        """Standardize inputs and regression targets; a target without a label becomes 0.

        Raises:
            InputError: The inputs have another number of features.
        """
        inputs = _matrix(batch)
        if inputs.shape[1] != len(self.mean):
            raise InputError(
                f"The inputs have {inputs.shape[1]} features, but {len(self.mean)} were standardized; use "
                "the batch of the same dataset."
            )
        missing = inputs.isnan()
        standardized = ((inputs - self.mean) / self.scale).masked_fill(missing, 0.0)
        indicators = missing[:, self.indicators].to(inputs.dtype)  # [example, indicator]
        targets = dict(batch.targets)
        for name in set(targets) & set(self.targets):
            center, spread = self.targets[name]
            targets[name] = (targets[name] - center) / spread
            if name in batch.masks:
                mask = batch.masks[name]
                mask = mask if mask.ndim == targets[name].ndim else mask[:, None]
                targets[name] = torch.where(mask, targets[name], torch.zeros_like(targets[name]))
        return Batch(inputs=torch.cat([standardized, indicators], dim=1), targets=targets, masks=batch.masks)

    def restore(self, name: str, values: Tensor) -> Tensor:
        """Turn standardized values of a regression task, shaped like its target, back to units."""
        if name not in self.targets:
            known = ", ".join(self.targets) or "none"
            raise InputError(f"No regression task {name!r} was standardized; there is {known}.")
        center, spread = self.targets[name]
        return values * spread + center


def _matrix(batch: Batch) -> Tensor:
    inputs = batch.inputs
    if not isinstance(inputs, Tensor) or inputs.ndim != 2 or not inputs.is_floating_point():
        raise InputError(
            "Standardization needs inputs that are one float tensor [example, feature]; standardize other "
            "inputs by a transform of their own."
        )
    return inputs


def _moments(values: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the known values along the first dimension, in float64 inside."""
    counts = known.sum(0).clamp(min=1)
    exact = torch.where(known, values, torch.zeros_like(values)).double()
    mean = exact.sum(0) / counts
    squares = torch.where(known, exact - mean, torch.zeros_like(exact)).square()
    deviation = (squares.sum(0) / counts).sqrt()
    # Rounding alone makes a constant feature's deviation about this large.
    constant = deviation <= 1e-7 * mean.abs()
    deviation = torch.where(constant, torch.ones_like(deviation), deviation)
    return mean.to(values.dtype), deviation.to(values.dtype)


def _target_moments(
    tasks: Sequence[Task], train: Batch, *, together: bool
) -> dict[str, tuple[Tensor, Tensor]]:
    found: dict[str, tuple[Tensor, Tensor]] = {}
    pooled: list[Tensor] = []
    for task in tasks:
        if task.kind != "regression":
            continue
        if not train.n_labels(task.name):
            raise DataError(f"The training examples have no label of {task.name!r}; drop the task.")
        target = train.targets[task.name]
        known = train.masks.get(task.name, torch.ones(len(train), dtype=torch.bool))
        known = known if known.ndim == target.ndim else known[:, None].expand_as(target)
        if not torch.isfinite(target[known]).all():
            raise DataError(
                f"The target {task.name!r} has labels that are NaN or infinite; correct or mask them."
            )
        if together:
            pooled.append(target[known])
        found[task.name] = (
            (target.new_zeros(()), target.new_ones(())) if together else _moments(target, known)
        )
    if pooled:
        values = torch.cat(pooled)
        shared = _moments(values, torch.ones_like(values, dtype=torch.bool))
        found = dict.fromkeys(found, shared)
    return found
