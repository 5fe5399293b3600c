"""What BatchNorm does inside an inner loop: said explicitly, and never left to the training mode."""

import contextlib
from collections.abc import Iterator
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.torch_internals import AnyBatchNorm, AnyInstanceNorm

__all__ = [
    "Normalization",
    "check_normalization",
    "inputs_in_own_type",
    "normalization_parameters",
    "normalize",
    "uses_batch_statistics",
]

Normalization: TypeAlias = Literal["batch", "frozen"]
"""``"batch"``: the statistics of the batch at hand, in training and in evaluation; the running statistics are
neither read nor written. ``"frozen"``: the running statistics, which are never updated."""

_Layer: TypeAlias = AnyBatchNorm | AnyInstanceNorm
_STATISTICS = ("running_mean", "running_var")
_ANY_NORM = AnyBatchNorm | AnyInstanceNorm | nn.LayerNorm | nn.GroupNorm | nn.RMSNorm


def check_normalization(model: nn.Module, normalization: Normalization | None) -> None:
    """Check that every layer of the model that normalizes by batches can do what is asked for.

    Layers without a memory and without batch statistics (LayerNorm, GroupNorm, plain InstanceNorm) need none.

    Raises:
        InputError: A layer needs a normalization and there is none, it is unknown, or ``"frozen"``
            is asked of a layer without running statistics.

    Example:
        >>> check_normalization(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)), None)
        >>> check_normalization(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), None)
        Traceback (most recent call last):
        ...
        polytask.core.errors.InputError: `model` has BatchNorm1d at '1', so say what it does in the inner ...
    """
    layers = _layers(model)
    if normalization not in (None, "batch", "frozen"):
        raise InputError(f"`normalization` is {normalization!r}; use 'batch', 'frozen' or None.")
    if layers and normalization is None:
        named = ", ".join(f"{type(layer).__name__} at {name!r}" for name, layer in layers.items())
        raise InputError(
            f'`model` has {named}, so say what it does in the inner loop: `normalization="batch"` (the '
            'statistics of the batch at hand, which makes answers transductive) or `normalization="frozen"` '
            "(the running statistics, never updated)."
        )
    without = [name for name, layer in layers.items() if layer.running_mean is None]
    if normalization == "frozen" and without:
        raise InputError(
            f'`normalization="frozen"` needs running statistics, but {", ".join(map(repr, without))} has '
            'none. Build it with `track_running_stats=True`, or use `normalization="batch"`.'
        )


def uses_batch_statistics(model: nn.Module, normalization: Normalization | None) -> bool:
    """Tell whether an answer in evaluation mode depends on the other inputs of its batch.

    Args:
        model: The model.
        normalization: How its layers are run; None means as torch runs them in evaluation mode.

    Example:
        >>> uses_batch_statistics(nn.BatchNorm1d(3), "batch"), uses_batch_statistics(nn.BatchNorm1d(3), None)
        (True, False)
    """
    batch_layers = [layer for layer in model.modules() if isinstance(layer, AnyBatchNorm)]
    if normalization is None:
        return any(layer.running_mean is None for layer in batch_layers)
    return normalization == "batch" and bool(batch_layers)


def normalization_parameters(model: nn.Module) -> set[str]:
    """Return the names of the scales and shifts of all normalization layers.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.LayerNorm(3))
        >>> sorted(normalization_parameters(net))
        ['1.bias', '1.weight', '2.bias', '2.weight']
    """
    return {
        f"{name}.{own}" if name else own
        for name, layer in model.named_modules()
        if isinstance(layer, _ANY_NORM)
        for own, _ in layer.named_parameters(recurse=False)
    }


@contextlib.contextmanager
def inputs_in_own_type(model: nn.Module) -> Iterator[None]:
    """Give normalization layers inputs of their parameters' type under autocast, inside the block.

    Autocast leaves them the 16 bits of the layer before, beside parameters of 32. Outside `torch.func.vmap`
    the kernels take both; inside, the gradient rules of torch fail ("expected scalar type BFloat16 but found
    Float"). Outside autocast nothing is changed, so that a mistaken type is still found.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
        >>> with inputs_in_own_type(net), torch.autocast("cpu", dtype=torch.bfloat16):
        ...     net(torch.zeros(1, 2)).dtype
        torch.float32
    """

    def own_type(layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
        (given, *others) = inputs
        if not torch.is_autocast_enabled(given.device.type):
            return None
        kept = next((parameter.dtype for parameter in layer.parameters(recurse=False)), given.dtype)
        return given.to(kept), *others

    with contextlib.ExitStack() as hooks:
        for layer in model.modules():
            if isinstance(layer, _ANY_NORM):
                hooks.enter_context(layer.register_forward_pre_hook(own_type))
        yield


def normalize(copied: nn.Module, normalization: Normalization | None) -> None:
    """Let the layers of a copy run by the normalization from here on, whatever the training mode.

    Args:
        copied: Of `polytask.core.copied_module.module_copy`; the statistics themselves stay as they are.
        normalization: None leaves the layers as they are.
    """
    if normalization is None:
        return
    for layer in _layers(copied).values():
        # torch takes batch statistics in training, and drops the running ones where none are tracked.
        layer.training, layer.track_running_stats = normalization == "batch", normalization == "frozen"
        # InstanceNorm does not drop them, but would update them.
        if isinstance(layer, AnyInstanceNorm) and normalization == "batch":
            for name in _STATISTICS:
                setattr(layer, name, None)


def _layers(model: nn.Module) -> dict[str, _Layer]:
    """Return the layers with batch statistics or running statistics, by name."""
    return {
        name: layer
        for name, layer in model.named_modules()
        if isinstance(layer, AnyBatchNorm)
        or (isinstance(layer, AnyInstanceNorm) and layer.running_mean is not None)
    }
