"""One learned number for each objective."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from polytask.balancing.state.objective_index import ObjectiveIndex

__all__ = ["LearnedScalars"]


class LearnedScalars(nn.Module):
    """Numbers that the model's optimizer trains, one parameter per objective.

    A parameter of its own, and not a place in a common vector: an absent objective has then no gradient at
    all, where a gradient of zero would still let the momentum of an optimizer such as Adam move its number.

    Args:
        names: The names of all objectives that may occur.
        owner: The method, for error messages.
        initial: Where the numbers start.

    Raises:
        InputError: There is no name, or one occurs twice.

    Example:
        >>> LearnedScalars(["a", "b", "c"], "IMTLL", initial=0.0)(["c", "a"])
        tensor([0., 0.], grad_fn=<StackBackward0>)
    """

    def __init__(self, names: Sequence[str], owner: str, *, initial: float) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, owner)
        self.values = nn.ParameterList([nn.Parameter(torch.tensor(initial)) for _ in names])

    def forward(self, names: Sequence[str]) -> Tensor:
        """Return the numbers of the objectives of a step, ``[objective]``.

        Raises:
            InputError: An objective was not named at construction.
        """
        return torch.stack([self.values[place] for place in self._index.of(names).tolist()])
