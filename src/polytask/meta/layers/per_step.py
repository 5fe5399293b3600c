"""BatchNorm with its own scale and shift for every inner step."""

import contextlib
import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError
from polytask.core.torch_internals import AnyBatchNorm

__all__ = ["PerStepBatchNorm", "at_step", "has_per_step_layers", "with_per_step_normalization"]


class PerStepBatchNorm(nn.Module):
    r"""BatchNorm that normalizes by the batch at hand, with a scale and shift for each inner step.

    After :math:`k` inner steps it is :math:`\gamma_k (x - \mu_B) / \sigma_B + \beta_k`; beyond the last step
    it has, the last one's are used. As it uses batch statistics always, answers are transductive.

    Args:
        n_features: Channels of its input ``[batch, channel, ...]``.
        n_steps: Inner steps; there is one more scale, for before the first step.
        epsilon: Added to the variance.

    Example:
        >>> layer = PerStepBatchNorm(3, n_steps=5)
        >>> layer.scale.shape
        torch.Size([6, 3])

    References:
        Antoniou, Edwards, Storkey. How to train your MAML. ICLR 2019, arXiv:1810.09502, section 4. Differs:
        there are no running statistics. The authors' code gathers some, but normalizes by the batch's own.
    """

    def __init__(self, n_features: int, *, n_steps: int, epsilon: float = 1e-5) -> None:
        if n_features < 1 or n_steps < 0:
            raise InputError(
                f"`n_features` must be at least 1 and `n_steps` 0 or more, got {n_features}, {n_steps}."
            )
        super().__init__()
        self.scale = nn.Parameter(torch.ones(n_steps + 1, n_features))
        self.shift = nn.Parameter(torch.zeros(n_steps + 1, n_features))
        self.epsilon = epsilon
        self.step = 0

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalize ``[batch, channel, ...]``."""
        index = min(self.step, len(self.scale) - 1)
        if torch.is_autocast_enabled(inputs.device.type):  # vmap's gradient rule needs one type
            inputs = inputs.to(self.scale.dtype)
        return functional.batch_norm(
            inputs, None, None, self.scale[index], self.shift[index], training=True, eps=self.epsilon
        )


def with_per_step_normalization(model: nn.Module, n_steps: int) -> nn.Module:
    """Return a copy of a model whose BatchNorm layers have a scale and shift for each inner step.

    Args:
        model: The model; every layer of BatchNorm in it is replaced.
        n_steps: Inner steps.

    Raises:
        InputError: The model has no BatchNorm.

    Example:
        >>> with_per_step_normalization(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), 5)[1]
        PerStepBatchNorm()
    """
    model = copy.deepcopy(model)
    layers = [(name, layer) for name, layer in model.named_modules() if isinstance(layer, AnyBatchNorm)]
    if not layers:
        raise InputError("`model` has no BatchNorm layer that could have a scale for each inner step.")
    for name, layer in layers:
        own = PerStepBatchNorm(layer.num_features, n_steps=n_steps, epsilon=layer.eps)
        if layer.affine:
            own.scale.data.copy_(layer.weight.data.expand_as(own.scale))
            own.shift.data.copy_(layer.bias.data.expand_as(own.shift))
        if not name:
            return own
        holder, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(holder), leaf, own)
    return model


def has_per_step_layers(model: nn.Module) -> bool:
    """Tell whether a layer of the model depends on the inner step."""
    return any(isinstance(layer, PerStepBatchNorm) for layer in model.modules())


@contextlib.contextmanager
def at_step(model: nn.Module, step: int) -> Iterator[None]:
    """Run the per-step layers of a model as after that many inner steps."""
    layers = [layer for layer in model.modules() if isinstance(layer, PerStepBatchNorm)]
    before = [layer.step for layer in layers]
    try:
        for layer in layers:
            layer.step = step
        yield
    finally:
        for layer, value in zip(layers, before, strict=True):
            layer.step = value
