"""The layers of a model before the first one that an inner loop changes."""

from collections import OrderedDict
from collections.abc import Collection
from itertools import chain

from torch import Tensor, nn

from polytask.core.torch_internals import has_hooks

__all__ = ["fixed_body", "layers"]


def fixed_body(model: nn.Module, changed: Collection[str]) -> tuple[nn.Sequential, nn.Sequential] | None:
    """Split a model into the layers that come before any change, and the others.

    Both parts share the model's layers, and keep the names of parameters and buffers.

    Args:
        model: The model.
        changed: Names of its parameters and buffers that are going to be replaced.

    Returns:
        The two parts, or None where there is no such split: the model is not a plain `torch.nn.Sequential`
        (only of that is it known that layers follow each other), has forward hooks, or its first layer with a
        parameter or buffer changes.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> body, head = fixed_body(net, {"2.bias"})
        >>> len(body), [name for name, _ in head.named_parameters()]
        (2, ['2.weight', '2.bias'])
    """
    plain = getattr(model.forward, "__func__", None) is nn.Sequential.forward
    if not plain or not isinstance(model, nn.Sequential) or has_hooks(model):
        return None
    # By identity, as a tensor may be known by several names.
    tensors = {id(tensor) for name, tensor in _tensors(model) if name in changed}
    n_fixed = 0
    for layer in model:
        if any(id(tensor) in tensors for _, tensor in _tensors(layer)):
            break
        n_fixed += 1
    body, rest = layers(model, slice(n_fixed)), layers(model, slice(n_fixed, None))
    return (body, rest) if any(True for _ in _tensors(body)) else None


def layers(model: nn.Module, which: slice) -> nn.Sequential:
    """Return some layers of a model that has them in a row, by the names that they have there."""
    named = [(name, layer) for name, layer in model._modules.items() if layer is not None]
    return nn.Sequential(OrderedDict(named[which]))


def _tensors(module: nn.Module) -> chain[tuple[str, Tensor]]:
    return chain(
        module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)
    )
