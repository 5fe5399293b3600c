"""Episodes run many at once, or one by one, with their gradients known as soon as they are run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.func import grad_and_value, vmap

from polytask.core import (
    Batch,
    Episode,
    EpisodicLearner,
    Inputs,
    Task,
    TrainingError,
    module_copy,
    run_loop,
    stack_batches,
)
from polytask.meta.layers.normalization import inputs_in_own_type

__all__ = [
    "EpisodeGroup",
    "Found",
    "GroupRun",
    "in_groups",
    "one_by_one",
    "run_each",
    "run_vmap",
    "signature",
    "vmapped",
]

Found = tuple[dict[str, Tensor], Tensor]
"""The gradients ``[episode, *parameter]`` by name, and the values ``[episode]``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeGroup:
    """Episodes of the same tasks and shapes, on top of each other.

    Args:
        tasks: The tasks of each.
        support: Nested dicts of tensors ``[episode, ...]``: inputs, targets and masks.
        query: Likewise.
        signature: What the episodes of the group share; equal for groups that run alike.
    """

    tasks: tuple[Task, ...]
    support: dict[str, Any]
    query: dict[str, Any]
    signature: tuple[Any, ...]

    def __len__(self) -> int:
        return len(next(iter(_tensors(self.support))))

    def part(self, rows: slice) -> "EpisodeGroup":
        """Return some of the episodes."""
        return EpisodeGroup(
            tasks=self.tasks,
            support=_map(self.support, lambda tensor: tensor[rows]),
            query=_map(self.query, lambda tensor: tensor[rows]),
            signature=self.signature,
        )


class GroupRun(Protocol):
    """Runs a group: with gradients, or the values alone where there are no parameters."""

    def __call__(
        self, learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup
    ) -> Found | Tensor:
        """Return gradients and values, or the values only if there are no parameters."""
        ...


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

    def run(learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup) -> Found | Tensor:
        return vmapped(learner, parameters, group, chunk_size=chunk_size)

    return in_groups(run, learner, episodes)


def run_each(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    """Run episodes one by one, and take each one's gradient before the next one begins.

    So the memory is that of one episode, and a gradient for each. Where nothing is differentiated this is
    `run_loop`; the gradient cannot be differentiated again.

    Returns:
        The objectives ``[episode]``, as `run_loop` returns them.
    """
    parameters = [p for p in learner.parameters() if p.requires_grad]
    if not torch.is_grad_enabled() or not parameters:
        return run_loop(learner, episodes)
    jacobian, values = _known(len(episodes), lambda i: run_loop(learner, [episodes[i]])[0], parameters)
    return _KnownJacobian.apply(values, *jacobian, *parameters)


def vmapped(
    learner: EpisodicLearner,
    parameters: dict[str, Tensor],
    group: EpisodeGroup,
    *,
    chunk_size: int | None = None,
    constants: dict[str, Tensor] | None = None,
) -> Found | Tensor:
    """Run a group by ``vmap(grad(outer))``; see `run_vmap`.

    Args:
        learner: The learner.
        parameters: To differentiate by, by name; empty gives values alone.
        group: The episodes.
        chunk_size: Episodes run at once; None means all.
        constants: Parameters and buffers to be used in place of the learner's own.
    """
    tasks = group.tasks
    fixed = constants or {}
    apart = module_copy(learner)  # as its layers get hooks

    def outer(parameters: dict[str, Tensor], support: dict[str, Any], query: dict[str, Any]) -> Tensor:
        own = module_copy(apart, {**fixed, **parameters})
        return own(tasks, Batch(**support), Batch(**query))

    run = vmap(
        grad_and_value(outer) if parameters else outer,
        in_dims=(None, 0, 0),
        randomness="different",
        chunk_size=chunk_size,
    )
    # `no_grad` keeps autograd itself from recording; the transforms inside do not see it.
    with torch.no_grad(), inputs_in_own_type(apart):
        return run(parameters, group.support, group.query)


def one_by_one(
    learner: EpisodicLearner, parameters: dict[str, Tensor], group: EpisodeGroup
) -> Found | Tensor:
    """Run a group one after the other, without vmap; gives what `vmapped` gives."""

    def value(position: int) -> Tensor:
        support, query = (
            _map(part, lambda tensor: tensor[position]) for part in (group.support, group.query)
        )
        return learner(group.tasks, Batch(**support), Batch(**query))

    if not parameters:
        return torch.stack([value(position) for position in range(len(group))])
    jacobian, values = _known(len(group), value, list(parameters.values()))
    return dict(zip(parameters, jacobian, strict=True)), values


def _known(
    n_episodes: int, value_of: Callable[[int], Tensor], parameters: Sequence[Tensor]
) -> tuple[list[Tensor], Tensor]:
    """Return the gradients ``[episode, *parameter]`` by each parameter, and the values ``[episode]``."""
    jacobian = [p.detach().new_empty(n_episodes, *p.shape) for p in parameters]
    values: list[Tensor] = []
    for position in range(n_episodes):
        value = value_of(position)
        found = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
        values.append(value.detach())
        for rows, gradient in zip(jacobian, found, strict=True):
            rows[position] = gradient
    return jacobian, torch.stack(values)


def in_groups(run: GroupRun, learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    """Run episodes group by group and return their values ``[episode]`` in the order given."""
    groups: dict[Any, list[int]] = {}
    for position, episode in enumerate(episodes):
        groups.setdefault(signature(episode), []).append(position)
    found = [
        _run_group(run, learner, [episodes[position] for position in positions], signature)
        for signature, positions in groups.items()
    ]
    if len(found) == 1:
        return found[0]
    order = torch.tensor([position for positions in groups.values() for position in positions])
    return torch.cat(found)[order.argsort().to(found[0].device)]


def _run_group(
    run: GroupRun, learner: EpisodicLearner, episodes: Sequence[Episode], signature: tuple[Any, ...]
) -> Tensor:
    supports = [episode.support for episode in episodes if episode.support is not None]
    if len(episodes) == 1 or len(supports) < len(episodes):
        return run_loop(learner, episodes)
    group = EpisodeGroup(
        tasks=episodes[0].tasks,
        support=_tree(stack_batches(supports)),
        query=_tree(stack_batches([episode.query for episode in episodes])),
        signature=signature,
    )
    parameters: dict[str, Tensor] = {}
    if torch.is_grad_enabled():
        parameters = {name: p for name, p in learner.named_parameters() if p.requires_grad}
    found = run(learner, parameters, group)
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


def signature(episode: Episode) -> tuple[Any, ...]:
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
    return {"inputs": batch.inputs, "targets": dict(batch.targets), "masks": dict(batch.masks)}


def _map(tree: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(tree, Tensor):
        return function(tree)
    return {name: _map(value, function) for name, value in tree.items()}


def _tensors(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    return [tensor for value in tree.values() for tensor in _tensors(value)]
