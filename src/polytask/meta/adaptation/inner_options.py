"""The options that all methods by gradient share, and which parameters their inner loops change."""

from collections.abc import Collection, Sequence
from typing import TypedDict

from torch import nn

from polytask.core import InputError
from polytask.meta.layers.normalization import Normalization, normalization_parameters

__all__ = ["InnerOptions", "adapted_parameters", "check_inner_loop", "check_trained"]


class InnerOptions(TypedDict, total=False):
    """Options of the inner loop that all methods by gradient share; `GradientLearner` says what they are."""

    batch_size: int | None
    recompute: bool
    normalization: Normalization | None
    adapt_normalization: bool


def adapted_parameters(model: nn.Module, options: InnerOptions) -> dict[str, nn.Parameter]:
    """Return the parameters that an inner loop on a whole model changes, by name.

    Example:
        >>> net = nn.Sequential(nn.Linear(1, 2), nn.LayerNorm(2))
        >>> list(adapted_parameters(net, {"adapt_normalization": False}))
        ['0.weight', '0.bias']
    """
    left = () if options.get("adapt_normalization", True) else normalization_parameters(model)
    return {name: p for name, p in model.named_parameters() if p.requires_grad and name not in left}


def check_inner_loop(
    trainable: Sequence[str],
    adapted: Collection[str] | None,
    n_steps: int,
    n_differentiated: int | None,
    batch_size: int | None,
) -> None:
    """Check the arguments that all inner loops have; see `GradientLearner`.

    Raises:
        InputError: One is out of range, or names no trainable parameter.
    """
    problems = []
    if n_steps < 0:
        problems.append(f"`n_steps` must be 0 or more, got {n_steps}")
    if n_differentiated is not None and n_differentiated < 0:
        problems.append(f"`n_differentiated` must be 0 or more, got {n_differentiated}")
    if batch_size is not None and batch_size < 1:
        problems.append(f"`batch_size` must be at least 1, got {batch_size}")
    if not trainable:
        problems.append("`model` has no trainable parameter to adapt")
    elif adapted is not None:
        unknown = [name for name in adapted if name not in trainable]
        if unknown or not adapted:
            what = f"{', '.join(map(repr, unknown))}" if unknown else "nothing"
            problems.append(
                f"`adapted` names {what}, but the trainable parameters are {', '.join(trainable)}"
            )
    if problems:
        raise InputError("; ".join(problems) + ".")


def check_trained(method: str, trainable: Sequence[str], adapted: Sequence[str], adapted_only: bool) -> None:
    """Check that something is adapted, and that every trainable parameter gets a gradient.

    Args:
        method: The name of the learner, for messages.
        trainable: Names of all trainable parameters.
        adapted: Those that the inner loop changes.
        adapted_only: Whether the objective gives a gradient to these alone.

    Raises:
        InputError: It is not so.
    """
    if not adapted:
        raise InputError(
            f"{method} would adapt nothing but normalization, which `adapt_normalization=False` leaves out."
        )
    if adapted_only and len(adapted) < len(trainable):
        others = ", ".join(name for name in trainable if name not in adapted)
        raise InputError(
            f"{method} trains what its inner loop changes, and would never train {others}. Leave "
            "`adapt_normalization` True, or freeze them by `requires_grad_(False)`."
        )
