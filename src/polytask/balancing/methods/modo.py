"""MoDo and SDMGrad: weights from gradients of independent halves of a batch, which have no bias."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Evidence, Weights
from polytask.balancing.solvers.simplex import project_onto_simplex
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["MoDo", "SDMGrad"]


class _Mixture(Balancer):
    """Weights on the simplex that follow a cross-Gramian step by step.

    Objectives absent from a step keep their share; those present keep the sum of theirs.
    """

    needs = "cross"
    mixture: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, type(self).__name__)
        n = len(self._index)
        self.register_buffer("mixture", torch.full((n,), 1 / n, dtype=torch.float64))

    def _step(self, share: Tensor, products: Tensor) -> Tensor:
        """Return the new shares ``[objective]``, of sum 1, from the old ones and the cross-Gramian."""
        raise NotImplementedError

    def _shares(self, evidence: Evidence) -> Tensor:
        places = self._index.of(evidence.names)
        products = evidence.cross_gramian().detach().double().cpu()
        before = self.mixture[places]
        mass = before.sum()
        whole = before / mass if float(mass) > 0 else torch.full_like(before, 1 / len(places))
        after = self._step(whole.to(products), products)
        self.mixture[places] = (after * mass.to(after)).to(self.mixture)
        return after


class MoDo(_Mixture):
    r"""Follow MGDA's weights with one projected gradient step on two independent halves of the batch.

    .. math:: \lambda \leftarrow \mathrm{proj}_\Delta\bigl(\lambda
        - \gamma (J_1 J_2^\top \lambda + \rho \lambda)\bigr)

    Args:
        names: The names of all objectives that may occur.
        gamma: The step size; halve it where the losses are large, since products are not normalized.
        rho: Pulls towards equal weights.

    Raises:
        InputError: ``gamma`` is not positive, or ``rho`` is negative.

    References:
        Lisha Chen, Heshan Fernando, Yiming Ying, Tianyi Chen, "Three-Way Trade-Off in Multi-Objective
        Learning: Optimization, Generalization and Conflict-Avoidance", NeurIPS 2023, arXiv:2305.20057.
        Deviations: the update's gradients are those of the whole batch; weights times the number of
        objectives.

    Example:
        >>> products = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        >>> evidence = Evidence(("a", "b"), torch.ones(2), torch.Tensor, cross=lambda: products)
        >>> MoDo(["a", "b"], gamma=0.2)(evidence).values
        tensor([0.9000, 1.1000])
    """

    def __init__(self, names: Sequence[str], *, gamma: float = 0.1, rho: float = 0.0) -> None:
        super().__init__(names)
        if not gamma > 0 or rho < 0:
            raise InputError(f"`gamma` must be positive and `rho` not negative; got {gamma} and {rho}.")
        self.gamma, self.rho = gamma, rho

    def _step(self, share: Tensor, products: Tensor) -> Tensor:
        return project_onto_simplex(share - self.gamma * (products @ share + self.rho * share))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction, or the step has no halves.
        """
        return Weights(values=(self._shares(evidence) * len(evidence.names)).to(evidence.losses))


class SDMGrad(_Mixture):
    r"""Follow MGDA's weights near the average gradient, with gradients of independent halves of the batch.

    .. math:: w \leftarrow \mathrm{proj}_\Delta\bigl(w - \eta\, J_1 J_2^\top (w + \lambda \tilde w)\bigr),
        \qquad d = \sum_t \frac{w_t + \lambda \tilde w_t}{1 + \lambda} g_t

    with :math:`\tilde w = 1/T`, a few steps with momentum at a time; products are divided by the square of
    the mean length of the gradients.

    Args:
        names: The names of all objectives that may occur.
        lambda_: How near the average gradient the update stays.
        rate: The step size :math:`\eta`.
        momentum: Of the inner steps.
        n_steps: Inner steps at a time.

    Raises:
        InputError: A number is not in its range.

    References:
        Peiyao Xiao, Hao Ban, Kaiyi Ji, "Direction-oriented Multi-objective Learning: Simple and Provable
        Stochastic Algorithms", NeurIPS 2023, arXiv:2305.18409. The inner optimizer's settings are those of
        the authors' code as given by TorchJD. Deviations: the update's gradients are those of the whole
        batch; weights times the number of objectives.

    Example:
        >>> products = torch.eye(2)
        >>> evidence = Evidence(("a", "b"), torch.ones(2), torch.Tensor, cross=lambda: products)
        >>> SDMGrad(["a", "b"])(evidence).values
        tensor([1., 1.])
    """

    def __init__(
        self,
        names: Sequence[str],
        *,
        lambda_: float = 0.3,
        rate: float = 10.0,
        momentum: float = 0.5,
        n_steps: int = 20,
    ) -> None:
        super().__init__(names)
        if lambda_ < 0 or not rate > 0 or not 0 <= momentum < 1 or n_steps < 1:
            raise InputError(
                "SDMGrad needs lambda_ >= 0, rate > 0, momentum in [0, 1) and n_steps >= 1; "
                f"got {lambda_}, {rate}, {momentum} and {n_steps}."
            )
        self.lambda_, self.rate, self.momentum, self.n_steps = lambda_, rate, momentum, n_steps

    def _step(self, share: Tensor, products: Tensor) -> Tensor:
        scale = products.diagonal().clamp(min=0).sqrt().mean().square()
        scaled = products / scale if float(scale) > 0 else torch.zeros_like(products)
        velocity = torch.zeros_like(share)
        for _ in range(self.n_steps):
            velocity = self.momentum * velocity + scaled @ (share + self.lambda_ / len(share))
            share = project_onto_simplex(share - self.rate * velocity)
        return share

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction, or the step has no halves.
        """
        share, n = self._shares(evidence), len(evidence.names)
        return Weights(values=((share * n + self.lambda_) / (1 + self.lambda_)).to(evidence.losses))
