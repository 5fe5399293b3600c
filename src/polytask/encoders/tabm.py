"""TabM: many networks for tables in one, which share almost all weights and are averaged."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError, Task

__all__ = ["TabM", "TabMHead", "member_task"]


class TabM(nn.Module):
    r"""Run an ensemble of networks of linear layers, whose members differ by cheap adapters alone.

    .. math::
        l_i(x) = s_i \odot \bigl(W (r_i \odot x)\bigr) + b_i

    Member i has vectors :math:`r_i, s_i, b_i` of its own in every layer; the matrix :math:`W` serves all
    members. ReLU and dropout follow each layer. At the start the members differ in the first :math:`r_i`
    alone, which is random; every other :math:`r_i` and :math:`s_i` is 1, and :math:`b_i` is the same for all.

    To be used as the trunk of hard sharing, with a `TabMHead` and a `member_task` for each task: every member
    is trained on its own loss, and the average of the members answers.

    Args:
        n_features: Width of the input ``[row, feature]``.
        widths: Widths of the layers; the last one is the width of the representation.
        n_members: The number k of members.
        dropout: Probability of dropping a unit.
        start: How the first :math:`r_i` is drawn: ``"signs"``, -1 or 1; or ``"normal"``, which the paper
            takes when numeric columns are embedded first.

    Raises:
        InputError: There is no layer, a size is below 1, or the start is unknown; or, when run, the inputs
            have another number of features.

    References:
        Yury Gorishniy, Akim Kotelnikov, Artem Babenko, "TabM: Advancing Tabular Deep Learning with
        Parameter-Efficient Ensembling", ICLR 2025, arXiv:2410.24210; the layer is from Yeming Wen, Dustin
        Tran, Jimmy Ba, "BatchEnsemble", ICLR 2020, arXiv:2002.06715. Deviation: with ``"normal"`` each
        feature of an embedded column has a factor of its own, where the authors draw one for the column.

    Example:
        >>> TabM(3, [16, 8], n_members=4)(torch.zeros(5, 3)).shape
        torch.Size([5, 4, 8])
    """

    def __init__(
        self,
        n_features: int,
        widths: Sequence[int],
        *,
        n_members: int = 32,
        dropout: float = 0.0,
        start: Literal["signs", "normal"] = "signs",
    ) -> None:
        super().__init__()
        problems = []
        if not widths or min(n_features, n_members, *widths) < 1:
            problems.append(
                f"`widths` needs a layer, and every size must be at least 1; got `n_features` {n_features}, "
                f"`widths` {list(widths)} and `n_members` {n_members}"
            )
        if start not in ("signs", "normal"):
            problems.append(f"`start` is {start!r}; use 'signs' or 'normal'")
        if problems:
            raise InputError("; ".join(problems) + ".")
        self.n_features = n_features
        self.layers = nn.ModuleList(
            [
                _MemberLinear(n_in, n_out, n_members)
                for n_in, n_out in zip([n_features, *widths[:-1]], widths, strict=True)
            ]
        )
        drawn = torch.randn(n_members, n_features)
        signs = torch.where(drawn < 0, -1.0, 1.0)
        with torch.no_grad():
            self.layers[0].get_parameter("before").copy_(drawn if start == "normal" else signs)
        self.dropout = nn.Dropout(dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Represent rows ``[row, feature]`` as ``[row, member, width]``."""
        if inputs.ndim != 2 or inputs.shape[1] != self.n_features:
            raise InputError(
                f"The inputs must be [row, {self.n_features}], but have shape {tuple(inputs.shape)}."
            )
        hidden = inputs.unsqueeze(1)  # [row, 1, feature]; the first layer's adapters give it members
        for layer in self.layers:
            hidden = self.dropout(layer(hidden).relu())
        return hidden


