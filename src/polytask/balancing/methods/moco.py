"""MoCo: MGDA's weights from running gradients, which correct the bias of a single batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Direction, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.simplex import project_onto_simplex
from polytask.balancing.state.grown_buffers import register_grown_buffer
from polytask.balancing.state.mixture import Mixture
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["MoCo"]


@catalogued("moco", "Fernando et al., ICLR 2023, arXiv:2210.12624")
class MoCo(Balancer):
    r"""Track every gradient by a running mean, and MGDA's weights by projected steps on it.

    .. math:: y_t \leftarrow y_t - \beta (y_t - g_t), \qquad
        \lambda \leftarrow \mathrm{proj}_\Delta\bigl(\lambda - \gamma (Y Y^\top + \rho I) \lambda\bigr),
        \qquad d = T\, Y^\top \lambda

    Memory: a gradient of the shared parameters for every objective. An objective that is absent from a step
    keeps its running gradient and its share, and is no part of the update.

    Args:
        names: The names of all objectives that may occur.
        beta: How fast the running gradients follow.
        gamma: The step size of the weights.
        rho: Pulls towards equal weights.

    Raises:
        InputError: A number is not in its range.

    When to use:
        Stochastic gradients whose noise misleads MGDA: it follows running means of the gradients,
        and keeps all of them in memory.

    References:
        Heshan Fernando et al., "Mitigating Gradient Bias in Multi-objective Learning: A Provably Convergent
        Approach", ICLR 2023, arXiv:2210.12624. Deviations: running gradients start at the first one seen in
        place of 0; rates are constant; the update is multiplied by the number of objectives.

    Example:
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> MoCo(["a", "b"])(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 1.])
    """

    needs = "jacobian"
    running: Tensor
    seen: Tensor

    def __init__(
        self, names: Sequence[str], *, beta: float = 0.5, gamma: float = 0.1, rho: float = 0.0
    ) -> None:
        super().__init__()
        if not 0 < beta <= 1 or not gamma > 0 or rho < 0:
            raise InputError(
                f"MoCo needs beta in (0, 1], gamma > 0 and rho >= 0; got {beta}, {gamma} and {rho}."
            )
        self.beta, self.gamma, self.rho = beta, gamma, rho
        self._index = ObjectiveIndex(names, "MoCo")
        n = len(self._index)
        self.mixture = Mixture(names, "MoCo")
        self.register_buffer("seen", torch.zeros(n, dtype=torch.bool))
        register_grown_buffer(self, "running")  # [objective, parameter]

    def forward(self, evidence: Evidence) -> Direction:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
        """
        places = self._index.of(evidence.names)
        rows = evidence.jacobian()
        if self.running.numel() == 0:
            self.running = rows.new_zeros(len(self._index), rows.shape[1])
        before = torch.where(self.seen[places].to(rows.device)[:, None], self.running[places].to(rows), rows)
        tracked = before - self.beta * (before - rows)
        self.running[places], self.seen[places] = tracked.to(self.running), True
        products = (tracked @ tracked.T).double().cpu()

        def move(share: Tensor) -> Tensor:
            return project_onto_simplex(share - self.gamma * (products @ share + self.rho * share))

        share = self.mixture(evidence.names, move)
        return Direction(values=(share * len(places)).to(tracked) @ tracked)
