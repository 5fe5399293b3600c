"""What episodes that are run one after the other may have in common."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar

__all__ = ["held", "one_by_one"]

Made = TypeVar("Made")

_HELD: ContextVar[dict[int, tuple[object, Any]] | None] = ContextVar("held", default=None)


@contextlib.contextmanager
def one_by_one() -> Iterator[None]:
    """Run episodes one after the other, the gradient of each being taken before the next one begins.

    Only then may they share what one of them changes, such as a model that parameters are put into: a part of
    it may be computed once more in the backward pass.
    """
    token = _HELD.set({})
    try:
        yield
    finally:
        _HELD.reset(token)


def held(owner: object, make: Callable[[], Made]) -> Made:
    """Return what was made for an earlier episode of the same `one_by_one`; else make it.

    Args:
        owner: Whose it is.
        make: Makes it.

    Example:
        >>> owner = object()
        >>> held(owner, list) is held(owner, list)
        False
        >>> with one_by_one():
        ...     held(owner, list) is held(owner, list)
        True
    """
    known = _HELD.get()
    if known is None:
        return make()
    if id(owner) not in known:
        known[id(owner)] = (owner, make())  # held with its owner, so that no other one gets its identity
    return known[id(owner)][1]
