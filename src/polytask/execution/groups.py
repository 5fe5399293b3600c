"""Episodes of one form put on top of each other, so that an execution can run them at once.

How it works. torch's `vmap` runs a function over the first dimension of its tensors; so what is to run at
once must have equal shapes. `in_groups` is the one path that every such execution takes:

1. `signature` describes an episode: its tasks, and the name, shape, type and place of every tensor in it.
2. Episodes of one signature become an `EpisodeGroup`, whose support and query are nested dicts of tensors
   ``[episode, ...]``. A group of one, or one without support, runs in the plain loop.
3. The execution's own function runs the group. It returns values ``[episode]`` that autograd can
   differentiate (`run_forward`), or values with the gradient of each by every parameter (`run_vmap`,
   `Chunked`, `Compiled`), which `with_known_gradients` hands to autograd.
4. The values of all groups are put back into the order of the episodes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from polytask.core import Batch, Episode, EpisodicLearner, Inputs, Task, run_loop, stack_batches
from polytask.execution.known_gradients import KnownGradients, with_known_gradients

__all__ = ["EpisodeGroup", "GroupRun", "in_groups", "signature"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeGroup:
    """Episodes of the same tasks and shapes, on top of each other.

    Args:
        tasks: The tasks of each.
        support: Nested dicts of tensors ``[episode, ...]``: inputs, targets and masks.
        query: Likewise.
        signature: What the episodes of the group share; equal for groups that run alike.
        episodes: The episodes themselves.
    """

    tasks: tuple[Task, ...]
    support: dict[str, Any]
    query: dict[str, Any]
    signature: tuple[Any, ...]
    episodes: Sequence[Episode]

    def __len__(self) -> int:
        return len(self.episodes)

    def first(self, n_episodes: int) -> "EpisodeGroup":
        """Return the first so many episodes."""
        return EpisodeGroup(
            tasks=self.tasks,
            support=_map(self.support, lambda tensor: tensor[:n_episodes]),
            query=_map(self.query, lambda tensor: tensor[:n_episodes]),
            signature=self.signature,
            episodes=self.episodes[:n_episodes],
        )


class GroupRun(Protocol):
    """Runs a group: with gradients, or the values alone."""

    def __call__(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup
    ) -> KnownGradients | Tensor:
        """Return gradients and values; or values ``[episode]``, as must be if there are no parameters."""
        ...


def in_groups(run: GroupRun, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    """Run episodes group by group and return their values ``[episode]`` in the order given."""
    groups: dict[Any, list[int]] = {}
    for index, episode in enumerate(episodes):
        groups.setdefault(signature(episode), []).append(index)
    values = [
        _run_group(run, learner, [episodes[index] for index in indices], form)
        for form, indices in groups.items()
    ]
    if len(values) == 1:
        return values[0]
    order = torch.tensor([index for indices in groups.values() for index in indices])
    return torch.cat(values)[order.argsort().to(values[0].device)]


def _run_group(
    run: GroupRun, learner: EpisodicLearner, episodes: Sequence[Episode], form: tuple[Any, ...]
) -> Tensor:
    supports = [episode.support for episode in episodes if episode.support is not None]
    if len(episodes) == 1 or len(supports) < len(episodes):
        return run_loop(learner, episodes)
    group = EpisodeGroup(
        tasks=episodes[0].tasks,
        support=_tree(stack_batches(supports)),
        query=_tree(stack_batches([episode.query for episode in episodes])),
        signature=form,
        episodes=episodes,
    )
    parameters: dict[str, Tensor] = {}
    if torch.is_grad_enabled():
        parameters = {name: p for name, p in learner.named_parameters() if p.requires_grad}
    result = run(learner, parameters, group)
    return result if isinstance(result, Tensor) else with_known_gradients(result, parameters)


def signature(episode: Episode) -> tuple[Any, ...]:
    """Describe what equally run episodes share: tasks, and name, shape, type and place of every tensor."""
    return (episode.tasks, *_described(episode.support), None, *_described(episode.query))


def _described(batch: Batch | None) -> list[tuple[Any, ...]]:
    if batch is None:
        return []
    forms: list[tuple[Any, ...]] = []

    def walk(inputs: Inputs, path: tuple[str, ...]) -> None:
        if isinstance(inputs, Tensor):
            forms.append((path, inputs.shape, inputs.dtype, inputs.device))
        else:
            for name, value in inputs.items():
                walk(value, (*path, name))

    walk(batch.inputs, ("inputs",))
    walk(batch.targets, ("targets",))
    walk(batch.masks, ("masks",))
    return forms


def _tree(batch: Batch) -> dict[str, Any]:
    """Return the batch as nested dicts, which torch's transforms can take apart."""
    return {"inputs": batch.inputs, "targets": dict(batch.targets), "masks": dict(batch.masks)}


def _map(tree: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(tree, Tensor):
        return function(tree)
    return {name: _map(value, function) for name, value in tree.items()}
