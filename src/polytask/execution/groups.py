"""Episodes of one form put on top of each other, so that an execution can run them at once.

How it works. torch's `vmap` runs a function over the first dimension of its tensors; so what is to run at
once must have equal shapes. `in_groups` is the one path that every such execution takes:

1. What a source hands over as an `EpisodeStack` is a group already. Else `signature` describes every episode:
   its tasks, and the name, shape, type and place of every tensor in it.
2. Episodes of one signature are stacked. A group of one, or one without support, runs in the plain loop.
3. The execution's own function runs the stack. It returns values ``[episode]`` that autograd can
   differentiate (`run_forward`), or values with the gradient of each by every parameter (`run_vmap`,
   `Chunked`, `Compiled`), which `with_gradients` hands to autograd.
4. The values of all groups are put back into the order of the episodes.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from polytask.core import Batch, Episode, EpisodeStack, EpisodicLearner, TrainingError
from polytask.core.batch import Inputs, stack_batches
from polytask.core.learner import run_loop
from polytask.core.one_by_one import one_by_one as one_after_the_other
from polytask.execution.at_once import explained

__all__ = [
    "KnownGradients",
    "Rows",
    "Run",
    "as_tree",
    "in_groups",
    "known_gradients",
    "one_by_one",
    "run_one",
    "run_one_by_one",
    "signature",
    "with_gradients",
]

KnownGradients: TypeAlias = tuple[dict[str, Tensor], Tensor]
"""The gradients ``[episode, *parameter]`` by name, and the values ``[episode]``."""


Many = TypeVar("Many", bound=Sequence[Episode])
Run: TypeAlias = Callable[[EpisodicLearner, dict[str, Tensor], Many], KnownGradients | Tensor]
"""Runs episodes of a learner: returns gradients by its parameters, and values; or values ``[episode]`` alone,
as must be if there are no parameters."""


def in_groups(run: Run[EpisodeStack], learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
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


def _run_group(run: Run[EpisodeStack], learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    stack = episodes if isinstance(episodes, EpisodeStack) else _stacked(episodes)
    if len(episodes) == 1 or stack is None:
        return run_loop(learner, episodes)
    with explained(learner, stack):
        return with_gradients(run, learner, stack)


def run_one_by_one(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    """Run episodes one after the other, in the order given, with the memory of one: see `one_by_one`.

    The gradient of each is taken as it is run, so it cannot be differentiated again.
    """
    return with_gradients(one_by_one, learner, episodes)


def one_by_one(
    learner: EpisodicLearner, parameters: dict[str, Tensor], episodes: Sequence[Episode]
) -> KnownGradients | Tensor:
    """Run episodes one after the other, and take each one's gradient before the next one begins.

    Returns:
        Gradients and values; the values alone where there are no parameters.
    """
    if not parameters:
        return run_loop(learner, episodes)
    rows = Rows(parameters, len(episodes))
    values: list[Tensor] = []
    with one_after_the_other():
        for index, episode in enumerate(episodes):
            value, pieces = run_one(learner, parameters, episode)
            values.append(value)
            rows.write(index, pieces)
    return rows.by_name(), torch.stack(values)


def run_one(
    learner: EpisodicLearner, parameters: dict[str, Tensor], episode: Episode
) -> tuple[Tensor, Sequence[Tensor]]:
    """Return the value of an episode, and its gradient by each parameter."""
    value = run_loop(learner, [episode])[0]
    if not parameters:
        return value, ()
    pieces = torch.autograd.grad(value, list(parameters.values()), allow_unused=True, materialize_grads=True)
    return value.detach(), pieces


class Rows:
    """Room for the gradients of each episode: those of one type side by side, so as to write them at once.

    Args:
        parameters: By name.
        n_episodes: So many rows.
    """

    def __init__(self, parameters: dict[str, Tensor], n_episodes: int) -> None:
        self._shapes = {name: p.shape for name, p in parameters.items()}
        self._places: dict[tuple[torch.dtype, torch.device], list[int]] = {}
        for place, p in enumerate(parameters.values()):
            self._places.setdefault((p.dtype, p.device), []).append(place)
        sizes = [p.numel() for p in parameters.values()]
        self._joined = [
            torch.empty(n_episodes, sum(sizes[place] for place in places), dtype=dtype, device=device)
            for (dtype, device), places in self._places.items()
        ]

    def write(self, index: int, pieces: Sequence[Tensor]) -> None:
        """Write the gradients of an episode, in the order of the parameters."""
        for joined, places in zip(self._joined, self._places.values()):
            torch.cat([pieces[place].reshape(-1) for place in places], out=joined[index])

    def by_name(self) -> dict[str, Tensor]:
        """Return the gradients, ``[episode, *parameter]``."""
        names = list(self._shapes)
        found: dict[str, Tensor] = {}
        for joined, places in zip(self._joined, self._places.values()):
            shapes = {names[place]: self._shapes[names[place]] for place in places}
            columns = joined.split([shape.numel() for shape in shapes.values()], 1)
            found |= {
                name: column.view(len(joined), *shape)
                for column, (name, shape) in zip(columns, shapes.items())
            }
        return found


def with_gradients(run: Run[Many], learner: EpisodicLearner, episodes: Many) -> Tensor:
    """Run episodes and return values that autograd can differentiate, once."""
    parameters: dict[str, Tensor] = {}
    if torch.is_grad_enabled():
        parameters = {name: p for name, p in learner.named_parameters() if p.requires_grad}
    found = run(learner, parameters, episodes)
    if isinstance(found, Tensor):
        return found
    gradients, values = found
    return known_gradients(values, [gradients[name] for name in parameters], list(parameters.values()))


def known_gradients(values: Tensor, gradients: Sequence[Tensor], parameters: Sequence[Tensor]) -> Tensor:
    """Return values that autograd can differentiate, once.

    Args:
        values: ``[episode]``.
        gradients: Of each value, ``[episode, *parameter]``; none leaves the values as they are.
        parameters: As many.
    """
    return _KnownJacobian.apply(values, *gradients, *parameters) if gradients else values


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


class _KnownJacobian(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, values: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (upstream,) = grad_outputs  # [episode]
        half = len(ctx.saved_tensors) // 2
        jacobians, parameters = ctx.saved_tensors[:half], ctx.saved_tensors[half:]
        gradients = [_summed(upstream, rows) for rows in jacobians]
        if torch.is_grad_enabled():  # someone asked for create_graph
            gradients = [_Final.apply(g, p) for g, p in zip(gradients, parameters, strict=True)]
        return None, *(None for _ in jacobians), *gradients


def _summed(upstream: Tensor, rows: Tensor) -> Tensor:
    """Return ``upstream @ rows``, ``[*parameter]``; `torch.tensordot` does so at three times the overhead."""
    if upstream.dtype != rows.dtype:
        upstream = upstream.to(rows.dtype)
    return torch.mv(rows.reshape(len(rows), -1).t(), upstream).view(rows.shape[1:])


class _Final(torch.autograd.Function):
    """A gradient that refuses to be differentiated, where autograd would silently take it for a constant."""

    @staticmethod
    def forward(ctx: FunctionCtx, gradient: Tensor, parameter: Tensor) -> Tensor:  # noqa: ARG004
        return gradient.clone()

    @staticmethod
    def backward(ctx: FunctionCtx, *grad_outputs: Tensor) -> None:  # noqa: ARG004
        raise TrainingError(
            "A meta-gradient that is taken as episodes are run cannot be differentiated again; run them by "
            "`polytask.core.learner.run_loop` for that."
        )
