"""MoDo: MGDA's weights from gradients of independent halves of a batch, which have no bias."""

from collections.abc import Sequence

from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.simplex import project_onto_simplex
from polytask.balancing.state.mixture import Mixture
from polytask.core import InputError

__all__ = ["MoDo"]


@catalogued("modo", "Chen et al., NeurIPS 2023, arXiv:2305.20057")
class MoDo(Balancer):
    r"""Follow MGDA's weights with one projected gradient step on two independent halves of the batch.

    .. math:: \lambda \leftarrow \mathrm{proj}_\Delta\bigl(\lambda
        - \gamma (J_1 J_2^\top \lambda + \rho \lambda)\bigr)

    Args:
        names: The names of all objectives that may occur.
        gamma: The step size; halve it where the losses are large, since products are not normalized.
        rho: Pulls towards equal weights.

    Raises:
        InputError: ``gamma`` is not positive, or ``rho`` is negative.

    When to use:
        Where the bias of computing weights and direction from one batch matters, as in theory of
        small batches. Twice the gradients a step.

    References:
        Lisha Chen, Heshan Fernando, Yiming Ying, Tianyi Chen, "Three-Way Trade-Off in Multi-Objective
        Learning: Optimization, Generalization and Conflict-Avoidance", NeurIPS 2023, arXiv:2305.20057.
        Deviations: the update's gradients are those of the whole batch; weights times the number of
        objectives.

    Example:
        >>> import torch
        >>> products = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
        >>> evidence = Evidence(("a", "b"), torch.ones(2), torch.Tensor, cross=lambda: products)
        >>> MoDo(["a", "b"], gamma=0.2)(evidence).values
        tensor([0.9000, 1.1000])
    """

    needs = "cross"

    def __init__(self, names: Sequence[str], *, gamma: float = 0.1, rho: float = 0.0) -> None:
        super().__init__()
        if not gamma > 0 or rho < 0:
            raise InputError(f"`gamma` must be positive and `rho` not negative; got {gamma} and {rho}.")
        self.gamma, self.rho = gamma, rho
        self.mixture = Mixture(names, "MoDo")

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction, or the step has no halves.
        """
        products = evidence.cross_gramian().detach().double().cpu()

        def move(share: Tensor) -> Tensor:
            return project_onto_simplex(share - self.gamma * (products @ share + self.rho * share))

        share = self.mixture(evidence.names, move)
        return Weights(values=(share * len(share)).to(evidence.losses))
