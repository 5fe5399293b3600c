"""MMoE: shared experts, mixed by every task with its own gate."""

from collections.abc import Callable, Sequence

from torch import nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.architectures.experts import Experts, mix
from polytask.architectures.gates import BuildGate, SoftmaxGate
from polytask.architectures.joined_tap import tap_together
from polytask.core import PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["MMoE"]


@catalogued(
    ArchitectureEntry(
        name="mmoe",
        build=lambda plan: MMoE(plan.names, plan.trunk, 4, gate=plan.n_features),
        reference="Ma et al., KDD 2018",
        summary="shared experts, which every task weighs by a gate of its own",
    )
)
class MMoE(Sharing):
    r"""Let several experts read the inputs, and let every task weigh them, example by example.

    .. math:: f^t(x) = \sum_{i=1}^n g^t(x)_i \, f_i(x), \qquad g^t(x) = \operatorname{softmax}(W^t x)

    Experts are shared, gates private. The place where a task leaves the shared part is the stack of the
    experts' outputs, together with the stem's output where there is a stem.

    Args:
        names: The names of all tasks.
        build_expert: Makes one expert :math:`f_i`, from inputs (or the stem's output) to ``[batch, ...]``.
        n_experts: :math:`n`; 1 or more.
        gate: Number of features that a gate reads, or what builds a gate's network; see `BuildGate`.
        stem: A shared module before experts and gates, from inputs to ``[batch, ...]``; None for none.

    Raises:
        InputError: There is no expert, or no feature for the gate.

    When to use:
        Tasks that agree for some inputs and not for others. On few rows experts collapse into one
        or overfit; compare with hard sharing of the same size.

    References:
        Jiaqi Ma et al., "Modeling Task Relationships in Multi-task Learning with Multi-gate
        Mixture-of-Experts", KDD 2018, doi:10.1145/3219819.3220007. Deviations: the experts' form is free, and
        there may be a stem.

    Example:
        >>> import torch
        >>> sharing = MMoE(["a", "b"], lambda: nn.Linear(3, 8), 4, gate=3)
        >>> sharing(torch.zeros(5, 3), ["b"]).by_task["b"].shape
        torch.Size([5, 8])
    """

    def __init__(
        self,
        names: Sequence[str],
        build_expert: Callable[[], nn.Module],
        n_experts: int,
        *,
        gate: BuildGate,
        stem: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.stem = stem
        self.experts = Experts(build_expert, n_experts)
        self.gates = PerTask({name: SoftmaxGate(gate, n_experts) for name in names})

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        if self.stem is None:
            taps, parts = tap_together([self.experts(inputs)], names)
        else:
            features = self.stem(inputs)  # [batch, ...]
            taps, parts = tap_together([self.experts(features), features], names)
        by_task = {}
        for name in names:
            outputs = parts[name][0]  # [batch, expert, ...]
            # A gate is private: it must see the stem through the task's tap, never around it.
            seen = inputs if self.stem is None else parts[name][1]
            by_task[name] = mix(outputs, self.gates[name](seen))
        return Representation(by_task=by_task, taps=taps)
