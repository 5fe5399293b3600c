"""PCD: follow the primary objective, and leave every other a share of progress."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.complementarity import nonnegative_minimum
from polytask.balancing.solvers.scaled import ridge, symmetric
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["PCD"]


@catalogued("pcd", "TMLR 2026, arXiv:2606.29521", build=lambda names: PCD(names, primary=names[0]))
class PCD(Balancer):
    r"""Follow the primary gradient as closely as every other objective's share of progress allows.

    .. math:: \min_d \lVert d - \tilde g_1 \rVert^2 \quad \text{subject to} \quad
        \langle \tilde g_t, d \rangle \ge \tau \lVert \tilde g_t \rVert^2

    with gradients :math:`\tilde g_t` over the root mean square of their running length; the result is as long
    as the primary gradient. Where no direction satisfies all, it is the primary gradient alone; where the
    primary objective is absent from a step, the plain sum of the others.

    Args:
        names: The names of all objectives that may occur.
        primary: The objective to follow.
        tau: The share of progress of every other objective.
        beta: How much of the running squared length is kept.

    Raises:
        InputError: ``primary`` is not among the names, or a number is not in its range.

    When to use:
        One primary task that must not be given up, with others that are owed a share of their
        progress.

    References:
        "Not All Objectives Are Born Equal: Priority-Constrained Descent for Hierarchical Multi-Objective
        Optimization", TMLR 2026, arXiv:2606.29521, as described by TorchJD, whose weights these are.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> balancer = PCD(["a", "b"], primary="a", tau=1.0)
        >>> balancer(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([0.7071, 0.7071])
    """

    mean_square: Tensor
    steps: Tensor

    def __init__(self, names: Sequence[str], *, primary: str, tau: float = 0.02, beta: float = 0.999) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, "PCD")
        if not 0 <= tau <= 1 or not 0 <= beta < 1:
            raise InputError(f"`tau` is from 0 to 1 and `beta` below 1; got tau={tau}, beta={beta}.")
        self._index.of([primary])
        self.primary, self.tau, self.beta = primary, tau, beta
        self.register_buffer("mean_square", torch.zeros(len(self._index), dtype=torch.float64))
        self.register_buffer("steps", torch.zeros(len(self._index), dtype=torch.long))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        gramian = evidence.gramian()
        exact = torch.from_numpy(symmetric(gramian))
        scales = self._scales(evidence.names, exact.diagonal())
        if self.primary not in evidence.names:
            return Weights(values=torch.ones_like(evidence.losses))
        first = evidence.names.index(self.primary)
        tiny = ridge(gramian)
        weights = self._weights(exact * torch.outer(scales, scales), first, tiny) * scales
        length = weights @ exact @ weights
        longest = (weights.abs() * exact.diagonal().sqrt()).sum() ** 2
        some = length > tiny * longest
        factor = torch.where(some, exact[first, first] / torch.where(some, length, 1.0), 0.0).sqrt()
        return Weights(values=(weights * factor).to(evidence.losses))

    def _scales(self, names: Sequence[str], squares: Tensor) -> Tensor:
        places = self._index.of(names)
        self.steps[places] += 1
        followed = self.beta * self.mean_square[places].to(squares) + (1 - self.beta) * squares
        self.mean_square[places] = followed.to(self.mean_square)
        unbiased = followed / (1 - self.beta ** self.steps[places].to(squares))
        return torch.where(unbiased > 0, unbiased, 1.0).rsqrt()

    def _weights(self, gramian: Tensor, first: int, tiny: float) -> Tensor:
        others = torch.tensor([i for i in range(len(gramian)) if i != first and gramian[i, i] > 0])
        weights = torch.zeros(len(gramian), dtype=gramian.dtype)
        weights[first] = 1
        if len(others) == 0:
            return weights
        own = gramian[others][:, others]
        lengths = own.diagonal().sqrt()
        wanted = self.tau * own.diagonal()
        matrix = own / torch.outer(lengths, lengths) + tiny * torch.eye(len(own)).to(own)
        added = nonnegative_minimum(matrix, (gramian[others, first] - wanted) / lengths) / lengths
        reached = gramian[others, first] + own @ added
        # Hardly more than the ridge is missing where the shares can be had; much is where they cannot.
        if bool((reached >= 0.9 * wanted - 1e-6 * lengths * lengths.max()).all()):
            weights[others] = added
        return weights
