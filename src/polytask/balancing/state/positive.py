"""Losses of methods that divide by them or take their logarithm."""

from collections.abc import Sequence

from torch import Tensor

from polytask.core import TrainingError
from polytask.core.doors import by_door

__all__ = ["another_loss", "positive"]


def positive(
    values: Tensor, names: Sequence[str], owner: str, *, what: str = "loss", or_zero: bool = False
) -> Tensor:
    """Return values ``[objective]`` as they are, once all of them are above zero.

    Args:
        values: One number per name.
        names: The objectives, for the message.
        owner: The method, for the message.
        what: What the values are, for the message.
        or_zero: Whether zero will do.

    Raises:
        TrainingError: A value is negative, NaN, or zero where that will not do.

    Example:
        >>> import torch
        >>> positive(torch.tensor([0.5, 2.0]), ["a", "b"], "DWA")
        tensor([0.5000, 2.0000])
    """
    bad = [
        f"{name} ({value:g})"
        for name, value in zip(names, values.tolist(), strict=True)
        if not (value > 0 or (or_zero and value == 0))
    ]
    if bad:
        kind = "non-negative" if or_zero else "positive"
        raise TrainingError(
            f"{owner} needs a {kind} {what} of every objective, but that of {', '.join(bad)} is not. "
            f"{another_loss(kind)}"
        )
    return values


def another_loss(kind: str) -> str:
    """Say how to go on where a balancer cannot take a loss."""
    return by_door(
        python=f"Use a loss that stays {kind}, or another balancer, e.g. `EqualWeights`.",
        command="Use another balancer, e.g. `balancing=equal`.",
    )
