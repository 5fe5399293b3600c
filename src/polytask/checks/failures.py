"""Collects what a method gets wrong."""

import torch
from torch import Tensor

from polytask.core import PolytaskError

__all__ = ["ConformanceError", "Failures", "same"]


class ConformanceError(PolytaskError, AssertionError):
    """A method breaks the contract that the rest of the library relies on."""


class Failures:
    """Gathers failed properties, to report them all at once.

    Args:
        subject: What is checked, for the message.
    """

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._found: list[str] = []

    def expect(self, holds: bool, failure: str) -> bool:
        """Note the failure unless the property holds; returns whether it holds."""
        if not holds:
            self._found.append(failure)
        return holds

    def raise_if_any(self) -> None:
        """Report.

        Raises:
            ConformanceError: Something failed.
        """
        if self._found:
            listed = "\n".join(f"- {failure}" for failure in self._found)
            raise ConformanceError(f"{self._subject} breaks the contract:\n{listed}")


def same(left: Tensor, right: Tensor, *, tolerance: float = 0.0) -> bool:
    """Tell whether two tensors agree in type, shape and values, NaN included."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return False
    if tolerance == 0 or not left.is_floating_point():
        return torch.equal(left, right) or bool(((left == right) | (left.isnan() & right.isnan())).all())
    return torch.allclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True)
