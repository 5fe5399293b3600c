"""What comes of networks that were trained at once: a model of their best steps, and what they predict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from torch import Tensor

from polytask.core import Task, seeded
from polytask.models.network_stack import NetworkStack, StackedEnsemble
from polytask.models.number_bins import NumberBins
from polytask.models.stack_plan import StackPlan, Stage

__all__ = ["StackedFit", "kept_ensemble", "kept_stages"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedFit:
    """What was trained.

    Args:
        model: The average of the networks, each target with the weights of the step that it keeps; None where
            the targets have a model each.
        predictions: For each target what the networks predict for rows that they were not trained on, float32
            ``[row, n_outputs]``, averaged over repeats; NaN where no network was judged by a row.
        steps: The step that each target keeps.
        losses: For each target the mean loss on held-out rows by epoch.
        n_parameters: Of all networks together.
        drawn: How often each task of a task column was drawn, int64 ``[task]``; None where none is.
    """

    model: StackedEnsemble | None
    predictions: Mapping[str, Tensor]
    steps: Mapping[str, int]
    losses: Mapping[str, list[float]]
    n_parameters: int
    drawn: Tensor | None = None


def kept_stages(epochs: Mapping[str, int], steps: Sequence[int]) -> tuple[Stage, ...]:
    """Put targets together that keep the weights of one epoch, in the order of epochs.

    Args:
        epochs: The epoch that each target keeps, in the order of targets.
        steps: Done at the end of each epoch.

    Example:
        >>> [(stage.step, stage.targets) for stage in kept_stages({"a": 3, "b": 0, "c": 3}, [9, 18, 27, 36])]
        [(9, ('b',)), (36, ('a', 'c'))]
    """
    return tuple(
        Stage(step=steps[epoch], targets=tuple(name for name, kept in epochs.items() if kept == epoch))
        for epoch in sorted(set(epochs.values()))
    )


def kept_ensemble(
    tasks: Sequence[Task],
    plan: StackPlan,
    bins: NumberBins,
    weights: Sequence[Mapping[str, Tensor]],
    *,
    seed: int,
) -> StackedEnsemble:
    """Build the average of networks.

    Args:
        tasks: The targets.
        plan: Its form.
        bins: Embeds features.
        weights: For each stage those of the networks of all targets.
        seed: Of weights that are drawn and then replaced.
    """
    with seeded(seed, "ensemble"):
        model = StackedEnsemble(tasks, len(bins.n_bins), plan)
    model.embedding = bins
    for stage, stack, of_stage in zip(plan.stages, model.stacks, weights):
        cast(NetworkStack, stack).load_part(of_stage, tasks, stage.targets)
    return model.eval()
