"""Weights that are computed of other tensors at every forward pass, as an inner loop needs them.

- The fused kernel of torch's weight norm has a wrong second derivative (off by tens of percent, in double
  precision, in torch 2.13), so the formula is written out.
- Spectral norm makes a step of its power iteration at every forward pass in training, of which an inner loop
  has many: the norm would drift from step to step and from episode to episode. Here it holds still while the
  objectives of a step are computed, and moves once before.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

from polytask.core import InputError
from polytask.core.torch_internals import (
    FUSED_WEIGHT_NORM,
    OldSpectralNorm,
    OldWeightNorm,
    SpectralNorm,
    WeightNorm,
)

__all__ = ["ComputedWeights"]


class ComputedWeights:
    """What a model has of weights that are computed, and how they are in an inner loop.

    Args:
        model: The model.

    Raises:
        InputError: It has a weight norm or spectral norm of torch's older kind, a hook, which cannot be
            copied or held still.

    Example:
        >>> from torch.nn.utils.parametrizations import weight_norm
        >>> ComputedWeights(nn.Linear(2, 2)).any, ComputedWeights(weight_norm(nn.Linear(2, 2))).any
        (False, True)
    """

    def __init__(self, model: nn.Module) -> None:
        for part in model.modules():
            for hook in part._forward_pre_hooks.values():
                if isinstance(hook, OldSpectralNorm | OldWeightNorm):
                    name = "spectral_norm" if isinstance(hook, OldSpectralNorm) else "weight_norm"
                    raise InputError(
                        f"`model` has a layer of `torch.nn.utils.{name}`, which no inner loop can do with. "
                        f"Use `torch.nn.utils.parametrizations.{name}`."
                    )
        self._weight_norm = any(isinstance(part, WeightNorm) for part in model.modules())
        self._spectral_norm = any(isinstance(part, SpectralNorm) for part in model.modules())

    @property
    def any(self) -> bool:
        """Whether there is any such weight."""
        return self._weight_norm or self._spectral_norm

    @contextlib.contextmanager
    def inside(self, copied: nn.Module) -> Iterator[None]:
        """Let the weights of a copy of the model's modules be computed as an inner loop needs it.

        Args:
            copied: Of `polytask.core.copied_module.module_copy`; its spectral norms hold still from here on.
        """
        if self._spectral_norm:
            for part in copied.modules():
                if isinstance(part, SpectralNorm):
                    part.training = False
        with _WrittenOut() if self._weight_norm else contextlib.nullcontext():
            yield

    def move(self, model: nn.Module) -> None:
        """Make the step of each power iteration that a forward pass in training would make."""
        if not self._spectral_norm:
            return
        with torch.no_grad():
            for part in model.modules():
                chains = part.parametrizations if parametrize.is_parametrized(part) else None
                for name, chain in chains.items() if isinstance(chains, nn.ModuleDict) else ():
                    if any(isinstance(one, SpectralNorm) and one.training for one in chain.children()):
                        getattr(part, name)  # is computed, and moved, by being read


class _WrittenOut(TorchFunctionMode):
    """Computes weight norm by the operations it is made of; holds for the thread alone."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        given = kwargs or {}
        return _weight_norm(*args, **given) if function is FUSED_WEIGHT_NORM else function(*args, **given)


def _weight_norm(v: Tensor, g: Tensor, dim: int = 0) -> Tensor:
    """Return :math:`g v / |v|`, the norms over all dimensions but one; -1 means over all."""
    dims = list(range(v.ndim)) if dim == -1 else [other for other in range(v.ndim) if other != dim]
    return v * (g / torch.linalg.vector_norm(v, dim=dims, keepdim=dim != -1))
