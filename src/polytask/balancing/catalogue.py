"""Balancers by name."""

from collections.abc import Callable, Mapping, Sequence

from polytask.balancing.balancer import Balancer
from polytask.balancing.equal import EqualWeights
from polytask.balancing.from_torchjd import UPGrad
from polytask.balancing.uncertainty import UncertaintyWeighting
from polytask.core import InputError

__all__ = ["balancer_by_name", "balancer_names"]

_BALANCERS: Mapping[str, Callable[[Sequence[str]], Balancer]] = {
    "equal": lambda _: EqualWeights(),
    "uncertainty": UncertaintyWeighting,
    "upgrad": lambda _: UPGrad(),
}


def balancer_names() -> tuple[str, ...]:
    """Return the names that `balancer_by_name` knows."""
    return tuple(_BALANCERS)


def balancer_by_name(name: str, objectives: Sequence[str]) -> Balancer:
    """Build a balancer for objectives of these names.

    Raises:
        InputError: No balancer has this name.

    Example:
        >>> type(balancer_by_name("uncertainty", ["a", "b"])).__name__
        'UncertaintyWeighting'
    """
    if name not in _BALANCERS:
        raise InputError(f"No balancer is called {name!r}; there are {', '.join(_BALANCERS)}.")
    return _BALANCERS[name](objectives)
