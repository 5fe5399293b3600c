"""Trace-norm sharing: a trunk per task, whose weights together should have a low rank."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["TraceNormSharing", "trace_norm"]


@catalogued(
    ArchitectureEntry(
        name="trace-norm",
        build=lambda plan: TraceNormSharing(plan.names, plan.trunk, strength=plan.soft_strength),
        reference="Yang, Hospedales, ICLR 2017 Workshop, arXiv:1606.04038",
        summary="a trunk for each task, of weights that together have a low rank",
        uses=("soft_strength",),
    )
)
class TraceNormSharing(Sharing):
    r"""Give every task its own trunk, and penalize the trace norm of all tasks' weights, layer by layer.

    .. math:: \Omega = \lambda \sum_l \lVert W^l \rVert_*, \qquad
        W^l = [\operatorname{vec} \theta^l_1; \dots; \operatorname{vec} \theta^l_T]

    The trace norm is the sum of the singular values, and keeping it small makes the rows of :math:`W^l`
    combinations of few: tasks reuse each other's weights, to a degree that is learned for every layer alone.
    Unlike in `SoftSharing` they need not be close to do so; a trunk may also be a multiple of another one, or
    a sum of two.

    The trunks start equal, so that the unit at one place means the same in all of them. Their parameters are
    private: a task's gradient reaches its own trunk alone, and only the penalty ties them. It counts all
    tasks, asked or not. With ``strength`` 0 the tasks are separate models.

    Args:
        names: The names of all tasks.
        build: Makes one trunk, from inputs to ``[batch, feature]``; called once a task. Every trainable
            parameter of it (a weight, a bias) is a layer of the sum.
        strength: :math:`\lambda`, how strongly the trunks are pulled to a low rank; 0 or more.
        smoothing: See `trace_norm`.

    Raises:
        InputError: ``strength`` is negative, or ``smoothing`` is not above 0.

    When to use:
        Tasks whose networks should lie in a common subspace. A singular value decomposition a
        step: for layers of moderate size and not too many tasks.

    References:
        Yongxin Yang, Timothy M. Hospedales, "Trace Norm Regularised Deep Multi-Task Learning", ICLR 2017
        Workshop, arXiv:1606.04038. Deviations: of the paper's three tensor trace norms there is one, that of
        the flattening along the tasks ("last axis flattening"); biases are layers too; trunks start equal;
        the singular values are smoothed, which turns the paper's subgradient into a gradient.

    Example:
        >>> sharing = TraceNormSharing(["a", "b"], lambda: nn.Linear(1, 1, bias=False), strength=1.0)
        >>> for trunk, weight in zip(sharing.trunks.children(), [3.0, 4.0]):
        ...     _ = nn.init.constant_(trunk.weight, weight)
        >>> sharing(torch.zeros(2, 1), ["a"]).penalty  # the matrix [[3], [4]] has one singular value
        tensor(4.9990, grad_fn=...)
    """

    def __init__(
        self,
        names: Sequence[str],
        build: Callable[[], nn.Module],
        *,
        strength: float = 1e-3,
        smoothing: float = 1e-6,
    ) -> None:
        super().__init__()
        problems = []
        if not strength >= 0:
            problems.append(f"`strength` must be 0 or more, got {strength}")
        if not smoothing > 0:
            problems.append(f"`smoothing` must be above 0, got {smoothing}")
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.strength, self.smoothing = strength, smoothing
        self.trunks = PerTask({name: build() for name in names})
        first = self.trunks[names[0]].state_dict()
        for name in names[1:]:
            self.trunks[name].load_state_dict(first)

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        by_task = {name: self.trunks[name](inputs) for name in names}
        return Representation(by_task=by_task, penalty=self._penalty() if self.training else None)

    def _penalty(self) -> Tensor | None:
        if len(self.trunks) < 2 or self.strength == 0:
            return None
        trunks = [
            [parameter for parameter in self.trunks[name].parameters() if parameter.requires_grad]
            for name in self.trunks
        ]
        norms = [
            trace_norm(torch.stack([weights.flatten() for weights in layer]), smoothing=self.smoothing)
            for layer in zip(*trunks, strict=True)
        ]
        return self.strength * torch.stack(norms).sum() if norms else None


def trace_norm(matrix: Tensor, *, smoothing: float = 1e-6) -> Tensor:
    r"""Return the smoothed trace norm of a wide matrix, by way of its small Gramian.

    .. math:: f(W) = \operatorname{tr}\,(W W^\top + \epsilon I)^{1/2} - T \sqrt\epsilon
        = \sum_i \sqrt{\sigma_i^2 + \epsilon} - \sqrt\epsilon, \qquad
        \nabla f(W) = (W W^\top + \epsilon I)^{-1/2} W

    For T rows of length P this costs :math:`O(T^2 P + T^3)`. The value lies below the sum of the singular
    values, by :math:`\sqrt\epsilon` each at most. The gradient is finite everywhere, also for equal rows and
    for zeros, as nothing is divided by differences of eigenvalues.

    The Gramian squares the singular values. It is made in float64 whatever the type of the matrix, as small
    differences between nearly equal rows are lost otherwise.

    Args:
        matrix: ``[row, column]``; real.
        smoothing: :math:`\epsilon`, above 0, on the scale of squared weights: what is much smaller than its
            square root hardly counts as a direction of its own.

    Raises:
        InputError: When the gradient is taken with ``create_graph=True``; there is no second one.

    Example:
        >>> trace_norm(torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, 4.0]]))
        tensor(6.9980)
    """
    norm: Tensor = _TraceNorm.apply(matrix, smoothing)
    return norm


class _TraceNorm(torch.autograd.Function):
    """The smoothed trace norm with its closed gradient."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, smoothing: float) -> Tensor:
        with torch.autocast(matrix.device.type, enabled=False):  # which would round the Gramian
            wide = matrix.double()
            eigenvalues, eigenvectors = torch.linalg.eigh(wide @ wide.mT)  # [row], [row, row]
            smooth = (eigenvalues.clamp(min=0) + smoothing).sqrt()
            ctx.save_for_backward(matrix, (eigenvectors / smooth) @ eigenvectors.mT)
            return (smooth - smoothing**0.5).sum().to(matrix.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        if torch.is_grad_enabled():  # the saved root is a constant, and would give a wrong gradient silently
            raise InputError(
                "The trace norm has a gradient, but no gradient of it. Take it without `create_graph=True`."
            )
        (gradient,) = gradients
        matrix, inverse_root = ctx.saved_tensors
        with torch.autocast(matrix.device.type, enabled=False):
            return gradient * (inverse_root @ matrix.double()).to(matrix.dtype), None