class TabMHead(nn.Module):
    """Let every member of a `TabM` answer a task with a linear layer of its own.

    In training the answers of all members are returned, for the loss of a `member_task`. Otherwise they are
    averaged: values for a regression, probabilities for the other kinds, given as logits again.

    Args:
        task: The task; its kind says how answers are averaged.
        width: Width of the representation.
        n_members: The number of members of the trunk.

    Raises:
        InputError: A size is below 1; or, when run, the representation has another shape.

    References:
        As for `TabM`.

    Example:
        >>> head = TabMHead(Task(name="y", kind="multiclass", n_outputs=3), 8, n_members=4)
        >>> represented = torch.zeros(5, 4, 8)
        >>> head(represented).shape, head.eval()(represented).shape
        (torch.Size([5, 4, 3]), torch.Size([5, 3]))
    """

    def __init__(self, task: Task, width: int, *, n_members: int = 32) -> None:
        super().__init__()
        if min(width, n_members) < 1:
            raise InputError(f"`width` and `n_members` must be at least 1, got {width} and {n_members}.")
        bound = width**-0.5  # as `nn.Linear` starts
        self.kind = task.kind
        self.weight = nn.Parameter(torch.empty(n_members, width, task.n_outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_members, task.n_outputs).uniform_(-bound, bound))

    def forward(self, represented: Tensor) -> Tensor:
        """Answer ``[row, member, width]``: ``[row, member, output]`` in training, else ``[row, output]``."""
        if represented.ndim != 3 or represented.shape[1:] != self.weight.shape[:2]:
            n_members, width, _ = self.weight.shape
            raise InputError(
                f"The representation must be [row, {n_members}, {width}], but has shape "
                f"{tuple(represented.shape)}; trunk and head need the same `n_members`."
            )
        answers = torch.einsum("rmw,mwo->rmo", represented, self.weight) + self.bias
        return answers if self.training else self._average(answers)

    def _average(self, answers: Tensor) -> Tensor:
        if self.kind == "regression":
            return answers.mean(1)
        if self.kind == "multiclass":
            return _log_mean(answers.log_softmax(-1))
        return _log_mean(functional.logsigmoid(answers)) - _log_mean(functional.logsigmoid(-answers))


def member_task(task: Task) -> Task:
    """Give a task the loss that trains every member of a `TabM`: the average of the members' losses.

    Where the prediction is an average already, as outside training, its loss is the task's own.

    Args:
        task: The task; a loss of its own is kept, and gets every member's prediction.

    Example:
        >>> task = member_task(Task(name="y", kind="regression"))
        >>> members = torch.tensor([[[1.0], [3.0]]])  # [row, member, output]
        >>> task.objective(members, torch.tensor([2.0])).item()
        1.0
    """
    return replace(task, loss=_MemberLoss(of=task))


@dataclass(frozen=True, slots=True)
class _MemberLoss:
    """An element loss that counts the members of a row as rows of their own, and averages them."""

    of: Task

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        # A task takes the last dimension off a single output before it asks for losses.
        if prediction.ndim == (1 if self.of.n_outputs == 1 else 2):
            return self._losses(prediction, target)
        n_members = prediction.shape[1]
        losses = self._losses(prediction.flatten(0, 1), target.repeat_interleave(n_members, 0))
        return losses.unflatten(0, (-1, n_members)).mean(1)  # [row] or [row, output]

    def _losses(self, prediction: Tensor, target: Tensor) -> Tensor:
        if self.of.loss is not None:
            return self.of.loss(prediction, target)
        if self.of.kind == "multiclass":
            return functional.cross_entropy(prediction, target.long(), reduction="none")
        if self.of.kind == "regression":
            return (prediction - target).square()
        return functional.binary_cross_entropy_with_logits(
            prediction, target.to(prediction.dtype), reduction="none"
        )


class _MemberLinear(nn.Module):
    """A linear layer for ``[row, member, n_in]``; a member scales the inputs and outputs in its own way."""

    def __init__(self, n_in: int, n_out: int, n_members: int) -> None:
        super().__init__()
        bound = n_in**-0.5  # as `nn.Linear` starts
        self.weight = nn.Parameter(torch.empty(n_out, n_in).uniform_(-bound, bound))
        self.before = nn.Parameter(torch.ones(n_members, n_in))
        self.after = nn.Parameter(torch.ones(n_members, n_out))
        self.bias = nn.Parameter(torch.empty(n_out).uniform_(-bound, bound).repeat(n_members, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs * self.before, self.weight) * self.after + self.bias


def _log_mean(logarithms: Tensor) -> Tensor:
    """Return the logarithm of the members' mean, ``[row, output]``."""
    return logarithms.logsumexp(1) - math.log(logarithms.shape[1])
