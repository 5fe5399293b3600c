"""Episodes at once, with one ordinary backward pass: for learners that take no gradient themselves."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from polytask.core import Batch, Episode, EpisodicLearner, Inputs, run_loop, stack_batches

__all__ = ["run_batched"]


def run_batched(
    learner: EpisodicLearner, episodes: Sequence[Episode], *, chunk_size: int | None = None
) -> Tensor:
    """Run equally shaped episodes at once by vmap, and leave the gradient to autograd.

    `run_vmap` takes the gradient of every episode apart, which a learner with an inner loop needs to be
    right. One that only reads its support has no inner gradient: then a single backward pass through the
    vmapped forward pass gives the same and is faster, as weight gradients are summed over episodes at once.

    Args:
        learner: The learner; its `learn` and `predict` must take no gradient.
        episodes: The episodes of a step, grouped by tasks and shapes; a group of one runs in the loop.
        chunk_size: Episodes run at once; None means all.

    Returns:
        The objectives ``[episode]``, as `run_loop` returns them.

    Example:
        >>> from polytask.core import Task
        >>> from polytask.meta.model import CNP
        >>> half = Batch(inputs=torch.zeros(5, 1), targets={"y": torch.zeros(5)})
        >>> episode = Episode(tasks=(Task(name="y", kind="regression"),), support=half, query=half)
        >>> run_batched(CNP(1), [episode] * 3).shape
        torch.Size([3])
    """
    groups: dict[Any, list[int]] = {}
    for position, episode in enumerate(episodes):
        groups.setdefault(_form(episode), []).append(position)
    found = [
        _run_group(learner, [episodes[position] for position in positions], chunk_size)
        for positions in groups.values()
    ]
    order = torch.tensor([position for positions in groups.values() for position in positions])
    return torch.cat(found)[order.argsort().to(found[0].device)]


def _run_group(learner: EpisodicLearner, episodes: Sequence[Episode], chunk_size: int | None) -> Tensor:
    supports = [episode.support for episode in episodes if episode.support is not None]
    if len(episodes) == 1 or not supports:
        return run_loop(learner, episodes)
    tasks = episodes[0].tasks

    def one(support: dict[str, Any], query: dict[str, Any]) -> Tensor:
        return learner(tasks, Batch(**support), Batch(**query))

    run = vmap(one, randomness="different", chunk_size=chunk_size)
    return run(_tree(stack_batches(supports)), _tree(stack_batches([episode.query for episode in episodes])))


def _form(episode: Episode) -> tuple[Any, ...]:
    """Describe what episodes run at once must share: tasks, and the names and forms of all tensors."""
    return (
        episode.tasks,
        _form_of(_tree(episode.query)),
        episode.support and _form_of(_tree(episode.support)),
    )


def _form_of(tensors: Inputs) -> str:
    if isinstance(tensors, Tensor):
        return f"{tuple(tensors.shape)} {tensors.dtype} {tensors.device}"
    return str({name: _form_of(part) for name, part in tensors.items()})


def _tree(batch: Batch) -> dict[str, Any]:
    """Return the batch as nested dicts, which torch's transforms can take apart."""
    return {"inputs": batch.inputs, "targets": batch.targets, "masks": batch.masks}
