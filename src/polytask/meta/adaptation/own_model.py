"""A model of one's own, in which an inner loop puts parameters step by step."""

import contextlib
from collections.abc import Collection, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from polytask.core.batch import Inputs
from polytask.core.copied_module import module_copy
from polytask.core.torch_internals import has_hooks
from polytask.meta.adaptation.fixed_body import layers, n_fixed_layers
from polytask.meta.layers.computed_weights import ComputedWeights
from polytask.meta.layers.normalization import Normalization, normalize
from polytask.meta.layers.per_step import at_step

__all__ = ["OwnModel"]

_Place = tuple[dict[str, Tensor | None], str]
"""A register of a module, and the name there."""


class OwnModel:
    """A copy of a model's modules that runs with one set of parameters after the other.

    To copy the modules takes as long as to run a small network once; so an episode copies them once, and not
    in every step, and episodes that are run one after the other copy them once, see `as_new`.

    Args:
        model: The model; its tensors are shared, nothing of it is changed.
        normalization: What BatchNorm does in it; see `GradientLearner`.
        computed_weights: Of the model.
        per_step: Whether it has layers that depend on the inner step.

    Example:
        >>> import torch
        >>> own = OwnModel(nn.Linear(1, 1, bias=False), computed_weights=ComputedWeights(nn.Identity()))
        >>> [own({"weight": torch.full((1, 1), w)}, torch.ones(1, 1), 0).item() for w in (2.0, 3.0)]
        [2.0, 3.0]
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        computed_weights: ComputedWeights,
        normalization: Normalization | None = None,
        per_step: bool = False,
    ) -> None:
        self.module = module_copy(model)
        normalize(self.module, normalization)
        self._computed_weights = computed_weights
        self._per_step = per_step
        self._is_plain = not (per_step or computed_weights.any)
        self._parts: dict[tuple[int | None, int | None], nn.Module] = {(None, None): self.module}
        self._places = _places(self.module)
        self._n_fixed: dict[tuple[str, ...], int] = {}
        self._before: list[tuple[dict[str, Any], dict[str, Any]]] = [
            (mapping, dict(mapping))
            for part in self.module.modules()
            if not isinstance(part, torch.jit.ScriptModule)  # which is shared, not copied
            for mapping in (vars(part), *(vars(part)[name] for name in ("_parameters", "_buffers")))
        ]

    def as_new(self) -> Self:
        """Forget what was put into it, and what its modules have noted on themselves since it was made."""
        for mapping, before in self._before:
            mapping.clear()
            mapping.update(before)
        return self

    def __call__(
        self, parameters: Mapping[str, Tensor], inputs: Inputs, step: int, *, n_fixed: int = 0
    ) -> Tensor | Mapping[str, Tensor]:
        """Run the model, or its layers beyond the first ``n_fixed``, with these parameters in it.

        Args:
            parameters: By name; those that are not named stay as they were in the call before.
            inputs: ``[batch, ...]``.
            step: Inner steps made; chooses per-step layers.
            n_fixed: Layers at the beginning of the model that have been run already.
        """
        for name, tensor in parameters.items():
            for register, key in self._places[name]:
                register[key] = tensor
        return self._run(n_fixed or None, None, inputs, step)

    def n_fixed(self, changed: Collection[str]) -> int:
        """Count the layers before the first one with a parameter of these names; see `n_fixed_layers`."""
        names = tuple(changed)
        if names not in self._n_fixed:
            self._n_fixed[names] = n_fixed_layers(self.module, names)
        return self._n_fixed[names]

    def run_first(self, n_layers: int, inputs: Inputs) -> Tensor | Mapping[str, Tensor]:
        """Run the first layers."""
        return self._run(None, n_layers, inputs, 0)

    def last_linear(self, n_fixed: int) -> tuple[str, nn.Linear] | None:
        """Return a plain linear layer and its name, if it alone is beyond the first layers; else None."""
        named = [(name, layer) for name, layer in self.module._modules.items() if layer is not None][n_fixed:]
        if len(named) != 1 or not self._is_plain:
            return None
        name, layer = named[0]
        return (name, layer) if type(layer) is nn.Linear and not has_hooks(layer) else None

    def _run(
        self, first: int | None, end: int | None, inputs: Inputs, step: int
    ) -> Tensor | Mapping[str, Tensor]:
        if (first, end) not in self._parts:
            self._parts[first, end] = layers(self.module, slice(first, end))
        part = self._parts[first, end]
        if self._is_plain:
            return part(inputs)
        per_step = at_step(part, step) if self._per_step else contextlib.nullcontext()
        with per_step, self._computed_weights.inside(part):
            return part(inputs)


def _places(module: nn.Module) -> dict[str, list[_Place]]:
    """Return by name where a parameter or buffer stands: at all places of one that has several names."""
    by_tensor: dict[int, list[_Place]] = {}
    by_name: dict[str, list[_Place]] = {}
    for prefix, part in module.named_modules():
        for register in (part._parameters, part._buffers):
            for key, tensor in register.items():
                if tensor is not None:
                    places = by_tensor.setdefault(id(tensor), [])
                    places.append((register, key))  # pyright: ignore[reportArgumentType]
                    by_name[f"{prefix}.{key}" if prefix else key] = places
    return by_name
