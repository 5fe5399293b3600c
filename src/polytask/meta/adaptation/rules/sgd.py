"""Gradient descent as an inner rule, with or without momentum."""

import torch

from polytask.core.learner import State
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule, positive, raise_if_any, unit_interval

__all__ = ["SGD"]


class SGD(UpdateRule):
    r"""Gradient descent, :math:`\phi \leftarrow \phi - \alpha (g + \lambda \phi)`.

    With momentum :math:`m`, the step is along :math:`b \leftarrow m b + g`, or :math:`g + m b` by Nesterov;
    as `torch.optim.SGD` without dampening.

    Args:
        rate: The learning rate :math:`\alpha`.
        momentum: The factor :math:`m`, from 0 to below 1.
        nesterov: Whether to look ahead.
        weight_decay: The factor :math:`\lambda` of the L2 penalty.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> step = InnerStep(
        ...     index=0, parameters={"w": torch.ones(2)}, gradients={"w": torch.ones(2)}, loss=torch.ones(())
        ... )
        >>> SGD(0.5)(step, {})
        ({'w': tensor([0.5000, 0.5000])}, {})

    References:
        Sutskever et al. On the importance of initialization and momentum in deep learning. ICML 2013.
    """

    def __init__(
        self, rate: float = 0.01, *, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
    ) -> None:
        problems: list[str] = []
        positive(problems, rate=rate)
        unit_interval(problems, momentum=momentum)
        if weight_decay < 0:
            problems.append(f"`weight_decay` must be 0 or more, got {weight_decay}")
        if nesterov and not momentum:
            problems.append("`nesterov` needs a `momentum` above 0")
        raise_if_any(problems)
        super().__init__()
        self.rate = rate
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay

    def optimizer_state(self, parameters: State) -> State:
        """Return the velocities, 0, by parameter; none without momentum."""
        return {name: torch.zeros_like(p) for name, p in parameters.items()} if self.momentum else {}

    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Descend."""
        gradients = step.gradients
        if self.weight_decay:
            gradients = {name: g + self.weight_decay * step.parameters[name] for name, g in gradients.items()}
        directions = gradients
        if self.momentum:
            optimizer_state = {
                name: self.momentum * optimizer_state[name] + g for name, g in gradients.items()
            }
            directions = optimizer_state
            if self.nesterov:
                directions = {
                    name: g + self.momentum * optimizer_state[name] for name, g in gradients.items()
                }
        return {
            name: p - self.rate * directions[name] for name, p in step.parameters.items()
        }, optimizer_state
