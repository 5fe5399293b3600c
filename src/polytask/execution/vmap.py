"""Episodes at once, with the gradient of each taken inside."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from polytask.core import Batch, Episode, EpisodeStack, EpisodicLearner, Task
from polytask.core.copied_module import module_copy
from polytask.execution.groups import KnownGradients, as_tree, in_groups
from polytask.meta.layers.normalization import inputs_in_own_type

__all__ = ["gradients_inside", "run_vmap", "vmapped"]


def run_vmap(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    r"""Run equally shaped episodes at once.

    The gradient of every episode, :math:`G_e = \partial L_e / \partial \theta`, is taken *inside* the vmap
    and handed to autograd as the Jacobian of the returned values. To differentiate *through* a vmapped inner
    loop instead gives silently wrong second-order gradients for affine BatchNorm, InstanceNorm and LayerNorm.

    Episodes are grouped by tasks and shapes; a group of one runs in the loop. Dropout differs between
    episodes. Only the learner's trainable parameters get a gradient, and it cannot be differentiated again.

    Args:
        learner: The learner.
        episodes: The episodes of a step.

    Returns:
        The objectives ``[episode]``, as `polytask.core.learner.run_loop` returns them.

    Raises:
        TrainingError: On differentiating the gradient again.
    """
    return in_groups(vmapped, learner, episodes)


def vmapped(
    learner: EpisodicLearner,
    parameters: dict[str, Tensor],
    group: EpisodeStack,
    *,
    chunk_size: int | None = None,
) -> KnownGradients | Tensor:
    """Run a group by ``vmap(grad(outer))``; see `run_vmap`.

    Args:
        learner: The learner.
        parameters: To differentiate by, by name; empty gives values alone.
        group: The episodes.
        chunk_size: Episodes run at once; None means all.
    """
    return gradients_inside(
        learner, group.tasks, parameters, {}, as_tree(group.support), as_tree(group.query), chunk_size
    )


def gradients_inside(
    learner: EpisodicLearner,
    tasks: Sequence[Task],
    parameters: dict[str, Tensor],
    constants: dict[str, Tensor],
    support: dict[str, Any],
    query: dict[str, Any],
    chunk_size: int | None = None,
) -> KnownGradients | Tensor:
    """Do what `vmapped` does, as a function of nothing but tensors.

    Args:
        learner: The learner.
        tasks: Those of every episode.
        parameters: To differentiate by, by name.
        constants: Parameters and buffers to be used in place of the learner's own.
        support: Nested dicts of tensors ``[episode, ...]``: inputs, targets and masks.
        query: Likewise.
        chunk_size: Episodes run at once; None means all.
    """
    apart = module_copy(learner)  # as its layers get hooks

    def outer(parameters: dict[str, Tensor], support: dict[str, Any], query: dict[str, Any]) -> Tensor:
        own = module_copy(apart, {**constants, **parameters})
        return own(tasks, Batch(**support), Batch(**query))

    run = vmap(
        grad_and_value(outer) if parameters else outer,
        in_dims=(None, 0, 0),
        randomness="different",
        chunk_size=chunk_size,
    )
    # `no_grad` keeps autograd itself from recording; the transforms inside do not see it.
    with torch.no_grad(), inputs_in_own_type(apart):
        return run(parameters, support, query)
