"""Modules of one's own that share their tensors: what lets several threads use one model at a time."""

import functools
from collections.abc import Callable, Mapping
from types import CellType, FunctionType, MethodType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from polytask.core.errors import InputError

__all__ = ["module_copy"]

_Module = TypeVar("_Module", bound=nn.Module)
_Copies = dict[int, nn.Module]
"""By the identity of a module, its copy."""

_TENSORS = ("_parameters", "_buffers")
_REGISTERS = tuple(
    name for name, value in vars(nn.Module()).items() if isinstance(value, dict) and name not in _TENSORS
)
"""Names of the mappings by which a module knows its modules and hooks."""

_OF_MODULES = frozenset(vars(nn.Module()))
"""Names of the attributes that torch gives every module: none of them holds a module but its registers."""

_HOLDERS = (nn.Module, dict, tuple, list, MethodType, functools.partial, FunctionType)
"""What may hold a module."""

_LONG = 100


def module_copy(
    module: _Module, tensors: Mapping[str, Tensor] | None = None, *, training: bool | None = None
) -> _Module:
    """Copy a module and all modules in it, but none of their tensors.

    Many a computation changes a module for a moment: it puts other parameters in place of its own, switches
    to evaluation, keeps something between two layers. On a copy of its own that is nobody else's business, so
    that any number of threads may use the model. Parameters and buffers are the same tensors: a gradient
    reaches them, and statistics updated in place are updated for all. What a module notes on itself in its
    forward pass is lost with the copy.

    Attributes, methods and hooks that hold a module of the tree hold its copy in the copy, also in tuples,
    lists and mappings of up to 100 items; not in other objects.

    Args:
        module: The root; modules that are TorchScript are shared, not copied.
        tensors: Put in place of the parameters and buffers of these names; a tensor known by several names is
            replaced at all of them.
        training: The mode of all copies; None keeps each one's.

    Raises:
        InputError: There is no parameter or buffer of a name.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
        >>> own = module_copy(net, {"0.bias": torch.ones(2)}, training=False)
        >>> own[0].weight is net[0].weight, own[0].bias, own[1].training, net[1].training
        (True, tensor([1., 1.]), False, True)
    """
    parts = {
        name: part for name, part in module.named_modules() if not isinstance(part, torch.jit.ScriptModule)
    }
    replaced = _replaced(module, parts, tensors) if tensors else {}
    copies: _Copies = {id(part): object.__new__(type(part)) for part in parts.values()}
    for part in parts.values():
        before, copy = vars(part), copies[id(part)]
        own = vars(copy)
        own.update(before)
        for name in _TENSORS:
            own[name] = {key: replaced.get(id(tensor), tensor) for key, tensor in before[name].items()}
        for name in _REGISTERS:
            own[name] = _register(before[name], copies) if before[name] else type(before[name])()
        for name in before.keys() - _OF_MODULES:
            if isinstance(before[name], _HOLDERS):
                own[name] = _of_copies(before[name], copies)
        if training is not None:
            own["training"] = training
        if "_torchdynamo_orig_callable" in own:  # from `torch.compile`: its forward knows the other module
            copy._initialize()  # pyright: ignore[reportCallIssue]
    return copies[id(module)]  # pyright: ignore[reportReturnType] - of the module's own class


def _replaced(
    module: nn.Module, parts: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]
) -> dict[int, Tensor]:
    """Return what stands in place of a tensor, by the identity of that."""
    found: dict[int, Tensor] = {}
    for name, tensor in tensors.items():
        holder, _, leaf = name.rpartition(".")
        try:
            part = parts[holder] if holder in parts else module.get_submodule(holder)
        except AttributeError:
            part = nn.Module()
        before = part._parameters.get(leaf)
        before = part._buffers.get(leaf) if before is None else before
        if before is None:
            raise InputError(f"{type(module).__name__} has no parameter or buffer {name!r} to be replaced.")
        found[id(before)] = tensor
    return found


def _register(register: Any, copies: _Copies) -> Any:
    """Return a register of its own, of copies where there are modules in it."""
    own = register.copy()
    for key, value in register.items():
        own[key] = _of_copies(value, copies)
    return own


def _of_copies(value: Any, copies: _Copies, depth: int = 4) -> Any:
    """Return an attribute with every module of the tree replaced by its copy; itself where it has none.

    Looked into are the first layers of what may hold modules, and nothing long: a vocabulary has none.
    """
    if isinstance(value, nn.Module):
        return copies.get(id(value), value)
    kind = type(value)
    if not depth or (kind in (tuple, list, dict) and len(value) > _LONG):
        return value
    go = functools.partial(_of_copies, copies=copies, depth=depth - 1)
    if kind is tuple or kind is list:
        items = [go(item) for item in value]
        return value if _equal(items, value) else kind(items)
    if kind is dict:
        items = [go(item) for item in value.values()]
        return value if _equal(items, value.values()) else dict(zip(value, items, strict=True))
    if kind is MethodType:
        holder = go(value.__self__)
        return value if holder is value.__self__ else MethodType(value.__func__, holder)
    if kind is functools.partial:
        before = (value.func, value.args, value.keywords)
        function, given, named = after = [go(part) for part in before]
        return value if _equal(after, before) else functools.partial(function, *given, **named)
    return _with_cells(value, go) if kind is FunctionType else value


def _with_cells(function: FunctionType, go: Callable[[Any], Any]) -> FunctionType:
    """Return a function whose enclosed variables hold the copies."""
    cells = function.__closure__ or ()
    found = [_cell(cell, go) for cell in cells]
    if _equal(found, cells):
        return function
    own = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, tuple(found)
    )
    own.__kwdefaults__ = function.__kwdefaults__
    return own


def _cell(cell: CellType, go: Callable[[Any], Any]) -> CellType:
    try:
        before = cell.cell_contents
    except ValueError:  # a variable that is not set yet
        return cell
    own = go(before)
    return cell if own is before else CellType(own)


def _equal(left: Any, right: Any) -> bool:
    """Tell whether two collections hold the very same objects."""
    return all(a is b for a, b in zip(left, right, strict=True))
