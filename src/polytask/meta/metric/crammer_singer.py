"""The quadratic program of the multi-class support vector machine, solved and differentiated."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["crammer_singer_dual"]


def crammer_singer_dual(
    features: Tensor, members: Tensor, cost: float, *, n_steps: int = 25, barrier: float = 1e-9
) -> Tensor:
    r"""Solve the dual of Crammer's and Singer's support vector machine.

    With the kernel :math:`K = X X^\top`,

    .. math:: \min_\alpha \; \tfrac{1}{2} \sum_k \alpha_k^\top K \alpha_k - \langle \alpha, Y \rangle
        \quad \text{with} \quad \alpha \le C Y, \quad \sum_k \alpha_{ik} = 0

    by a primal-dual interior point method in float64. Every class has a system of the size of the rows, as
    the classes meet in the sums alone; so a step costs :math:`O(k n^3)`, where a general solver needs
    :math:`O(k^3 n^3)`.

    The gradient is that of the optimality conditions (the implicit function theorem): it is exact for the
    first derivative, and its cost does not depend on the number of steps. Do not differentiate it again: the
    second derivative would come out wrong.

    Args:
        features: ``[row, feature]``.
        members: 1.0 for the class of an example, else 0, ``[row, class]``: one 1 a row.
        cost: The factor :math:`C` of the hinge loss.
        n_steps: Steps of the interior point method; 15 to 22 reach the end.
        barrier: What a multiplier times its slack is at the end instead of 0, relative to the lesser of
            the cost and one over the mean squared length of the examples, where solutions begin. So much
            may the objective be off for each entry of the dual.

    Returns:
        The dual variables :math:`\alpha`, ``[row, class]``.

    Example:
        >>> crammer_singer_dual(torch.eye(2), torch.eye(2), cost=0.1)  # too cheap: all are at their bound
        tensor([[ 0.1000, -0.1000],
                [-0.1000,  0.1000]])
        >>> crammer_singer_dual(torch.eye(2), torch.eye(2), cost=100.0)  # both margins are met
        tensor([[ 0.5000, -0.5000],
                [-0.5000,  0.5000]])

    References:
        Crammer, Singer. On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines. JMLR
        2001. Interior point: Mehrotra. On the Implementation of a Primal-Dual Interior Point Method. SIAM
        Journal on Optimization 1992. Differentiation of a quadratic program: Amos, Kolter. OptNet:
        Differentiable Optimization as a Layer in Neural Networks. ICML 2017, arXiv:1703.00443.
    """
    # In float32 the product would have eigenvalues below 0, and its smallest ones matter here.
    exact, labels = features.double(), members.double()
    kernel = _regular(exact @ exact.T)
    with torch.no_grad():
        point = _interior_point(kernel.detach(), labels, cost, n_steps, barrier)
        system = _System.at(kernel.detach(), point)
    # One more step of Newton's method moves the solution by rounding only, but its derivative by the kernel,
    # with the system held fixed, is that of the solution: dx = -J^-1 (dF/dK) dK.
    residual = kernel @ point.dual - labels + point.multipliers + point.prices  # [row, class]
    change, _ = system.solve(-residual, point.dual.sum(1, keepdim=True))
    return (point.dual + change).to(features.dtype)


def _regular(kernel: Tensor) -> Tensor:
    """Add 1e-10 of its mean to the diagonal: with more rows than features, many duals would be optimal."""
    diagonal = kernel.diagonal()
    return kernel + torch.diag_embed(1e-10 * diagonal.mean().expand_as(diagonal))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """Where the method is.

    Args:
        dual: :math:`\\alpha`, within its bounds and with sums of 0, ``[row, class]``.
        slack: How far it is from its bounds, above 0, ``[row, class]``.
        multipliers: Of the bounds, above 0, ``[row, class]``.
        prices: Multipliers of the sums, ``[row, 1]``.
    """

    dual: Tensor
    slack: Tensor
    multipliers: Tensor
    prices: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class _System:
    """The linear system of a step: ``(K + D_k) a_k + p = b_k`` for each class, with ``sum_k a_k = 0``.

    Args:
        inverses: Of ``K + D_k``, ``[class, row, row]``.
        factor: Cholesky factor of their sum, ``[row, row]``.
    """

    inverses: Tensor
    factor: Tensor

    @classmethod
    def at(cls, kernel: Tensor, point: _Point) -> "_System":
        """Prepare the system at a point, for a kernel ``[row, row]``."""
        weights = (point.multipliers / point.slack).T  # [class, row]
        factors, _ = torch.linalg.cholesky_ex(kernel + torch.diag_embed(weights))
        identity = torch.eye(kernel.shape[0], dtype=kernel.dtype, device=kernel.device)
        inverses = torch.cholesky_solve(identity.expand_as(factors), factors)
        factor, _ = torch.linalg.cholesky_ex(inverses.sum(0))
        return cls(inverses=inverses, factor=factor)

    def solve(self, target: Tensor, excess: Tensor) -> tuple[Tensor, Tensor]:
        """Return the change of the dual ``[row, class]`` and of the prices ``[row, 1]``.

        Args:
            target: The right sides ``b``, ``[row, class]``.
            excess: What the sums of the dual are too large by, from rounding, ``[row, 1]``.
        """
        alone = self.inverses @ target.T.unsqueeze(-1)  # [class, row, 1]
        prices = torch.cholesky_solve(alone.sum(0) + excess, self.factor)  # [row, 1]
        return (alone - self.inverses @ prices).squeeze(-1).T, prices


def _interior_point(kernel: Tensor, labels: Tensor, cost: float, n_steps: int, barrier: float) -> _Point:
    """Follow the central path from a strictly feasible start to the end of the barrier."""
    n_classes = labels.shape[1]
    size = (1 / kernel.diagonal().mean()).clamp(max=cost)  # of the solution, if the classes lie apart
    dual = 0.5 * size * (labels - (1 - labels) / (n_classes - 1))
    point = _Point(
        dual=dual,
        slack=cost * labels - dual,
        multipliers=torch.ones_like(dual) + (kernel @ dual).abs().max(),
        prices=torch.zeros_like(dual[:, :1]),
    )
    for _ in range(n_steps):
        point = _step(kernel, labels, point, barrier * size)
    return point


def _step(kernel: Tensor, labels: Tensor, point: _Point, barrier: Tensor) -> _Point:
    """Make one predictor-corrector step; at the end of the path, a Newton step that stays there."""
    system = _System.at(kernel, point)
    residual = kernel @ point.dual - labels + point.multipliers + point.prices  # [row, class]
    products = point.slack * point.multipliers
    excess = point.dual.sum(1, keepdim=True)

    def move(goal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        # The slack falls as the dual rises; products should change by `goal`.
        dual, prices = system.solve(-residual - goal / point.slack, excess)
        return dual, (goal + point.multipliers * dual) / point.slack, prices

    dual, multipliers, _ = move(-products)
    slack = point.slack - _length(point.slack, -dual) * dual
    reached = slack * (point.multipliers + _length(point.multipliers, multipliers) * multipliers)
    gap = products.mean()
    centre = torch.maximum(gap * (reached.mean() / gap) ** 3, barrier)
    dual, multipliers, prices = move(centre - products + dual * multipliers)
    down, up = _length(point.slack, -dual, 0.99), _length(point.multipliers, multipliers, 0.99)
    length = torch.minimum(down, up)
    return _Point(
        dual=point.dual + length * dual,
        slack=point.slack - length * dual,
        multipliers=point.multipliers + length * multipliers,
        prices=point.prices + length * prices,
    )


def _length(values: Tensor, change: Tensor, share: float = 1.0) -> Tensor:
    """Return how far positive values may follow a change, at most 1: a share of the way to the first 0."""
    ratios = torch.where(change < 0, -values / change, torch.inf)
    return (share * ratios.min()).clamp(max=1.0)
