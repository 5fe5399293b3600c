"""Episodes at once, with one ordinary backward pass: for learners that take no gradient themselves."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.func import vmap

from polytask.core import Batch, Episode, EpisodeStack, EpisodicLearner
from polytask.execution.groups import as_tree, in_groups

__all__ = ["run_forward"]


def run_forward(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    """Run equally shaped episodes at once by vmap, and leave the gradient to autograd.

    `run_vmap` takes the gradient of every episode apart, which a learner with an inner loop needs to be
    right. One that only reads its support has no inner gradient: then a single backward pass through the
    vmapped forward pass gives the same and is faster, as weight gradients are summed over episodes at once.

    Args:
        learner: The learner; its `learn` and `predict` must take no gradient (`inner_gradients` is False).
        episodes: The episodes of a step, grouped by tasks and shapes; a group of one runs in the loop.

    Returns:
        The objectives ``[episode]``, as `polytask.core.learner.run_loop` returns them.

    Example:
        >>> import torch
        >>> from polytask.core import Task
        >>> from polytask.meta.model import CNP
        >>> half = Batch(inputs=torch.zeros(5, 1), targets={"y": torch.zeros(5)})
        >>> episode = Episode(tasks=(Task(name="y", kind="regression"),), support=half, query=half)
        >>> run_forward(CNP(1), [episode] * 3).shape
        torch.Size([3])
    """
    return in_groups(_passed_through, learner, episodes)


def _passed_through(
    learner: EpisodicLearner,
    parameters: dict[str, Tensor],  # noqa: ARG001 - autograd knows them
    group: EpisodeStack,
) -> Tensor:
    def outer(support: dict[str, Any], query: dict[str, Any]) -> Tensor:
        return learner(group.tasks, Batch(**support), Batch(**query))

    return vmap(outer, randomness="different")(as_tree(group.support), as_tree(group.query))
