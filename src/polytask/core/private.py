"""Parameters that belong to one task, and the split of a model into shared and private ones."""

from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

from torch import nn

__all__ = ["PerTask", "private_parameters", "shared_parameters"]


class PerTask(nn.Module):
    """One module per task: its parameters are private to that task.

    Everything else in a model is shared. A private parameter always receives its own task's unscaled
    gradient; balancing concerns the shared ones only. Any name is allowed, dots included.

    Args:
        modules: The modules by task name.

    Example:
        >>> heads = PerTask({"body.mass": nn.Linear(2, 1), "type": nn.Linear(2, 3)})
        >>> list(heads), heads["type"].out_features
        (['body.mass', 'type'], 3)
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(_key(name), module)

    def __getitem__(self, name: str) -> nn.Module:
        return self._modules[_key(name)]  # pyright: ignore[reportReturnType] - never None, see __init__

    def __iter__(self) -> Iterator[str]:
        return (_name(key) for key in self._modules)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._modules

    def __len__(self) -> int:
        return len(self._modules)


def private_parameters(module: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the trainable private parameters of every task, by task name."""
    private: dict[str, list[nn.Parameter]] = {}
    for parameter, owners in _owners(module):
        if len(owners) == 1 and (owner := next(iter(owners))) is not None:
            private.setdefault(owner, []).append(parameter)
    return private


def shared_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Return the trainable parameters that belong to no single task.

    A parameter that two tasks reach, or that is also used outside `PerTask`, is tied, hence shared.
    """
    return [parameter for parameter, owners in _owners(module) if owners == {None} or len(owners) > 1]


def _owners(module: nn.Module) -> list[tuple[nn.Parameter, set[str | None]]]:
    """Pair each trainable parameter with the tasks that own it; None stands for shared code."""
    found: dict[int, tuple[nn.Parameter, set[str | None]]] = {}
    visited: set[tuple[int, str | None]] = set()

    def walk(part: nn.Module, owner: str | None) -> None:
        if (id(part), owner) in visited:  # many may hold one module, and modules each other
            return
        visited.add((id(part), owner))
        for parameter in part.parameters(recurse=False):
            if parameter.requires_grad:
                found.setdefault(id(parameter), (parameter, set()))[1].add(owner)
        for key, child in part._modules.items():  # `named_children` leaves out a module's second name
            if child is not None:
                walk(child, _name(key) if isinstance(part, PerTask) and owner is None else owner)

    walk(module, None)
    return list(found.values())


def _key(name: str) -> str:
    """Encode a task's name as a module's name: no dots, no clash with attributes."""
    return "task:" + quote(name, safe=" ").replace(".", "%2E")


def _name(key: str) -> str:
    return unquote(key.removeprefix("task:"))
