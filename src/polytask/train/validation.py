"""The outcome of judging a learner during training."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Validation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The outcome of a validation.

    Args:
        score: What early stopping maximizes, e.g. Δm.
        metrics: Everything worth logging, by name.
    """

    score: float
    metrics: Mapping[str, float]
