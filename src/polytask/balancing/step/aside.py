"""Runs of a learner beside its step, which leave no trace in the random state."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from polytask.core import own_random_state

__all__ = ["aside"]

P = ParamSpec("P")
R = TypeVar("R")


def aside(function: Callable[P, R]) -> Callable[P, R]:
    """Put the random state back after each call: what a balancer draws must not depend on dropout before it.

    Else a step in parts would be balanced by other draws than a whole one, and each process by its own.

    Example:
        >>> import torch
        >>> before = torch.get_rng_state()
        >>> _ = aside(torch.rand)(3)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """

    @wraps(function)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> R:
        with own_random_state():
            return function(*args, **kwargs)

    return quiet
