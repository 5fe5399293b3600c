"""Proof that a meta-gradient is right: every execution against the plain loop and finite differences."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.core import Episode, EpisodicLearner, TrainingError, generator, jacobian
from polytask.core.learner import Execution, run_loop
from polytask.execution.named import ExecutionName, named_execution

__all__ = ["GradientReport", "check_meta_gradient"]

_STEP = 3e-6
"""Of the finite differences: about the cube root of the rounding error, where the two errors balance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientReport:
    """What a check of the meta-gradient found.

    Args:
        errors: By execution, the distance of its gradients from the loop's, relative to their length, over
            all episodes and parameters; infinite where it failed. The loop itself is run twice: a distance
            means that the learner is random.
        failures: By execution, why it failed.
        finite_difference_error: The distance of the loop's directional derivatives from central finite
            differences, relative to their length; None where none were taken.
        n_directions: Along how many directions.
        n_parameters: Trainable numbers of the learner.
        n_episodes: Episodes compared.
        tolerance: Errors up to here are rounding.
    """

    errors: Mapping[str, float]
    failures: Mapping[str, str]
    finite_difference_error: float | None
    n_directions: int
    n_parameters: int
    n_episodes: int
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether every comparison that was made is within the tolerance."""
        found = [*self.errors.values(), self.finite_difference_error or 0.0]
        return all(error <= self.tolerance for error in found)  # false for NaN

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
        for name, error in self.errors.items():
            other = "a second run" if name == "loop" else "the loop"
            outcome = f"failed: {self.failures[name]}" if name in self.failures else f"off by {error:.1e}"
            lines.append(f"  {name} against {other}: {outcome}")
        if self.finite_difference_error is None:
            lines.append("  finite differences: not taken, the method is first-order by design")
        else:
            lines.append(
                f"  loop against finite differences, {self.n_directions} directions: off by "
                f"{self.finite_difference_error:.1e}"
            )
        return "\n".join(lines)


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

    Works on a copy in float64 and in evaluation mode, so that dropout is off. Directions are drawn over all
    parameters, and one more within each parameter tensor, so that an error in a small one shows. A kink
    (ReLU, max-pooling) between the two points of a difference spoils it; draw another seed, or check a
    smooth twin.

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

    Example:
        >>> from polytask.core import Batch, Task
        >>> from polytask.meta.initialization import MAML
        >>> half = Batch(inputs=torch.randn(5, 2), targets={"y": torch.randn(5)})
        >>> episode = Episode(tasks=(Task(name="y", kind="regression"),), support=half, query=half)
        >>> check_meta_gradient(MAML(nn.Linear(2, 1)), episode).ok
        True
    """
    learner = copy.deepcopy(learner).double().eval()
    device = next((parameter.device for parameter in learner.parameters()), torch.device("cpu"))
    given = [episodes] * 2 if isinstance(episodes, Episode) else list(episodes)
    given = [episode.to(device, torch.float64) for episode in given]
    parameters = [parameter for parameter in learner.parameters() if parameter.requires_grad]
    reference = jacobian(run_loop(learner, given), parameters)  # [episode, parameter]
    errors, failures = {}, {}
    for name, execution in _executions(learner, executions).items():
        try:
            rows = jacobian(execution(learner, given), parameters)
            errors[name] = _relative(rows - reference, reference)
        except (RuntimeError, ValueError, TypeError) as error:
            errors[name], failures[name] = float("inf"), f"{type(error).__name__}: {error}"
    exact = learner.exact_gradient
    directions = _directions(parameters, n_directions, seed)
    return GradientReport(
        errors=errors,
        failures=failures,
        finite_difference_error=(
            _finite_difference_error(learner, given, parameters, reference, directions) if exact else None
        ),
        n_directions=len(directions) if exact else 0,
        n_parameters=reference.shape[1],
        n_episodes=len(given),
        tolerance=tolerance,
    )


def _executions(
    learner: EpisodicLearner, asked: Sequence[ExecutionName] | Mapping[str, Execution] | None
) -> Mapping[str, Execution]:
    if isinstance(asked, Mapping):
        return asked
    every: Sequence[ExecutionName] = (
        ("loop", "vmap") if learner.inner_gradients else ("loop", "vmap", "forward")
    )
    return {name: named_execution(name, learner) for name in asked or every}


def _directions(parameters: Sequence[nn.Parameter], n_directions: int, seed: int) -> list[Tensor]:
    """Draw unit directions ``[parameter]``: over all parameters, then one within each tensor."""
    sizes = [parameter.numel() for parameter in parameters]
    device = parameters[0].device
    draws = generator(seed, "directions")
    found = []
    for index in (*[None] * n_directions, *range(len(sizes))):
        pieces = [torch.randn(size, generator=draws, dtype=torch.float64) for size in sizes]
        kept = [piece * (index is None or index == position) for position, piece in enumerate(pieces)]
        direction = torch.cat(kept)
        found.append((direction / direction.norm()).to(device))
    return found


def _finite_difference_error(
    learner: EpisodicLearner,
    episodes: Sequence[Episode],
    parameters: Sequence[nn.Parameter],
    reference: Tensor,
    directions: Sequence[Tensor],
) -> float:
    start = nn.utils.parameters_to_vector(parameters).detach().clone()

    def values(point: Tensor) -> Tensor:
        nn.utils.vector_to_parameters(point, parameters)
        with torch.no_grad():
            return run_loop(learner, episodes)  # [episode]

    differences = torch.stack(
        [(values(start + _STEP * d) - values(start - _STEP * d)) / (2 * _STEP) for d in directions]
    )  # [direction, episode]
    derivatives = torch.stack([reference @ direction for direction in directions])
    # Near a stationary point the rounding of the values is all there is: measure against them.
    floor = 1e-4 * float(values(start).norm())
    return _relative(differences - derivatives, derivatives, floor)


def _relative(difference: Tensor, reference: Tensor, floor: float = 0.0) -> float:
    """Return the length of a difference relative to a reference; 0 where both vanish."""
    scale = max(float(reference.norm()), floor, torch.finfo(reference.dtype).tiny)
    return float(difference.norm()) / scale
