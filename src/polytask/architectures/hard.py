"""Hard sharing: one trunk serves every task."""

from collections.abc import Sequence

from torch import Tensor, nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.core import Representation, Sharing
from polytask.core.batch import Inputs
from polytask.core.shared_model import tap

__all__ = ["HardSharing"]


@catalogued(
    ArchitectureEntry(
        name="hard",
        build=lambda plan: HardSharing(plan.trunk()),
        reference="Caruana, Machine Learning 1997",
        summary="one trunk",
        for_one_task=True,
        alike=True,
    )
)
class HardSharing(Sharing):
    """Encode the inputs once; every head reads the same representation.

    Args:
        trunk: From inputs to ``[batch, feature]``; all its parameters are shared.

    When to use:
        First, and for most tables: one trunk, a head for each task. Tasks that conflict, and a
        trunk that is too narrow for all, are reasons to look further.

    References:
        Rich Caruana, "Multitask Learning", Machine Learning 28, 1997.

    Example:
        >>> import torch
        >>> represented = HardSharing(nn.Linear(3, 8))(torch.zeros(5, 3), ["a", "b"])
        >>> torch.equal(represented.by_task["a"], represented.by_task["b"])
        True
    """

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        features: Tensor = self.trunk(inputs)  # [batch, feature]
        taps = tap(features, names)
        return Representation(by_task=taps, taps=taps)
