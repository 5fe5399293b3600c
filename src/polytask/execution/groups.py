"""Episodes of one form put on top of each other, so that an execution can run them at once.

How it works. torch's `vmap` runs a function over the first dimension of its tensors; so what is to run at
once must have equal shapes. `in_groups` is the one path that every such execution takes:

1. What a source hands over as an `EpisodeStack` is a group already. Else `signature` describes every episode:
   its tasks, and the name, shape, type and place of every tensor in it.
2. Episodes of one signature are stacked. A group of one, or one without support, runs in the plain loop.
3. The execution's own function runs the stack. It returns values ``[episode]`` that autograd can
   differentiate (`run_forward`), or values with the gradient of each by every parameter (`run_vmap`,
   `Chunked`, `Compiled`), which `with_known_gradients` hands to autograd.
4. The values of all groups are put back into the order of the episodes.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from polytask.core import Batch, Episode, EpisodeStack, EpisodicLearner
from polytask.core.batch import Inputs, stack_batches
from polytask.core.learner import run_loop
from polytask.execution.known_gradients import KnownGradients, with_known_gradients

__all__ = ["GroupRun", "as_tree", "in_groups", "signature"]


class GroupRun(Protocol):
    """Runs a group: with gradients, or the values alone."""

    def __call__(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeStack
    ) -> KnownGradients | Tensor:
        """Return gradients and values; or values ``[episode]``, as must be if there are no parameters."""
        ...


def in_groups(run: GroupRun, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    """Run episodes group by group and return their values ``[episode]`` in the order given."""
    if isinstance(episodes, EpisodeStack):
        return _run_group(run, learner, episodes)
    groups: dict[Any, list[int]] = {}
    for index, episode in enumerate(episodes):
        groups.setdefault(signature(episode), []).append(index)
    values = [_run_group(run, learner, [episodes[index] for index in indices]) for indices in groups.values()]
    if len(values) == 1:
        return values[0]
    order = torch.tensor([index for indices in groups.values() for index in indices])
    return torch.cat(values)[order.argsort().to(values[0].device)]


def _run_group(run: GroupRun, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    stack = episodes if isinstance(episodes, EpisodeStack) else _stacked(episodes)
    if len(episodes) == 1 or stack is None:
        return run_loop(learner, episodes)
    parameters: dict[str, Tensor] = {}
    if torch.is_grad_enabled():
        parameters = {name: p for name, p in learner.named_parameters() if p.requires_grad}
    result = run(learner, parameters, stack)
    return result if isinstance(result, Tensor) else with_known_gradients(result, parameters)


def _stacked(episodes: Sequence[Episode]) -> EpisodeStack | None:
    """Return equally formed episodes as a stack; None where they have no support."""
    supports = [episode.support for episode in episodes if episode.support is not None]
    if len(supports) < len(episodes):
        return None
    return EpisodeStack(
        tasks=episodes[0].tasks,
        support=stack_batches(supports),
        query=stack_batches([episode.query for episode in episodes]),
    )


def signature(episodes: Episode | EpisodeStack) -> tuple[Any, ...]:
    """Describe what equally run episodes share: tasks, and name, shape, type and place of every tensor.

    That of a stack is that of each of its episodes.
    """
    first = 1 if isinstance(episodes, EpisodeStack) else 0
    return (
        episodes.tasks, *_described(episodes.support, first), None, *_described(episodes.query, first)
    )  # fmt: skip


def _described(batch: Batch | None, first: int) -> list[tuple[Any, ...]]:
    if batch is None:
        return []
    forms: list[tuple[Any, ...]] = []

    def walk(inputs: Inputs, path: tuple[str, ...]) -> None:
        if isinstance(inputs, Tensor):
            forms.append((path, inputs.shape[first:], inputs.dtype, inputs.device))
        else:
            for name, value in inputs.items():
                walk(value, (*path, name))

    walk(batch.inputs, ("inputs",))
    walk(batch.targets, ("targets",))
    walk(batch.masks, ("masks",))
    return forms


def as_tree(batch: Batch) -> dict[str, Any]:
    """Return the batch as nested dicts, which torch's transforms can take apart."""
    return {"inputs": batch.inputs, "targets": dict(batch.targets), "masks": dict(batch.masks)}
