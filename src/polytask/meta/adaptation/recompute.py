"""A function whose inside is computed again in the backward pass, also within torch's transforms."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.func import vjp

from polytask.core.torch_internals import TreeForm, flattened, unflattened

__all__ = ["recomputed"]

_Out = TypeVar("_Out")


def recomputed(function: Callable[[Any], _Out], tensors: Any) -> _Out:
    """Call a function, and keep for the backward pass its arguments only.

    `torch.utils.checkpoint` does the same outside torch's transforms, and is refused inside them.

    Args:
        function: Pure; reads no tensor but those given, as it is called again.
        tensors: Its argument: tensors in nested containers.

    Returns:
        What the function returns: tensors in nested containers.

    Example:
        >>> x = torch.tensor(2.0, requires_grad=True)
        >>> value = recomputed(lambda given: {"cube": given["x"] ** 3}, {"x": x})["cube"]
        >>> torch.autograd.grad(value, x)
        (tensor(12.),)

    References:
        Chen et al. Training Deep Nets with Sublinear Memory Cost. 2016, arXiv:1604.06174.
    """
    leaves, structure = flattened(tensors)
    call = _Call(function, structure)
    found = _Recomputed.apply(call, *leaves)
    return unflattened(found, call.out_structure)


class _Call:
    """A function on flat tensors, which remembers how its answer was nested."""

    def __init__(self, function: Callable[[Any], Any], structure: TreeForm) -> None:
        self.function = function
        self.structure = structure
        self.out_structure = structure

    def __call__(self, *leaves: Tensor) -> tuple[Tensor, ...]:
        found, self.out_structure = flattened(self.function(unflattened(leaves, self.structure)))
        return tuple(found)


class _Recomputed(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(call: _Call, *leaves: Tensor) -> tuple[Tensor, ...]:
        # An output must not be an input: autograd would take it for changed in place.
        return tuple(tensor.clone() for tensor in call(*leaves))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG004
        ctx.call = inputs[0]
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        leaves = list(ctx.saved_tensors)
        real = [position for position, leaf in enumerate(leaves) if leaf.is_floating_point()]

        def call(*given: Tensor) -> tuple[Tensor, ...]:
            every = list(leaves)
            for position, leaf in zip(real, given, strict=True):
                every[position] = leaf
            return ctx.call(*every)

        gradients = vjp(call, *(leaves[position] for position in real))[1](grad_outputs)
        found: list[Tensor | None] = [None] * len(leaves)
        for position, gradient in zip(real, gradients, strict=True):
            found[position] = gradient
        return None, *found
