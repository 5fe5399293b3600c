"""Between what the settings of networks are searched, those of one architecture alone among them."""

from collections.abc import Mapping
from typing import Any

from polytask.architectures.catalogue import architecture_entry
from polytask.compare.search_space import Space, Span
from polytask.core import InputError
from polytask.models.table_config import TableConfig

__all__ = ["check_network_space", "network_space"]

_OF_SOME: Space = {
    "members": Span(low=4, high=32, log=True),
    "soft_strength": Span(low=1e-4, high=1.0, log=True),
}
_BY_NAME = ("architecture", "balancing")  # which the name of a candidate gives; a space may have others


def network_space(config: TableConfig, fixed: Mapping[str, Any]) -> Space:
    """Return the usual space of networks.

    Args:
        config: The form of the networks.
        fixed: Settings that were given, which are not searched.

    Example:
        >>> sorted(network_space(TableConfig(architecture="tabm"), {"depth": 2}))
        ['dropout', 'learning_rate', 'members', 'weight_decay', 'width']
    """
    entry = architecture_entry(config.architecture)
    space: dict[str, Span | tuple[Any, ...]] = {
        "width": Span(low=16, high=256, log=True),
        "depth": Span(low=entry.least_depth, high=entry.least_depth + 3),
        "dropout": Span(low=0.0, high=0.5),
        "learning_rate": Span(low=3e-4, high=1e-2, log=True),
        "weight_decay": Span(low=1e-4, high=1.0, log=True),
        **{name: values for name, values in _OF_SOME.items() if name in entry.uses},
    }
    return {name: values for name, values in space.items() if name not in fixed}


def check_network_space(space: Space, fixed: Mapping[str, Any]) -> None:
    """Refuse values that networks do not have, and settings that are given as well.

    Raises:
        InputError: The space has some.
    """
    for name, values in space.items():
        if name in fixed and name not in _BY_NAME:
            raise InputError(
                f"{name} is to be searched, but it is {fixed[name]!r} for all networks; leave out either"
            )
        for value in (values.low, values.high) if isinstance(values, Span) else values:
            TableConfig(**{**_without_name(fixed, space), name: value})


def _without_name(fixed: Mapping[str, Any], space: Space) -> dict[str, Any]:
    return {name: value for name, value in fixed.items() if name not in space}
