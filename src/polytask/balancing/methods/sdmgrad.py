"""SDMGrad: MGDA's weights near the average gradient, from independent halves of a batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.simplex import project_onto_simplex
from polytask.balancing.state.mixture import Mixture
from polytask.core import InputError

__all__ = ["SDMGrad"]


@catalogued("sdmgrad", "Xiao, Ban, Ji, NeurIPS 2023, arXiv:2305.18409")
class SDMGrad(Balancer):
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

    When to use:
        As `MoDo`, with a pull towards a preference. Three independent gradients of each task in a
        step.

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

    needs = "cross"

    def __init__(
        self,
        names: Sequence[str],
        *,
        lambda_: float = 0.3,
        rate: float = 10.0,
        momentum: float = 0.5,
        n_steps: int = 20,
    ) -> None:
        super().__init__()
        if lambda_ < 0 or not rate > 0 or not 0 <= momentum < 1 or n_steps < 1:
            raise InputError(
                "SDMGrad needs lambda_ >= 0, rate > 0, momentum in [0, 1) and n_steps >= 1; "
                f"got {lambda_}, {rate}, {momentum} and {n_steps}."
            )
        self.lambda_, self.rate, self.momentum, self.n_steps = lambda_, rate, momentum, n_steps
        self.mixture = Mixture(names, "SDMGrad")

    def _move(self, share: Tensor, products: Tensor) -> Tensor:
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
        products = evidence.cross_gramian().detach().double().cpu()
        share, n = (
            self.mixture(evidence.names, lambda share: self._move(share, products)),
            len(evidence.names),
        )
        return Weights(values=((share * n + self.lambda_) / (1 + self.lambda_)).to(evidence.losses))
