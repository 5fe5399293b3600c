"""The layers of a model before the first one that an inner loop changes."""

from collections import OrderedDict
from collections.abc import Collection
from itertools import chain

from torch import Tensor, nn

from polytask.core.torch_internals import has_hooks

__all__ = ["layers", "n_fixed_layers"]


def n_fixed_layers(model: nn.Module, changed: Collection[str]) -> int:
    """Count the layers of a model that come before any change.

    Args:
        model: The model.
        changed: Names of its parameters and buffers that are going to be replaced.

    Returns:
        The number; 0 where there is nothing to save: the model is not a plain `torch.nn.Sequential` (only of
        that is it known that layers follow each other), has forward hooks, or its first layer with a
        parameter or buffer changes.

    Example:
        >>> n_fixed_layers(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)), {"2.bias"})
        2
    """
    plain = getattr(model.forward, "__func__", None) is nn.Sequential.forward
    if not plain or not isinstance(model, nn.Sequential) or has_hooks(model):
        return 0
    # By identity, as a tensor may be known by several names.
    tensors = {id(tensor) for name, tensor in _tensors(model) if name in changed}
    saved = False
    for index, layer in enumerate(model):
        before = [id(tensor) for _, tensor in _tensors(layer)]
        if not tensors.isdisjoint(before):
            return index if saved else 0
        saved = saved or bool(before)
    return len(model) if saved else 0


def layers(model: nn.Module, which: slice) -> nn.Sequential:
    """Return some layers of a model that has them in a row, by the names that they have there."""
    named = [(name, layer) for name, layer in model._modules.items() if layer is not None]
    return nn.Sequential(OrderedDict(named[which]))


def _tensors(module: nn.Module) -> chain[tuple[str, Tensor]]:
    return chain(
        module.named_parameters(remove_duplicate=False), module.named_buffers(remove_duplicate=False)
    )
