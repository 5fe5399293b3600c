"""Soft sharing: a trunk per task, kept close to the others."""

from collections.abc import Callable, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["SoftSharing"]


@catalogued(
    ArchitectureEntry(
        name="soft",
        build=lambda plan: SoftSharing(plan.names, plan.trunk, strength=plan.soft_strength),
        reference="Duong et al., ACL 2015",
        summary="a trunk for each task, kept close to the others",
        uses=("soft_strength",),
    )
)
class SoftSharing(Sharing):
    r"""Give every task its own trunk, and penalize the distance between them.

    .. math:: \Omega = \frac{\lambda}{T - 1} \sum_{a < b} \lVert \theta_a - \theta_b \rVert_2^2

    The trunks start equal. Their parameters are private: a task's gradient reaches its own trunk alone, and
    only the penalty ties them. With ``strength`` 0 the tasks are separate models.

    Args:
        names: The names of all tasks.
        build: Makes one trunk, from inputs to ``[batch, feature]``; called once a task.
        strength: :math:`\lambda`, how strongly trunks attract each other; 0 or more.

    When to use:
        Tasks with enough labels for a network each that are kin all the same. The pull has to be
        chosen; parameters grow with the tasks.

    References:
        Long Duong et al., "Low Resource Dependency Parsing: Cross-lingual Parameter Sharing in a Neural
        Network Parser", ACL 2015 (L2 distance between the networks of two tasks). Deviation: more than two
        tasks, and the sum over pairs divided by T - 1, so that the pull on one task does not grow with T.
    """

    def __init__(
        self, names: Sequence[str], build: Callable[[], nn.Module], *, strength: float = 1e-3
    ) -> None:
        super().__init__()
        if strength < 0:
            raise InputError(f"`strength` must be 0 or more, got {strength}.")
        self.strength = strength
        self.trunks = PerTask({name: build() for name in names})
        first = self.trunks[names[0]].state_dict()
        for name in names[1:]:
            self.trunks[name].load_state_dict(first)

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        by_task = {name: self.trunks[name](inputs) for name in names}
        return Representation(by_task=by_task, penalty=self._penalty() if self.training else None)

    def _penalty(self) -> Tensor | None:
        trunks = [list(self.trunks[name].parameters()) for name in self.trunks]
        if len(trunks) < 2 or self.strength == 0:
            return None
        distances = [
            (left - right).square().sum()
            for first, second in combinations(trunks, 2)
            for left, right in zip(first, second, strict=True)
        ]
        return self.strength / (len(trunks) - 1) * torch.stack(distances).sum()
