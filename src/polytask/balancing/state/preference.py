"""How much each objective is preferred, as methods that aim at a point of the Pareto front take it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from polytask.core import InputError

__all__ = ["preference_of"]


def preference_of(preference: Mapping[str, float], penalty: float, owner: str) -> Tensor:
    """Return the preferences ``[objective]`` in the order given, once they and the penalty fit.

    Args:
        preference: A positive number of every objective, by name.
        penalty: How strongly the method holds on to it; at least 0.
        owner: The method, for the message.

    Raises:
        InputError: A preference is not above 0 and finite, or the penalty is negative; all problems at once.

    Example:
        >>> preference_of({"a": 1.0, "b": 3.0}, 0.5, "PBI")
        tensor([1., 3.])
    """
    problems = [
        f"`preference` of {name} must be above 0 and finite, got {each}"
        for name, each in preference.items()
        if not 0 < each < float("inf")
    ]
    if not penalty >= 0:
        problems.append(f"`penalty` must be at least 0, got {penalty}")
    if problems:
        raise InputError(f"{owner}: " + "; ".join(problems) + ".")
    return torch.tensor([float(each) for each in preference.values()])
