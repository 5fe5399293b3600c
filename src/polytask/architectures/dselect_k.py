"""DSelect-k: a smooth gate that selects at most k experts."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from polytask.architectures.binary_gate import BinaryGate
from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.architectures.experts import Experts, mix
from polytask.architectures.gates import BuildGate
from polytask.architectures.joined_tap import tap_together
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["DSelectK"]


@catalogued(
    ArchitectureEntry(
        name="dselect-k",
        build=lambda plan: DSelectK(plan.names, plan.trunk, 4, n_selected=2),
        reference="Hazimeh et al., NeurIPS 2021, arXiv:2106.03760",
        summary="shared experts, of which every task selects two",
    )
)
class DSelectK(Sharing):
    r"""Mix shared experts as `MMoE` does, but let every task select at most k of them.

    .. math::
        f^t(x) &= \sum_{i=1}^n q^t_i \, f_i(x), \qquad q = \sum_{j=1}^k \operatorname{softmax}(\alpha)_j \,
            r(z^{(j)}) \\
        r(z)_i &= \prod_{b : \text{bit } b \text{ of } i - 1 \text{ is } 1} S(z_b)
            \prod_{b : \text{bit } b \text{ of } i - 1 \text{ is } 0} (1 - S(z_b)) \\
        \Omega &= \lambda \sum_{t, j} H(r(z^{t,(j)})) + \xi \sum_{t, j} \frac{1}{\sum_{i=1}^n r(z^{t,(j)})_i}

    Each of the k selectors writes the number of its expert in :math:`\lceil \log_2 n \rceil` smooth bits; the
    smooth step :math:`S` reaches 0 and 1 exactly, so that a selector can settle on one expert. The entropy
    :math:`H` makes it do so. Where n is no power of 2, some numbers name no expert and the weights of an
    example sum to less than 1; the second term of the penalty, absent for powers of 2, drives the selectors
    away from these numbers. A selector that one step throws wholly onto them has no gradient to come back, so
    keep steps well below the width of the smooth step; it shows as a penalty of :math:`10^6 \xi`.

    Static gates (``gate`` None) hold :math:`\alpha` and :math:`z` as parameters, and those of all tasks are
    in the penalty. Gates by example compute them from the inputs; their penalty is averaged over the
    examples, and only tasks that are asked are in it. There is a penalty in training only.

    Args:
        names: The names of all tasks.
        build_expert: Makes one expert, from inputs (or the stem's output) to ``[batch, ...]``.
        n_experts: n; 2 or more.
        n_selected: k; from 1 to n.
        gate: None for static gates; else the number of features that a gate reads, or what builds a gate's
            network, see `BuildGate`.
        stem: A shared module before experts and gates, from inputs to ``[batch, ...]``; None for none.
        width: :math:`\gamma`, where the smooth step leaves 0 and reaches 1: :math:`\mp \gamma / 2`.
        entropy: :math:`\lambda`, 0 or more; the paper tunes it.
        reach: :math:`\xi`, 0 or more.

    Raises:
        InputError: A number is out of its range.

    When to use:
        As `MMoE` where only some experts should serve a task, which is said at the end. Gates
        settle late; it needs more steps.

    References:
        Hussein Hazimeh et al., "DSelect-k: Differentiable Selection in the Mixture of Experts with
        Applications to Multi-Task Learning", NeurIPS 2021, arXiv:2106.03760. The defaults of
        :math:`\gamma`, :math:`\lambda` and :math:`\xi` and the initialization are those of the authors'
        published implementation. Deviations from it: the entropy is exact, without a small
        number inside the logarithm; gates by example average the penalty over the examples instead of adding
        it up; the sum under :math:`\xi` counts as at least :math:`10^{-6}`.

    Example:
        >>> sharing = DSelectK(["a", "b"], lambda: nn.Linear(3, 8), 4, n_selected=2)
        >>> represented = sharing(torch.zeros(5, 3), ["b"])
        >>> represented.by_task["b"].shape, represented.penalty.item()  # 1e-6 * 2 tasks * 2 selectors * log 4
        (torch.Size([5, 8]), 5.5...e-06)
    """

    def __init__(
        self,
        names: Sequence[str],
        build_expert: Callable[[], nn.Module],
        n_experts: int,
        *,
        n_selected: int,
        gate: BuildGate | None = None,
        stem: nn.Module | None = None,
        width: float = 1.0,
        entropy: float = 1e-6,
        reach: float = 1.0,
    ) -> None:
        super().__init__()
        if entropy < 0 or reach < 0:
            raise InputError(f"`entropy` and `reach` must be 0 or more, got {entropy} and {reach}.")
        self.static = gate is None
        self.entropy, self.reach = entropy, reach
        self.stem = stem
        self.gates = PerTask(
            {name: BinaryGate(n_experts, n_selected=n_selected, gate=gate, width=width) for name in names}
        )
        self.experts = Experts(build_expert, n_experts)

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        if not names:
            return Representation(by_task={})
        if self.stem is None:
            taps, parts = tap_together([self.experts(inputs)], names)
        else:
            features = self.stem(inputs)  # [batch, ...]
            taps, parts = tap_together([self.experts(features), features], names)
        by_task, selectors = {}, {}
        for name in names:
            # A gate is private: it must see the stem through the task's tap, never around it.
            seen = inputs if self.stem is None else parts[name][1]
            weights, selectors[name] = self.gates[name](seen)
            by_task[name] = mix(parts[name][0], weights)  # [batch, ...]
        return Representation(by_task=by_task, penalty=self._penalty(selectors, inputs), taps=taps)

    def _penalty(self, selectors: dict[str, Tensor], inputs: Inputs) -> Tensor | None:
        """Sum the penalty over tasks and selectors; None where it is not wanted."""
        if not self.training:
            return None
        if self.static:  # depends on no example: tasks that are not asked count as well
            selectors = {name: self.gates[name](inputs)[1] for name in self.gates}
        terms = []
        for each in selectors.values():  # [batch, selector, expert]
            if self.entropy:
                terms.append(self.entropy * _entropy(each).mean(0).sum())
            if self.reach and each.shape[-1].bit_count() > 1:  # no power of 2
                terms.append(self.reach * each.sum(-1).clamp(min=1e-6).reciprocal().mean(0).sum())
        return torch.stack(terms).sum() if terms else None


def _entropy(probabilities: Tensor) -> Tensor:
    """Return the entropy over the last dimension; its gradient is 0, not infinite, where one is exactly 0."""
    safe = torch.where(probabilities > 0, probabilities, 1)
    return -(probabilities * safe.log()).sum(-1)
