"""Shares of the objectives that sum to 1, kept from step to step."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from polytask.balancing.state.objective_index import ObjectiveIndex

__all__ = ["Mixture"]


class Mixture(nn.Module):
    """A point of the simplex, of which a step moves the part of the objectives that are present.

    Objectives absent from a step keep their share; those present keep the sum of theirs.

    Args:
        names: The names of all objectives that may occur.
        owner: The method, for error messages.

    Raises:
        InputError: There is no name, or one occurs twice.

    Example:
        >>> mixture = Mixture(["a", "b", "c", "d"], "MoDo")
        >>> mixture(["a", "c"], lambda share: torch.tensor([0.8, 0.2]).double())
        tensor([0.8000, 0.2000], dtype=torch.float64)
        >>> mixture.share
        tensor([0.4000, 0.2500, 0.1000, 0.2500], dtype=torch.float64)
    """

    share: Tensor

    def __init__(self, names: Sequence[str], owner: str) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, owner)
        n = len(self._index)
        self.register_buffer("share", torch.full((n,), 1 / n, dtype=torch.float64))

    def forward(self, names: Sequence[str], move: Callable[[Tensor], Tensor]) -> Tensor:
        """Move the shares of the objectives of a step, and return them, float64 on the CPU ``[objective]``.

        Args:
            names: The objectives of the step.
            move: From their shares, scaled to sum to 1, to the new ones of sum 1.

        Raises:
            InputError: An objective was not named at construction.
        """
        places = self._index.of(names)
        before = self.share[places].double().cpu()
        mass = before.sum()
        after = move(before / mass if float(mass) > 0 else torch.full_like(before, 1 / len(places)))
        self.share[places] = (after * mass).to(self.share)
        return after
