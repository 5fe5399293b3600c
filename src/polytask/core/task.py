"""A task: what is asked, and what counts as a good answer; and the objectives of a step, one a task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core.errors import InputError

__all__ = ["ElementLoss", "Objectives", "Task", "TaskKind"]

TaskKind = Literal["regression", "binary", "multiclass", "multilabel"]
ElementLoss = Callable[[Tensor, Tensor], Tensor]
"""(prediction, target) to losses, without reduction: ``[batch]`` or ``[batch, output]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is asked of an input, and what counts as a good answer.

    A prediction is a tensor ``[batch, n_outputs]``: values for regression, logits otherwise. A target is

    - regression: float ``[batch]`` (one output) or ``[batch, n_outputs]``;
    - binary: 0 or 1, ``[batch]``;
    - multiclass: class index, ``[batch]``;
    - multilabel: 0 or 1, ``[batch, n_outputs]``.

    Args:
        name: Names the task in targets, metrics and messages.
        kind: ``"regression"``, ``"binary"``, ``"multiclass"`` or ``"multilabel"``.
        n_outputs: Width of the prediction: targets, 1, classes, labels by kind.
        metrics: Names known to `polytask.evaluate`; the first is the one that Δm compares. Empty means the
            kind's defaults.
        loss: Replaces the kind's loss; takes (prediction, target), returns losses without reduction.
        labels: Names of the classes or labels, for people.

    Raises:
        InputError: The name is empty, the kind unknown, or the number of outputs does not fit the kind.

    Example:
        >>> task = Task(name="species", kind="multiclass", n_outputs=3)
        >>> task.objective(torch.zeros(4, 3), torch.tensor([0, 1, 2, 0])).item()  # log 3
        1.0986...
    """

    name: str
    kind: TaskKind
    n_outputs: int = 1
    metrics: tuple[str, ...] = ()
    loss: ElementLoss | None = None
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = []
        if not self.name:
            problems.append("`name` is empty; give the task a name")
        if self.kind not in get_args(TaskKind):
            problems.append(f"`kind` is {self.kind!r}; use one of {', '.join(get_args(TaskKind))}")
        if self.kind == "binary" and self.n_outputs != 1:
            problems.append(
                f"a binary task has `n_outputs` 1, got {self.n_outputs}; use 'multilabel' for more"
            )
        if self.kind == "multiclass" and self.n_outputs < 2:
            problems.append(f"a multiclass task needs `n_outputs` of 2 or more, got {self.n_outputs}")
        if self.n_outputs < 1:
            problems.append(f"`n_outputs` must be at least 1, got {self.n_outputs}")
        if problems:
            raise InputError(f"Task {self.name!r}: " + "; ".join(problems) + ".")

    def objective(self, prediction: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Average the task's loss over the labelled examples.

        Args:
            prediction: ``[batch, n_outputs]``.
            target: See the class; entries without a label may hold anything, NaN included.
            mask: True where there is a label: ``[batch]``, or ``[batch, n_outputs]`` for several outputs.

        Returns:
            A scalar; exactly 0 where no example has a label.
        """
        prediction = self._shaped(prediction)
        if mask is None and self.loss is None:
            return _LOSSES[self.kind](prediction, target, reduction="mean")
        if mask is not None:
            known = mask.unsqueeze(-1) if mask.ndim < target.ndim else mask
            target = torch.where(known, target, torch.zeros_like(target))  # NaN * 0 would be NaN
        loss = self.loss or partial(_LOSSES[self.kind], reduction="none")
        losses = loss(prediction, target)  # [batch] or [batch, output]
        if mask is None:
            return losses.mean()
        if mask.ndim < losses.ndim:
            mask = mask.unsqueeze(-1).expand_as(losses)
        kept = torch.where(mask, losses, torch.zeros_like(losses))
        return kept.sum() / mask.sum().clamp(min=1)

    def decide(self, prediction: Tensor) -> Tensor:
        """Turn a prediction ``[batch, n_outputs]`` into the answer, shaped like a target."""
        if self.kind == "multiclass":
            return prediction.argmax(-1)
        prediction = self._shaped(prediction)
        return prediction if self.kind == "regression" else (prediction > 0).to(prediction.dtype)

    def probabilities(self, prediction: Tensor) -> Tensor:
        """Turn logits ``[batch, n_outputs]`` into probabilities: ``[batch]`` for binary, else the same shape.

        Raises:
            InputError: The task is a regression.
        """
        if self.kind == "regression":
            raise InputError(f"Task {self.name!r} is a regression and has no probabilities; use `decide`.")
        return prediction.softmax(-1) if self.kind == "multiclass" else self._shaped(prediction).sigmoid()

    def _shaped(self, prediction: Tensor) -> Tensor:
        """Drop the width of a single output, so that a prediction has the target's shape."""
        if prediction.shape[-1] != self.n_outputs:
            raise InputError(
                f"The prediction of task {self.name!r} has shape {tuple(prediction.shape)}, but its last "
                f"dimension should be `n_outputs` = {self.n_outputs}."
            )
        return prediction.squeeze(-1) if self.n_outputs == 1 else prediction


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """One value per objective, differentiable in the learner's parameters.

    Args:
        values: ``[objective]``; only objectives that have a label in this step.
        names: The objective's name for each value.
        penalty: A scalar added to the total as it is, never balanced; for example the distance that soft
            sharing keeps small.
        absent: Tasks that were asked but had no label in this step.
        counts: Labelled values behind each objective; parts of a step, on other processes or accumulated, are
            averaged by them. None where each value is an objective of its own, as an episode's is.
        taps: For each encoding of inputs, where the tasks leave the shared part, by name; see `tap`. Empty
            where the learner has no such place.
    """

    values: Tensor
    names: tuple[str, ...]
    penalty: Tensor | None = None
    absent: tuple[str, ...] = ()
    counts: tuple[int, ...] | None = None
    taps: tuple[Mapping[str, Tensor], ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 1 or self.values.shape[0] != len(self.names):
            raise InputError(
                f"`values` must be one number per name, but has shape {tuple(self.values.shape)} for "
                f"{len(self.names)} names."
            )

    def __len__(self) -> int:
        return len(self.names)

    def total(self) -> Tensor:
        """Return the plain sum of the objectives and the penalty, a scalar."""
        return self.values.sum() if self.penalty is None else self.values.sum() + self.penalty

    def by_name(self) -> dict[str, float]:
        """Return the detached values by name."""
        return dict(zip(self.names, self.values.detach().tolist(), strict=True))


def _binary_cross_entropy(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return functional.binary_cross_entropy_with_logits(
        prediction, target.to(prediction.dtype), reduction=reduction
    )


def _cross_entropy(prediction: Tensor, target: Tensor, *, reduction: str) -> Tensor:
    return functional.cross_entropy(prediction, target.long(), reduction=reduction)


_LOSSES: Mapping[TaskKind, Callable[..., Tensor]] = {
    "regression": functional.mse_loss,
    "binary": _binary_cross_entropy,
    "multiclass": _cross_entropy,
    "multilabel": _binary_cross_entropy,
}
