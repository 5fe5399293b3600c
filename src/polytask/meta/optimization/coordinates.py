"""A rule that treats every number of every parameter alike, by one small network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from polytask.core.learner import State
from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule
from polytask.meta.image_task import ImageTask

__all__ = ["CoordinateRule", "classifier_by_rule", "log_and_sign"]


class CoordinateRule(UpdateRule, ABC):
    """Sees all adapted numbers as rows ``[coordinate, ...]``, whatever parameter they belong to.

    So a rule that was learned on one network can be used on another.
    """

    @abstractmethod
    def start(self, coordinates: Tensor) -> Mapping[str, Tensor]:
        """Return the memory before the first step, tensors ``[coordinate, ...]``, for parameters as a row."""

    @abstractmethod
    def change(
        self, step: InnerStep, parameters: Tensor, gradients: Tensor, optimizer_state: Mapping[str, Tensor]
    ) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Return the new parameters ``[coordinate]`` and the new memory."""

    def optimizer_state(self, parameters: State) -> State:
        """See `UpdateRule.memory`."""
        return dict(self.start(_row(parameters)))

    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Make a step."""
        row, kept = self.change(step, _row(step.parameters), _row(step.gradients), optimizer_state)
        pieces = row.split([p.numel() for p in step.parameters.values()])
        found = {
            name: piece.reshape(p.shape)
            for (name, p), piece in zip(step.parameters.items(), pieces, strict=True)
        }
        return found, dict(kept)


def classifier_by_rule(rule: Callable[[], CoordinateRule], task: ImageTask) -> GradientLearner:
    """Build what adapts a classifier of images by a learned rule, for the catalogue."""
    return GradientLearner(task.classifier(), rule=rule(), n_steps=task.steps(3))


def log_and_sign(gradients: Tensor, scale: float = 10.0) -> Tensor:
    r"""Return gradients as two numbers of moderate size, ``[..., 2]``.

    Those are :math:`(\log |g| / p, \mathrm{sign}\, g)` where :math:`|g| \ge e^{-p}`, and :math:`(-1, e^p g)`
    below.

    Example:
        >>> log_and_sign(torch.tensor([1.0, 0.0]))
        tensor([[ 0.,  1.],
                [-1.,  0.]])

    References:
        Andrychowicz et al. Learning to learn by gradient descent by gradient descent. NeurIPS 2016,
        arXiv:1606.04474, appendix A.
    """
    least = torch.exp(torch.tensor(-scale, dtype=gradients.dtype, device=gradients.device))
    large = gradients.abs() >= least
    size = torch.where(large, torch.where(large, gradients.abs(), 1.0).log() / scale, -1.0)
    sign = torch.where(large, gradients.sign(), gradients / least)
    return torch.stack([size, sign], dim=-1)


def _row(tensors: State) -> Tensor:
    """Put all numbers of all tensors in a row, ``[coordinate]``."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors.values()])
