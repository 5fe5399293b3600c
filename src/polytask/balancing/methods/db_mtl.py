"""DB-MTL: gradients of the logarithms of the losses, all as long as the longest."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Direction, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.grown_buffers import register_grown_buffer
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import another_loss
from polytask.core import InputError, TrainingError

__all__ = ["DBMTL"]


@catalogued(
    "db-mtl-running",
    "Lin et al., 2023, arXiv:2308.12029",
    build=lambda names: DBMTL(names, beta=0.9),
    needs="jacobian",
)
@catalogued("db-mtl", "Lin et al., 2023, arXiv:2308.12029")
class DBMTL(Balancer):
    r"""Balance twice: take the logarithm of every loss, and make all gradients as long as the longest.

    .. math:: \hat g_t \leftarrow \beta_k \hat g_t + (1 - \beta_k) \nabla \log L_t, \qquad
        d = \max_s \lVert \hat g_s \rVert \sum_t \frac{\hat g_t}{\lVert \hat g_t \rVert}, \qquad
        \beta_k = \beta / k^{\sigma}

    Args:
        names: The names of all objectives that may occur.
        beta: How much of the running gradient is kept. Above 0 it needs memory for a gradient of every
            objective, and answers with a direction; at 0 the gradients' lengths are enough.
        sigma: How fast :math:`\beta` falls with the objective's steps :math:`k`.

    Raises:
        InputError: ``beta`` is not in [0, 1), or ``sigma`` is negative.

    When to use:
        Losses of different scale and gradients of different length, where both should be taken
        out. With the running mean it needs all gradients in memory.

    References:
        Baijiong Lin et al., "Dual-Balancing for Multi-Task Learning", 2023, arXiv:2308.12029. Deviation:
        ``beta`` is 0 unless asked for.

    Example:
        >>> rows = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
        >>> DBMTL(["a", "b"])(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1., 2.])
    """

    running: Tensor
    steps: Tensor

    def __init__(self, names: Sequence[str], *, beta: float = 0.0, sigma: float = 0.5) -> None:
        super().__init__()
        if not 0 <= beta < 1:
            raise InputError(f"`beta` must be at least 0 and below 1, got {beta}.")
        if sigma < 0:
            raise InputError(f"`sigma` must not be negative, got {sigma}.")
        self.beta, self.sigma = beta, sigma
        self.needs = "jacobian" if beta > 0 else "gramian"
        self._index = ObjectiveIndex(names, "DBMTL")
        self.register_buffer("steps", torch.zeros(len(self._index), dtype=torch.long))
        register_grown_buffer(self, "running")  # [objective, parameter]

    def forward(self, evidence: Evidence) -> Weights | Direction:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: A loss is not positive, so it has no logarithm.
        """
        losses = evidence.losses
        if not bool((losses > 0).all()):
            bad = [name for name, good in zip(evidence.names, (losses > 0).tolist()) if not good]
            raise TrainingError(
                f"DBMTL takes logarithms, but the loss of {', '.join(bad)} is not positive. "
                f"{another_loss('positive')}"
            )
        if self.beta == 0:
            norms = evidence.gramian().diagonal().clamp(min=0).sqrt()
            return Weights(values=_equalizing(norms / losses) / losses)
        rows = self._follow(evidence.names, evidence.jacobian() / losses[:, None])
        return Direction(values=_equalizing(rows.norm(dim=1)) @ rows)

    def _follow(self, names: Sequence[str], rows: Tensor) -> Tensor:
        places = self._index.of(names)
        if self.running.numel() == 0:
            self.running = rows.new_zeros(len(self._index), rows.shape[1])
        self.steps[places] += 1
        kept = self.beta / self.steps[places].to(rows) ** self.sigma
        kept = torch.where(self.steps[places].to(rows.device) > 1, kept, 0.0)[:, None]  # nothing to keep yet
        self.running[places] = kept * self.running[places].to(rows) + (1 - kept) * rows
        return self.running[places]


def _equalizing(norms: Tensor) -> Tensor:
    """Return factors that make all lengths the largest one; a zero gradient keeps its length."""
    return torch.where(norms > 0, norms.max() / torch.where(norms > 0, norms, 1.0), 1.0)
