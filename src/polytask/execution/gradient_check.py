"""Proof that a meta-gradient is right: every execution against the plain loop and finite differences."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.core import Episode, EpisodicLearner, InputError, TrainingError, jacobian
from polytask.core.buffers import kept_buffers
from polytask.core.learner import Execution, run_loop
from polytask.core.random import seeded
from polytask.core.torch_internals import AnyDropout
from polytask.execution.consistency import inconsistencies
from polytask.execution.finite_differences import (
    Direction,
    directions,
    finite_difference_errors,
    without_jumps,
)
from polytask.execution.named import ExecutionName, named_execution

__all__ = ["GradientReport", "check_meta_gradient"]

_NEGLIGIBLE = 1e-6
"""A tensor's gradient is compared relative to its own length, or to this part of the whole where longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientReport:
    """What a check of the meta-gradient found.

    Every error is the largest over episodes and parameter tensors, each relative to its own length, so that
    an error in a small tensor shows.

    Args:
        errors: By execution, the distance of its gradients from the loop's; infinite where it failed. The
            loop itself is run twice: a distance means that the learner is random.
        training_errors: The same in training mode with dropout off; empty where the learner is still random.
        failures: By execution, why it failed; in training mode under its name and ``" in training mode"``.
        finite_difference_errors: By parameter tensor (empty name: all of them), the distance of the loop's
            directional derivative from central finite differences; None where none were taken.
        jumps: Parameter tensors along which the objective jumps, so that there is no derivative; of these,
            only numbers with a gradient are compared with finite differences.
        inconsistencies: Sentences, see `polytask.execution.consistency.inconsistencies`.
        random_in_training: Whether the learner is random in training mode even with dropout off.
        n_directions: Along how many directions differences were taken.
        n_parameters: Trainable numbers of the learner.
        n_episodes: Episodes compared.
        tolerance: Errors up to here are rounding.
    """

    errors: Mapping[str, float]
    training_errors: Mapping[str, float]
    failures: Mapping[str, str]
    finite_difference_errors: Mapping[str, float] | None
    jumps: tuple[str, ...]
    inconsistencies: tuple[str, ...]
    random_in_training: bool
    n_directions: int
    n_parameters: int
    n_episodes: int
    tolerance: float

    @property
    def finite_difference_error(self) -> float | None:
        """The largest distance from finite differences; None where none were taken."""
        errors = self.finite_difference_errors
        return None if errors is None else max(errors.values())

    @property
    def ok(self) -> bool:
        """Whether every comparison that was made is within the tolerance, and nothing is inconsistent."""
        found = [*self.errors.values(), *self.training_errors.values(), self.finite_difference_error or 0.0]
        return not self.inconsistencies and all(error <= self.tolerance for error in found)  # false for NaN

    def raise_if_wrong(self) -> None:
        """Raise if a comparison failed.

        Raises:
            TrainingError: With the whole report.
        """
        if not self.ok:
            raise TrainingError(str(self))

    def __str__(self) -> str:
        verdict = "is right" if self.ok else "is WRONG"
        lines = [
            f"Meta-gradient {verdict} (float64, {self.n_parameters} parameters, {self.n_episodes} episodes, "
            f"tolerance {self.tolerance:.0e})"
        ]
        for suffix, errors in (("", self.errors), (" in training mode", self.training_errors)):
            for name, error in errors.items():
                other = "a second run" if name == "loop" else "the loop"
                reason = self.failures.get(name + suffix)
                outcome = f"off by {error:.1e}" if reason is None else f"failed: {reason}"
                lines.append(f"  {name} against {other}{suffix}: {outcome}")
        if self.random_in_training:
            lines.append("  in training mode: not compared, the learner is random there")
        if self.finite_difference_errors is None:
            lines.append("  finite differences: not taken, the method is first-order by design")
        else:
            worst = max(self.finite_difference_errors, key=self.finite_difference_errors.__getitem__)
            lines.append(
                f"  loop against finite differences, {self.n_directions} directions: off by "
                f"{self.finite_difference_error:.1e}" + (f" at {worst}" if worst else "")
            )
        lines += [
            f"  the objective jumps along {name}, which has no derivative there (a parametrization may round "
            "it): compared along its numbers with a gradient only"
            for name in self.jumps
        ]
        return "\n".join(lines + [f"  {sentence}" for sentence in self.inconsistencies])


