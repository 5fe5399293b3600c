"""What a traced program takes for fixed in a module, and whether it is still so."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from operator import is_
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["StateInView", "static_state"]

_PLAIN = (int, float, bool, str, bytes, type(None), torch.dtype, torch.device)
_INTERNAL = frozenset(vars(nn.Module())) - {"training"}
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_REGISTERS = ("_parameters", "_buffers", "_modules", *_HOOKS)
_CONTAINERS = (list, tuple, dict, set, frozenset)
_DEPTH = 4
"""So many layers of lists and mappings are looked into."""


def static_state(module: nn.Module) -> tuple[Any, ...]:
    """Describe everything of a module that a traced program takes for fixed.

    That is the type, mode, hooks and plain attributes of every submodule, also those in lists and mappings;
    the identity of its other attributes; the form of every parameter and buffer; and where a submodule, a
    parameter or a buffer stands at several places.

    Example:
        >>> net = nn.Dropout(0.5)
        >>> before = static_state(net)
        >>> net.p = 0.1
        >>> static_state(net) == before
        False
    """
    places: dict[int, int] = {}  # by the identity of a module or tensor, in the order of coming
    state: list[Any] = []
    for name, part in module.named_modules():
        attributes = [(key, _described(value)) for key, value in vars(part).items() if key not in _INTERNAL]
        registers = [
            (key, places.setdefault(id(held), len(places)))
            for register in ("_parameters", "_buffers", "_modules")
            for key, held in vars(part)[register].items()
            if held is not None
        ]
        hooks = [_described(vars(part)[register]) for register in _HOOKS]
        state.append((name, type(part), tuple(attributes), tuple(registers), tuple(hooks)))
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        state.append((name, *_form(tensor)))
    return tuple(state)


class StateInView:
    """Tells at a glance whether `static_state` of a module is what it was: for every step of a training.

    What it cannot tell at a glance counts as changed, such as an attribute that was set to an equal value.
    It holds the module's tensors and attributes.

    Args:
        module: The module, as it is now.

    Example:
        >>> net = nn.Dropout(0.5)
        >>> view = StateInView(net)
        >>> unchanged = view.holds()
        >>> net.p = 0.1
        >>> unchanged, view.holds()
        (True, False)
    """

    def __init__(self, module: nn.Module) -> None:
        parts = [part for _, part in module.named_modules()]
        self._places = [vars(part) for part in parts]
        self._places += [vars(part)[register] for part in parts for register in _REGISTERS]
        self._lengths = [len(place) for place in self._places]
        self._names = list(chain.from_iterable(self._places))
        self._values = list(chain.from_iterable(place.values() for place in self._places))
        attributes = chain.from_iterable(vars(part).items() for part in parts)
        held = [value for key, value in attributes if key not in _INTERNAL]
        self._containers = [(value, _items(value)) for value in _containers(held)]
        self._tensors = [*module.parameters(), *module.buffers()]
        self._forms = [_form(tensor) for tensor in self._tensors]

    def holds(self) -> bool:
        """Tell whether nothing has changed since."""
        places = self._places
        return (
            [len(place) for place in places] == self._lengths
            and all(map(is_, chain.from_iterable(places), self._names))
            and all(map(is_, chain.from_iterable([place.values() for place in places]), self._values))
            and all(_same_items(_items(value), before) for value, before in self._containers)
            and [_form(tensor) for tensor in self._tensors] == self._forms
        )


def _same_items(now: Sequence[Any], before: Sequence[Any]) -> bool:
    return len(now) == len(before) and all(map(is_, now, before))


def _form(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.shape, tensor.stride(), tensor.dtype, tensor.device, tensor.requires_grad


def _described(value: object, depth: int = _DEPTH) -> Any:
    """Describe an attribute, in what can be a key."""
    if isinstance(value, _PLAIN):
        return type(value), value
    if depth and isinstance(value, _CONTAINERS):
        return type(value), *(_described(item, depth - 1) for item in _items(value))
    return _Same(value)


def _items(value: Any) -> tuple[Any, ...]:
    """Return the items of a list, tuple or set, the keys and values of a mapping."""
    return (*value, *value.values()) if isinstance(value, dict) else tuple(value)


def _containers(values: Iterable[object], depth: int = _DEPTH) -> Iterator[Any]:
    """Go through all that may get other items, also inside one another."""
    for value in values:
        if depth and isinstance(value, _CONTAINERS):
            if not isinstance(value, tuple | frozenset):
                yield value
            yield from _containers(_items(value), depth - 1)


class _Same:
    """Equal to itself alone; holds the object, so that its place in memory is not used again."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)
