"""Trimmed mean: average every coordinate without its largest and smallest values."""

from polytask.balancing.balancer import Balancer, Direction, catalogued
from polytask.balancing.evidence import Evidence
from polytask.core import InputError

__all__ = ["TrimmedMean"]


@catalogued("trimmed-mean", "Yin et al., ICML 2018, arXiv:1803.01498")
class TrimmedMean(Balancer):
    """Average every coordinate of the gradients without its largest and smallest values.

    Args:
        n_trimmed: How many to leave out at each end; fewer where too few objectives are in a step.

    Raises:
        InputError: ``n_trimmed`` is negative.

    When to use:
        Objectives of which some may be faulty: extremes are cut coordinate by coordinate. With
        honest tasks it throws information away.

    References:
        Dong Yin, Yudong Chen, Kannan Ramchandran, Peter Bartlett, "Byzantine-Robust Distributed Learning:
        Towards Optimal Statistical Rates", ICML 2018, arXiv:1803.01498. Deviation: times the number of
        objectives.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[1.0], [2.0], [60.0]])
        >>> TrimmedMean()(Evidence(("a", "b", "c"), torch.ones(3), lambda: rows)).values
        tensor([6.])
    """

    needs = "jacobian"

    def __init__(self, *, n_trimmed: int = 1) -> None:
        super().__init__()
        if n_trimmed < 0:
            raise InputError(f"`n_trimmed` must not be negative, got {n_trimmed}.")
        self.n_trimmed = n_trimmed

    def forward(self, evidence: Evidence) -> Direction:
        """See `Balancer.forward`."""
        ordered = evidence.jacobian().sort(0).values
        n = len(ordered)
        cut = min(self.n_trimmed, (n - 1) // 2)
        return Direction(values=ordered[cut : n - cut].mean(0) * n)
