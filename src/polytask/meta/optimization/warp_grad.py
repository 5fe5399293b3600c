"""WarpGrad: layers that the inner loop leaves alone bend the gradients of those it changes."""

import copy
from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor, nn

from polytask.core import Batch, InputError, Task
from polytask.meta.adaptation.gradient_learner import GradientLearner, MetaObjective
from polytask.meta.adaptation.inner_options import InnerOptions
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.adaptation.surrogate import with_gradient
from polytask.meta.entry import BOTH, by_gradients, catalogued

__all__ = ["WarpGrad", "with_warp_layers"]


@catalogued(
    "warp-grad",
    "Flennerhag et al., ICLR 2020, arXiv:1909.00025",
    family="optimization",
    build=by_gradients(rate=0.1, steps=3, network=lambda task: with_warp_layers(task.classifier())),
    fixed_way=True,
    inner=BOTH,
)
class WarpGrad(GradientLearner):
    r"""Warped gradient descent.

    Warp layers :math:`\omega` stand between the layers :math:`\phi` that the inner loop changes, so that its
    gradients are preconditioned by them. They learn from every point of the inner trajectory, taken for a
    constant: :math:`\sum_k \nabla_\omega L_Q(\phi_k; \omega)`. No second derivative is needed, and memory
    does not grow with the steps. The initialization follows Reptile's direction, or stays as it is.

    Args:
        model: The model to be widened by warp layers; see `with_warp_layers`. Or one that has them already:
            modules whose name ends in ``warp``.
        inner_rate: Learning rate of the inner steps.
        n_steps: Inner steps.
        learn_start: Whether the initialization is meta-learned as well.
        options: See `GradientLearner`.

    Raises:
        InputError: No layer can be warped, or see `GradientLearner`.

    Example:
        >>> learner = WarpGrad(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))
        >>> learner.adapted
        ('0.layer.weight', '0.layer.bias', '2.weight', '2.bias')

    When to use:
        Many inner steps on one family of tasks: layers that never adapt bend the space for those
        that do.

    References:
        Flennerhag et al. Meta-Learning with Warped Gradient Descent. ICLR 2020, arXiv:1909.00025, equation 8
        and algorithm 1 (online). Differs: warp layers are linear; the trajectory's losses are those of the
        query, with equal weights; the initialization is learned as Reptile's where the paper leaves the
        choice.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        inner_rate: float = 0.1,
        n_steps: int = 5,
        learn_start: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        if not _warped(model):
            model = with_warp_layers(model)
        names = _warped(model)
        adapted = [name for name, p in model.named_parameters() if p.requires_grad and name not in names]
        super().__init__(
            model,
            rule=SGD(inner_rate),
            n_steps=n_steps,
            adapted=adapted,
            n_differentiated=0,
            objective=_AlongTheWay(learn_start=learn_start),
            **options,
        )


def with_warp_layers(model: nn.Module) -> nn.Module:
    """Return a copy with a linear warp layer after every linear or convolutional layer but the last.

    A warp layer begins as the identity: a square matrix over features, or over channels for a convolution.

    Args:
        model: The model.

    Raises:
        InputError: There are fewer than two linear or convolutional layers.

    Example:
        >>> with_warp_layers(nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))[0].warp.weight.shape
        torch.Size([4, 4])
    """
    model = copy.deepcopy(model)
    layers = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    if len(layers) < 2:
        raise InputError("`model` needs two linear or 2-D convolutional layers or more to have warp layers.")
    for name in layers[:-1]:
        holder, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(holder), leaf, _Warped(model.get_submodule(name)))
    return model


class _Warped(nn.Module):
    """A layer, and the warp layer after it."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        if isinstance(layer, nn.Conv2d):
            self.warp: nn.Module = nn.Conv2d(layer.out_channels, layer.out_channels, 1, bias=False)
            nn.init.dirac_(self.warp.weight)
        elif isinstance(layer, nn.Linear):
            self.warp = nn.Linear(layer.out_features, layer.out_features, bias=False)
            nn.init.eye_(self.warp.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.warp(self.layer(inputs))


class _AlongTheWay(MetaObjective):
    def __init__(self, *, learn_start: bool) -> None:
        super().__init__(exact=False)
        self.learn_start = learn_start

    def forward(
        self, learner: GradientLearner, tasks: Sequence[Task], support: Batch, query: Batch
    ) -> Tensor:
        with torch.no_grad():
            states = learner.trajectory(tasks, support)
        fixed = [{name: p.detach() for name, p in state.items()} for state in states[1:] or states]
        losses = [learner.loss(state, tasks, query, step) for step, state in enumerate(fixed, start=1)]
        mean = torch.stack(losses).mean()
        value = mean - mean.detach() + losses[-1].detach()  # the last loss, with the gradient of the mean
        if not self.learn_start:
            return value
        start = learner.initial(tasks, support)
        pull = {name: start[name] - fixed[-1][name] for name in start}
        return value + with_gradient(torch.zeros_like(mean), start, pull)


def _warped(model: nn.Module) -> set[str]:
    """Return the names of the parameters of warp layers."""
    holders = [name for name, _ in model.named_modules() if name.rpartition(".")[2].endswith("warp")]
    return {name for name, _ in model.named_parameters() if any(name.startswith(f"{h}.") for h in holders)}
