"""Values whose gradients were taken as soon as they were computed, handed to autograd as known."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from polytask.core import Episode, EpisodicLearner, TrainingError
from polytask.core.learner import run_loop

__all__ = ["KnownGradients", "one_by_one", "with_known_gradients"]

KnownGradients: TypeAlias = tuple[dict[str, Tensor], Tensor]
"""The gradients ``[episode, *parameter]`` by name, and the values ``[episode]``."""


def one_by_one(
    learner: EpisodicLearner, parameters: Mapping[str, Tensor], episodes: Sequence[Episode]
) -> KnownGradients | Tensor:
    """Run episodes one after the other, and take each one's gradient before the next one begins.

    Returns:
        Gradients and values; the values alone where there are no parameters.
    """
    if not parameters:
        return run_loop(learner, episodes)
    gradients = {name: p.detach().new_empty(len(episodes), *p.shape) for name, p in parameters.items()}
    values: list[Tensor] = []
    for index, episode in enumerate(episodes):
        value = run_loop(learner, [episode])[0]
        pieces = torch.autograd.grad(
            value, list(parameters.values()), allow_unused=True, materialize_grads=True
        )
        values.append(value.detach())
        for rows, piece in zip(gradients.values(), pieces, strict=True):
            rows[index] = piece
    return gradients, torch.stack(values)


def with_known_gradients(known: KnownGradients, parameters: Mapping[str, Tensor]) -> Tensor:
    """Return values ``[episode]`` whose gradients by the parameters are those given.

    They cannot be differentiated again: that is refused, where autograd would take them for constants.
    """
    gradients, values = known
    return _KnownJacobian.apply(values, *(gradients[name] for name in parameters), *parameters.values())


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
        gradients = [torch.tensordot(upstream.to(rows.dtype), rows, dims=1) for rows in jacobians]
        if torch.is_grad_enabled():  # someone asked for create_graph
            gradients = [_Final.apply(g, p) for g, p in zip(gradients, parameters, strict=True)]
        return None, *(None for _ in jacobians), *gradients


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