def check_meta_gradient(
    learner: EpisodicLearner,
    episodes: Episode | Sequence[Episode],
    *,
    executions: Sequence[ExecutionName] | Mapping[str, Execution] | None = None,
    n_directions: int = 3,
    tolerance: float = 1e-6,
    seed: int = 0,
) -> GradientReport:
    """Compare the meta-gradients of every execution with the plain loop and with finite differences.

    Works on copies in float64: first in evaluation mode, where finite differences are taken along directions
    over all parameters and one within each parameter tensor; then in training mode with dropout off, where
    batch statistics and whatever else differs there come in. Besides it asks whether an episode's objective
    depends on the episodes before it, whether what `adapt` predicts has the loss that is trained, and whether
    a query is predicted alone as in its batch. ReLU and max-pooling have kinks; a difference across one is
    taken again with a shorter step.

    Args:
        learner: The learner; not changed. Finite differences are left out where its gradient is not meant to
            be exact (`EpisodicLearner.exact_gradient`).
        episodes: One or more; vmap needs two alike to be put to the test, so one is taken twice.
        executions: Those to compare, by their names, or functions by any name; None means the loop, vmap
            and, for a learner that takes no gradient itself, the forward one.
        n_directions: Directions over all parameters.
        tolerance: Errors up to here count as rounding.
        seed: Of the directions.

    Returns:
        The report; see `GradientReport.raise_if_wrong`.

    Raises:
        InputError: There is no episode, or nothing of the learner is trained.

    Example:
        >>> from polytask.core import Batch, Task
        >>> from polytask.meta.initialization import MAML
        >>> half = Batch(inputs=torch.randn(5, 2), targets={"y": torch.randn(5)})
        >>> episode = Episode(tasks=(Task(name="y", kind="regression"),), support=half, query=half)
        >>> check_meta_gradient(MAML(nn.Linear(2, 1)), episode).ok
        True
    """
    _check_given(learner, episodes)
    training = _without_dropout(copy.deepcopy(learner).double())
    learner = copy.deepcopy(learner).double().eval()
    device = next((parameter.device for parameter in learner.parameters()), torch.device("cpu"))
    given = [episodes] * 2 if isinstance(episodes, Episode) else list(episodes)
    given = [episode.to(device, torch.float64) for episode in given]
    failures: dict[str, str] = {}
    reference = _rows(run_loop, learner, given)
    errors = _errors(learner, given, reference, executions, failures, "")
    exact = learner.exact_gradient
    named = _trainable(learner)
    along = directions(named, n_directions, seed) if exact else []
    differences, jumps = (
        _differences(learner, given, [parameter for _, parameter in named], reference, along, tolerance)
        if exact
        else (None, ())
    )
    trained = _rows(run_loop, training, given)
    random = _distance(_rows(run_loop, training, given, seed=1), trained, training) > tolerance
    return GradientReport(
        errors=errors,
        training_errors={}
        if random
        else _errors(training, given, trained, executions, failures, " in training mode"),
        failures=failures,
        finite_difference_errors=differences,
        jumps=jumps,
        inconsistencies=inconsistencies(learner, given, tolerance),
        random_in_training=random,
        n_directions=len(along),
        n_parameters=reference.shape[1],
        n_episodes=len(given),
        tolerance=tolerance,
    )


def _check_given(learner: EpisodicLearner, episodes: Episode | Sequence[Episode]) -> None:
    if not isinstance(episodes, Episode) and not len(episodes):
        raise InputError("`episodes` is empty, so that there is no meta-gradient. Give one episode or more.")
    if not _trainable(learner):
        raise InputError(
            f"{type(learner).__name__} has no parameter that is trained, so that there is no meta-gradient. "
            "Set `requires_grad` of what is to be learned."
        )


def _differences(
    learner: EpisodicLearner,
    episodes: Sequence[Episode],
    parameters: Sequence[nn.Parameter],
    reference: Tensor,
    along: Sequence[Direction],
    tolerance: float,
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Return the errors by tensor, and the tensors along which the objective jumps."""

    def values() -> Tensor:
        return run_loop(learner, episodes)

    errors = finite_difference_errors(values, parameters, reference, along)
    if max(errors.values()) <= tolerance:
        return errors, ()
    smooth, jumps = without_jumps(values, parameters, reference, along)
    return (finite_difference_errors(values, parameters, reference, smooth), jumps) if jumps else (errors, ())


def _without_dropout(learner: EpisodicLearner) -> EpisodicLearner:
    """Put a learner into training mode, its dropout layers excepted: each execution draws in its own way."""
    learner.train()
    for module in learner.modules():
        if isinstance(module, AnyDropout):
            module.eval()
    return learner


def _trainable(learner: EpisodicLearner) -> list[tuple[str, nn.Parameter]]:
    return [(name, parameter) for name, parameter in learner.named_parameters() if parameter.requires_grad]


def _rows(
    execution: Execution, learner: EpisodicLearner, episodes: Sequence[Episode], seed: int = 0
) -> Tensor:
    """Return the gradients ``[episode, parameter]``; the learner's buffers are put back."""
    with kept_buffers(learner), seeded(seed, "meta-gradient"):
        return jacobian(execution(learner, episodes), [parameter for _, parameter in _trainable(learner)])


def _errors(
    learner: EpisodicLearner,
    episodes: Sequence[Episode],
    reference: Tensor,
    executions: Sequence[ExecutionName] | Mapping[str, Execution] | None,
    failures: dict[str, str],
    suffix: str,
) -> dict[str, float]:
    errors = {}
    for name, execution in _executions(learner, executions).items():
        try:
            errors[name] = _distance(_rows(execution, learner, episodes), reference, learner)
        except (RuntimeError, ValueError, TypeError) as error:
            errors[name], failures[name + suffix] = float("inf"), f"{type(error).__name__}: {error}"
    return errors


def _executions(
    learner: EpisodicLearner, asked: Sequence[ExecutionName] | Mapping[str, Execution] | None
) -> Mapping[str, Execution]:
    if isinstance(asked, Mapping):
        return asked
    every: Sequence[ExecutionName] = (
        ("loop", "vmap") if learner.inner_gradients else ("loop", "vmap", "forward")
    )
    return {name: named_execution(name, learner) for name in asked or every}


def _distance(rows: Tensor, reference: Tensor, learner: EpisodicLearner) -> float:
    """Return the largest relative distance over episodes and parameter tensors; NaN counts as infinite."""
    sizes = [parameter.numel() for _, parameter in _trainable(learner)]
    floor = (_NEGLIGIBLE * reference.norm(dim=1)).clamp_min(torch.finfo(reference.dtype).tiny)  # [episode]
    worst = 0.0
    for part, right in zip(rows.split(sizes, 1), reference.split(sizes, 1), strict=True):
        off = ((part - right).norm(dim=1) / torch.maximum(right.norm(dim=1), floor)).nan_to_num(torch.inf)
        worst = max(worst, float(off.max()))
    return worst
