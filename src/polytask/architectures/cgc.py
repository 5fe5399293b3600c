"""CGC: shared experts for all tasks, and private ones for each."""

from collections.abc import Callable, Sequence

import torch
from torch import nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.architectures.experts import Experts, mix
from polytask.architectures.gates import BuildGate, SoftmaxGate
from polytask.architectures.joined_tap import tap_together
from polytask.core import PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["CGC"]


@catalogued(
    ArchitectureEntry(
        name="cgc",
        build=lambda plan: CGC(plan.names, plan.trunk, gate=plan.n_features, n_shared=2),
        reference="Tang et al., RecSys 2020",
        summary="shared experts for all tasks, and private ones for each",
    )
)
class CGC(Sharing):
    r"""Let every task weigh experts of its own against experts that all tasks share.

    .. math:: f^t(x) = \sum_i g^t(x)_i \, S^t(x)_i, \qquad g^t(x) = \operatorname{softmax}(W^t x)

    where :math:`S^t(x)` are the outputs of the task's private experts followed by those of the shared ones.
    Customized Gate Control separates what is common from what is not: a task's experts and its gate are
    private, no other task moves them. The place where a task leaves the shared part is the stack of the
    shared experts' outputs, together with the stem's output where there is a stem. For several levels see
    `PLE`.

    Args:
        names: The names of all tasks.
        build_expert: Makes one expert, from inputs (or the stem's output) to ``[batch, ...]``.
        gate: Number of features that a gate reads, or what builds a gate's network; see `BuildGate`.
        n_shared: Number of shared experts; 1 or more.
        n_private: Number of private experts of each task; 1 or more.
        stem: A shared module before experts and gates, from inputs to ``[batch, ...]``; None for none.

    Raises:
        InputError: A number of experts, or of features for the gate, is not positive.

    When to use:
        As `MMoE` where tasks hurt each other: each has experts that nobody else trains.

    References:
        Hongyan Tang et al., "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model
        for Personalized Recommendations", RecSys 2020, doi:10.1145/3383313.3412236. Deviations: the experts'
        form is free, all tasks have equally many, one expert of each kind is our default, and there may be a
        stem.

    Example:
        >>> import torch
        >>> sharing = CGC(["a", "b"], lambda: nn.Linear(3, 8), gate=3, n_shared=2)
        >>> sharing(torch.zeros(5, 3), ["b"]).by_task["b"].shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        names: Sequence[str],
        build_expert: Callable[[], nn.Module],
        *,
        gate: BuildGate,
        n_shared: int = 1,
        n_private: int = 1,
        stem: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.shared_experts = Experts(build_expert, n_shared)
        self.private_experts = PerTask({name: Experts(build_expert, n_private) for name in names})
        self.gates = PerTask({name: SoftmaxGate(gate, n_private + n_shared) for name in names})

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        if self.stem is None:
            taps, parts = tap_together([self.shared_experts(inputs)], names)
        else:
            features = self.stem(inputs)  # [batch, ...]
            taps, parts = tap_together([self.shared_experts(features), features], names)
        by_task = {}
        for name in names:
            # What is private must see the stem through the task's tap, never around it.
            seen = inputs if self.stem is None else parts[name][1]
            outputs = torch.cat([self.private_experts[name](seen), parts[name][0]], dim=1)
            by_task[name] = mix(outputs, self.gates[name](seen))  # [batch, ...]
        return Representation(by_task=by_task, taps=taps)
