"""Tensors of several parts in one bundle: the names of each part's begin with a text of its own."""

from collections.abc import Mapping

from torch import Tensor

__all__ = ["named_part", "other_parts", "taken_part"]


def named_part(start: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put the text of a part in front of the names of its tensors.

    Example:
        >>> list(named_part("known/", {"labels": Tensor()}))
        ['known/labels']
    """
    return {start + name: tensor for name, tensor in tensors.items()}


def taken_part(start: str, tensors: Mapping[str, Tensor], *, copied: bool = False) -> dict[str, Tensor]:
    """Return the tensors of a part by the names that `named_part` was given.

    Args:
        start: The text of the part.
        tensors: Those of all parts.
        copied: Whether they are copies, so that a file that they were mapped from stays free.

    Example:
        >>> list(taken_part("known/", {"known/labels": Tensor(), "weight": Tensor()}))
        ['labels']
    """
    return {
        name.removeprefix(start): tensor.clone() if copied else tensor
        for name, tensor in tensors.items()
        if name.startswith(start)
    }


def other_parts(starts: str | tuple[str, ...], tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors that are of none of some parts.

    Example:
        >>> list(other_parts("known/", {"known/labels": Tensor(), "weight": Tensor()}))
        ['weight']
    """
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(starts)}
