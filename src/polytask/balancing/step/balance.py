"""What a balanced backward pass decided."""

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Balance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a balanced backward pass decided.

    Args:
        weights: The weight of every objective by name; empty for a balancer that works by coordinate.
        gramian: Inner products of the gradients ``[objective, objective]``, in the order of ``losses``;
            None where the balancer did not look at them.
        losses: The value of every objective of the step by name, over all processes.
    """

    weights: dict[str, float]
    losses: dict[str, float]
    gramian: Tensor | None = None

    def norms(self) -> dict[str, float]:
        """Return the gradient norm of every objective by name; empty if the gradients were not looked at."""
        if self.gramian is None:
            return {}
        norms = self.gramian.diagonal().clamp(min=0).sqrt()
        return dict(zip(self.losses, norms.tolist(), strict=True))

    def cosines(self) -> Tensor | None:
        """Return the cosines between the gradients ``[objective, objective]``; 0 where one is zero."""
        if self.gramian is None:
            return None
        norms = self.gramian.diagonal().clamp(min=0).sqrt()
        lengths = torch.outer(norms, norms)
        return torch.where(lengths > 0, self.gramian / lengths, torch.zeros_like(lengths))

    def pairs(self, *, most: int = 20) -> dict[str, float]:
        """Return the cosine of every pair of objectives by ``"first/second"``.

        Args:
            most: With more objectives than this there is nothing; see `cosines`.
        """
        cosines, names = self.cosines(), list(self.losses)
        if cosines is None or len(names) > most:
            return {}
        values, n_names = cosines.tolist(), len(names)
        return {
            f"{names[i]}/{names[j]}": values[i][j] for i in range(len(names)) for j in range(i + 1, n_names)
        }

    def conflict_share(self) -> float | None:
        """Return the share of pairs of objectives whose gradients point apart; None if not looked at."""
        if self.gramian is None or len(self.gramian) < 2:
            return None
        above = torch.triu_indices(len(self.gramian), len(self.gramian), 1)
        return float((self.gramian[above[0], above[1]] < 0).double().mean())
