"""How the episodes of a step are run: one after the other, all at once by vmap, or whichever is faster."""

import functools
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.func import functional_call, grad_and_value, vmap

from polytask.core import (
    Batch,
    Episode,
    EpisodicLearner,
    Execution,
    InputError,
    Inputs,
    TrainingError,
    run_loop,
    stack_batches,
)
from polytask.meta.fastest import Fastest

__all__ = ["ExecutionName", "named_execution", "run_vmap"]

ExecutionName: TypeAlias = Literal["auto", "loop", "vmap"]


def named_execution(execution: ExecutionName | Execution, chunk_size: int | None = None) -> Execution:
    """Return the execution of that name.

    Args:
        execution: ``"loop"`` runs episodes one after the other; ``"vmap"`` see `run_vmap`; ``"auto"`` times
            both on the first step and keeps the faster, see `Fastest`. A function is returned as it is.
        chunk_size: Episodes that vmap runs at once; None means all of a step.

    Raises:
        InputError: The name is unknown, or the chunk size below 1.
    """
    if chunk_size is not None and chunk_size < 1:
        raise InputError(f"`chunk_size` must be at least 1, got {chunk_size}.")
    by_vmap = functools.partial(run_vmap, chunk_size=chunk_size)
    if execution == "loop":
        return run_loop
    if execution == "vmap":
        return by_vmap
    if execution == "auto":
        return Fastest({"loop": run_loop, "vmap": by_vmap})
    if callable(execution):
        return execution
    raise InputError(f"`execution` is {execution!r}; use 'auto', 'loop', 'vmap' or a function.")


def run_vmap(
    learner: EpisodicLearner, episodes: Sequence[Episode], *, chunk_size: int | None = None
) -> Tensor:
    r"""Run equally shaped episodes at once.

    The gradient of every episode, :math:`G_e = \partial L_e / \partial \theta`, is taken *inside* the vmap
    and handed to autograd as the Jacobian of the returned values. To differentiate *through* a vmapped inner
    loop instead gives silently wrong second-order gradients for affine BatchNorm, InstanceNorm and LayerNorm.

    Episodes are grouped by tasks and shapes; a group of one runs in the loop. Dropout differs between
    episodes. Only the learner's trainable parameters get a gradient, and it cannot be differentiated again.

    Args:
        learner: The learner.
        episodes: The episodes of a step.
        chunk_size: Episodes run at once, which bounds the memory for activations; None means all.

    Returns:
        The objectives ``[episode]``, as `run_loop` returns them.

    Raises:
        TrainingError: On differentiating the gradient again.
    """
    groups: dict[Any, list[int]] = {}
    for position, episode in enumerate(episodes):
        groups.setdefault(_signature(episode), []).append(position)
    found = [
        _run_group(learner, [episodes[position] for position in positions], chunk_size)
        for positions in groups.values()
    ]
    if len(found) == 1:
        return found[0]
    order = torch.tensor([position for positions in groups.values() for position in positions])
    return torch.cat(found)[order.argsort().to(found[0].device)]


def _run_group(learner: EpisodicLearner, episodes: Sequence[Episode], chunk_size: int | None) -> Tensor:
    if len(episodes) == 1 or episodes[0].support is None:
        return run_loop(learner, episodes)
    tasks = episodes[0].tasks
    support = stack_batches([episode.support for episode in episodes if episode.support is not None])
    query = stack_batches([episode.query for episode in episodes])
    parameters: dict[str, Tensor] = {name: p for name, p in learner.named_parameters() if p.requires_grad}

    def outer(parameters: dict[str, Tensor], support: dict[str, Any], query: dict[str, Any]) -> Tensor:
        return functional_call(learner, parameters, (tasks, Batch(**support), Batch(**query)))

    wanted = torch.is_grad_enabled() and bool(parameters)
    run = vmap(
        grad_and_value(outer) if wanted else outer,
        in_dims=(None, 0, 0),
        randomness="different",
        chunk_size=chunk_size,
    )
    with torch.no_grad():  # keeps autograd itself from recording; the transforms inside do not see it
        found = run(parameters, _tree(support), _tree(query))
    if isinstance(found, Tensor):
        return found
    gradients, values = found
    return _KnownJacobian.apply(values, *(gradients[name] for name in parameters), *parameters.values())


class _KnownJacobian(torch.autograd.Function):
    """Values ``[episode]`` whose gradients ``[episode, *parameter]`` are known already."""

    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (upstream,) = grad_outputs  # [episode]
        half = len(ctx.saved_tensors) // 2
        gradients, parameters = ctx.saved_tensors[:half], ctx.saved_tensors[half:]
        found = [torch.tensordot(upstream.to(gradient.dtype), gradient, dims=1) for gradient in gradients]
        if torch.is_grad_enabled():  # someone asked for create_graph
            found = [_Final.apply(gradient, p) for gradient, p in zip(found, parameters, strict=True)]
        return None, *(None for _ in gradients), *found


class _Final(torch.autograd.Function):
    """A gradient that refuses to be differentiated, where autograd would silently take it for a constant."""

    @staticmethod
    def forward(ctx: FunctionCtx, gradient: Tensor, parameter: Tensor) -> Tensor:  # noqa: ARG004
        return gradient.clone()

    @staticmethod
    def backward(ctx: FunctionCtx, *grad_outputs: Tensor) -> None:  # noqa: ARG004
        raise TrainingError(
            "A meta-gradient taken by vmap cannot be differentiated again; build the learner with "
            '`execution="loop"` for that.'
        )


def _signature(episode: Episode) -> tuple[Any, ...]:
    """Describe what equally run episodes share: tasks, and name, shape, type and place of every tensor."""
    return (episode.tasks, *_described(episode.support), None, *_described(episode.query))


def _described(batch: Batch | None) -> list[tuple[Any, ...]]:
    if batch is None:
        return []
    found: list[tuple[Any, ...]] = []

    def walk(inputs: Inputs, path: tuple[str, ...]) -> None:
        if isinstance(inputs, Tensor):
            found.append((path, inputs.shape, inputs.dtype, inputs.device))
        else:
            for name, value in inputs.items():
                walk(value, (*path, name))

    walk(batch.inputs, ("inputs",))
    walk(batch.targets, ("targets",))
    walk(batch.masks, ("masks",))
    return found


def _tree(batch: Batch) -> dict[str, Any]:
    """Return the batch as nested dicts, which torch's transforms can take apart."""
    return {"inputs": batch.inputs, "targets": batch.targets, "masks": batch.masks}
