"""CAGrad: near the average gradient, serve the worst-off objective."""

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.conflict_averse import conflict_averse
from polytask.core import InputError

__all__ = ["CAGrad"]


@catalogued("cagrad", "Liu et al., NeurIPS 2021, arXiv:2110.14048")
class CAGrad(Balancer):
    r"""Take the direction near the average gradient that serves the worst-off objective best.

    .. math:: \max_d \min_t \langle g_t, d \rangle \quad \text{subject to} \quad
        \lVert d - g_0 \rVert \le c \lVert g_0 \rVert

    The ball is as wide as the average is long, so an objective may still go up, above all one with a short
    gradient: among 2 to 5 random gradients one did in 2 % of draws where all had one length, in 25 % where
    lengths differed up to 100-fold, and in 33 % up to 10,000-fold; `UPGrad` raises none.

    Args:
        c: The radius over the length of the average :math:`g_0`; 0 is the average itself.

    Raises:
        InputError: ``c`` is not in [0, 1).

    When to use:
        Where the average loss should fall, but not at the cost of the worst task: one number goes
        from plain averaging to MGDA.

    References:
        Bo Liu, Xingchao Liu, Xiaojie Jin, Peter Stone, Qiang Liu, "Conflict-Averse Gradient Descent for
        Multi-task Learning", NeurIPS 2021, arXiv:2110.14048, eq. 4 and 5. Deviations: weights times the
        number of objectives; no division by 1 + c² as in some of the authors' code.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> CAGrad(c=0.5)(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([1.5000, 1.5000])
    """

    def __init__(self, *, c: float = 0.4) -> None:
        super().__init__()
        if not 0 <= c < 1:
            raise InputError(f"`c` must be at least 0 and below 1, got {c}.")
        self.c = c

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        return Weights(values=conflict_averse(evidence.gramian(), c=self.c) * len(evidence.names))
