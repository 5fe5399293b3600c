"""Low-rank adapters of each task on one backbone."""

import copy
import math
from collections.abc import Sequence
from fnmatch import fnmatch

import torch
from torch import Tensor, nn
from torch.func import functional_call

from polytask.core import InputError, PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["LowRankAdapters"]


class LowRankAdapters(Sharing):
    r"""Give every task its own low-rank change of a backbone's weights (LoRA).

    .. math:: W^t = W + \frac{\alpha}{r} B^t A^t

    :math:`A^t` starts random and :math:`B^t` zero, so that at the start every task has the backbone as it is.
    A weight of more than two dimensions, a convolution's say, is read as ``[out, rest]``. The backbone may be
    any module, attention included: the changed weights take the place of the old ones when it runs.

    The backbone runs once for every task that is asked, and the task's matrices :math:`W^t` are made anew
    each time; `merged` makes them for good.

    Args:
        names: The tasks.
        backbone: From inputs to ``[batch, feature]``. Unless it is tuned, its parameters are frozen here, and
            it stays in evaluation mode: batch normalization keeps its statistics, dropout does nothing.
        rank: The rank :math:`r`; a smaller weight gets that of its smaller side.
        alpha: The scale; None for the rank, so that the factor is 1.
        targets: Which weights are changed: patterns of parameter names as in a shell, such as
            ``"*.attention.*"``. Only parameters of two or more dimensions count. By default all.
        tune_backbone: Whether the backbone itself trains too, shared by all tasks; what is frozen in it stays
            so. Its batch normalization then updates its statistics once for every task that is asked.

    Raises:
        InputError: ``rank`` is no integer of 1 or more, ``alpha`` not positive and finite, or no weight fits
            the targets.

    When to use:
        A large trained trunk that stays as it is, and many tasks: a few numbers a task and layer.

    References:
        Edward Hu, Yelong Shen, Phillip Wallis, Zeyuan Allen-Zhu, Yuanzhi Li, Shean Wang, Lu Wang, Weizhu
        Chen, "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022, arXiv:2106.09685, equation 3.
        Deviations: all weights are targets by default, where the paper takes those of attention; convolutions
        and other weights than matrices are targets too; A starts uniform, where the paper's is Gaussian.

    Example:
        >>> backbone = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
        >>> sharing = LowRankAdapters(["a", "b"], backbone, rank=2)
        >>> sharing(torch.ones(5, 3), ["a"]).by_task["a"].shape
        torch.Size([5, 4])
        >>> sum(parameter.numel() for parameter in sharing.adapters["a"].parameters())
        46
    """

    def __init__(
        self,
        names: Sequence[str],
        backbone: nn.Module,
        *,
        rank: int = 4,
        alpha: float | None = None,
        targets: Sequence[str] = ("*",),
        tune_backbone: bool = False,
    ) -> None:
        super().__init__()
        alpha = float(rank) if alpha is None else alpha
        if not isinstance(rank, int) or rank < 1 or not 0 < alpha < math.inf:
            raise InputError(
                "`rank` must be an integer of at least 1 and `alpha` positive and finite, got "
                f"{rank} and {alpha}."
            )
        weights = {key: p for key, p in backbone.named_parameters() if p.ndim > 1}
        chosen = {key: p for key, p in weights.items() if any(fnmatch(key, target) for target in targets)}
        if not chosen:
            raise InputError(
                f"`targets` {list(targets)} fit no weight of the backbone; it has "
                f"{', '.join(weights) or 'none'}."
            )
        self.scale = alpha / rank
        self.tune_backbone = tune_backbone
        self.backbone = backbone if tune_backbone else backbone.requires_grad_(False)
        self.adapters = PerTask({name: _Adapter(chosen, rank) for name in names})
        self.train(self.training)

    def train(self, mode: bool = True) -> "LowRankAdapters":
        """Set training mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if not self.tune_backbone:
            self.backbone.eval()
        return self

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        return Representation(
            by_task={name: functional_call(self.backbone, self.weights(name), (inputs,)) for name in names}
        )

    def weights(self, name: str) -> dict[str, Tensor]:
        """Return the weights that a task changes, by the backbone's parameter names."""
        parameters = dict(self.backbone.named_parameters())
        changes: dict[str, Tensor] = self.adapters[name]()
        return {
            key: parameters[key] + self.scale * change.view_as(parameters[key])
            for key, change in changes.items()
        }

    @torch.no_grad()
    def merged(self, name: str) -> nn.Module:
        """Return a copy of the backbone with a task's change in its weights, as fast as the original."""
        merged = copy.deepcopy(self.backbone)
        parameters = dict(merged.named_parameters())
        for key, weight in self.weights(name).items():
            parameters[key].copy_(weight)
        return merged


class _Adapter(nn.Module):
    """The factors of a task, in the order of the weights they change."""

    def __init__(self, weights: dict[str, nn.Parameter], rank: int) -> None:
        super().__init__()
        self.keys = list(weights)
        self.down, self.up = nn.ParameterList(), nn.ParameterList()
        for weight in weights.values():
            n_out, n_in = weight.shape[0], weight[0].numel()
            own = min(rank, n_out, n_in)
            bound = 1 / math.sqrt(n_in)  # as `nn.Linear` starts
            self.down.append(nn.Parameter(weight.new_empty(own, n_in).uniform_(-bound, bound)))
            self.up.append(nn.Parameter(weight.new_zeros(n_out, own)))

    def forward(self) -> dict[str, Tensor]:
        return {key: up @ down for key, up, down in zip(self.keys, self.up, self.down, strict=True)}
