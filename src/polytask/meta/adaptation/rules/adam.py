"""Adam, AdamW and RMSprop as inner rules that can be differentiated at any point."""

import torch
from torch import Tensor

from polytask.core.learner import State
from polytask.core.torch_internals import inside_transform
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule, positive, raise_if_any, unit_interval

__all__ = ["Adam", "AdamW", "RMSprop", "safe_sqrt"]


class Adam(UpdateRule):
    r"""Adam: :math:`\phi \leftarrow \phi - \alpha \hat m / (\sqrt{\hat v} + \epsilon)`.

    The values are those of `torch.optim.Adam`, step by step. Its derivative is finite everywhere: where the
    second moment is 0 (a dead unit, a bias before BatchNorm) the root is taken for a constant, since there
    its true derivative is infinite and a meta-gradient would become NaN.

    Args:
        rate: The learning rate :math:`\alpha`.
        betas: Decay of the first and of the second moment.
        epsilon: Added to the root.
        weight_decay: Factor of the L2 penalty.
        decoupled: Whether the decay shrinks the parameters themselves and stays out of the moments; see
            `AdamW`.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> step = InnerStep(
        ...     index=0, parameters={"w": torch.ones(2)}, gradients={"w": torch.ones(2)}, loss=torch.ones(())
        ... )
        >>> rule = Adam(0.5)
        >>> rule(step, rule.optimizer_state(step.parameters))[0]
        {'w': tensor([0.5000, 0.5000])}

    References:
        Kingma, Ba. Adam: A Method for Stochastic Optimization. ICLR 2015, arXiv:1412.6980, algorithm 1.
    """

    def __init__(
        self,
        rate: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        problems: list[str] = []
        positive(problems, rate=rate, epsilon=epsilon)
        unit_interval(problems, **{"betas[0]": betas[0], "betas[1]": betas[1]})
        if weight_decay < 0:
            problems.append(f"`weight_decay` must be 0 or more, got {weight_decay}")
        raise_if_any(problems)
        super().__init__()
        self.rate = rate
        self.betas = betas
        self.epsilon = epsilon
        self.weight_decay = weight_decay
        self.decoupled = decoupled

    def optimizer_state(self, parameters: State) -> State:
        """Return both moments, 0, by parameter."""
        return {
            f"{moment}/{name}": torch.zeros_like(p)
            for moment in ("first", "second")
            for name, p in parameters.items()
        }

    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Make a step of Adam."""
        if not torch.is_grad_enabled() and not inside_transform():
            return self._in_place(step, optimizer_state)
        found: State = {}
        kept: State = {}
        for name, parameter in step.parameters.items():
            gradient = step.gradients[name]
            if self.weight_decay and self.decoupled:
                parameter = parameter * (1 - self.rate * self.weight_decay)
            elif self.weight_decay:
                gradient = gradient + self.weight_decay * parameter
            first, second = (
                beta * optimizer_state[f"{moment}/{name}"] + (1 - beta) * power
                for beta, moment, power in zip(
                    self.betas, ("first", "second"), (gradient, gradient.square()), strict=True
                )
            )
            kept[f"first/{name}"], kept[f"second/{name}"] = first, second
            bias = [1 - beta ** (step.index + 1) for beta in self.betas]
            root = safe_sqrt(second) / bias[1] ** 0.5
            found[name] = parameter - self.rate / bias[0] * first / (root + self.epsilon)
        return found, kept

    def _in_place(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Make the step in half as many operations, as nothing is kept for a derivative."""
        found: State = {}
        kept: State = {}
        bias = [1 - beta ** (step.index + 1) for beta in self.betas]
        for name, parameter in step.parameters.items():
            gradient = step.gradients[name]
            if self.weight_decay and self.decoupled:
                parameter = parameter * (1 - self.rate * self.weight_decay)
            elif self.weight_decay:
                gradient = gradient.add(parameter, alpha=self.weight_decay)
            first = (
                optimizer_state[f"first/{name}"].mul(self.betas[0]).add_(gradient, alpha=1 - self.betas[0])
            )
            second = optimizer_state[f"second/{name}"].mul(self.betas[1])
            second.addcmul_(gradient, gradient, value=1 - self.betas[1])
            kept[f"first/{name}"], kept[f"second/{name}"] = first, second
            root = second.sqrt().div_(bias[1] ** 0.5).add_(self.epsilon)
            found[name] = parameter.addcdiv(first, root, value=-self.rate / bias[0])
        return found, kept


def AdamW(  # noqa: N802 - named as the method is known
    rate: float = 1e-3,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
) -> Adam:
    r"""Build the Adam whose weight decay shrinks parameters themselves, by :math:`1 - \alpha \lambda` a step.

    Args:
        rate: See `Adam`, as for the other arguments.
        betas: Decay of the moments.
        epsilon: Added to the root.
        weight_decay: The factor :math:`\lambda`.

    Example:
        >>> AdamW(0.1).weight_decay
        0.01

    References:
        Loshchilov, Hutter. Decoupled Weight Decay Regularization. ICLR 2019, arXiv:1711.05101, algorithm 2.
    """
    return Adam(rate, betas=betas, epsilon=epsilon, weight_decay=weight_decay, decoupled=True)


class RMSprop(UpdateRule):
    r"""RMSprop: :math:`\phi \leftarrow \phi - \alpha g / (\sqrt{v} + \epsilon)`; finite as `Adam` is.

    The values are those of `torch.optim.RMSprop` without momentum and not centred.

    Args:
        rate: The learning rate :math:`\alpha`.
        smoothing: Decay of the second moment :math:`v`.
        epsilon: Added to the root.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> RMSprop(0.1).smoothing
        0.99

    References:
        Tieleman, Hinton. Lecture 6.5: RMSprop. Coursera, Neural Networks for Machine Learning, 2012.
    """

    def __init__(self, rate: float = 0.01, *, smoothing: float = 0.99, epsilon: float = 1e-8) -> None:
        problems: list[str] = []
        positive(problems, rate=rate, epsilon=epsilon)
        unit_interval(problems, smoothing=smoothing)
        raise_if_any(problems)
        super().__init__()
        self.rate = rate
        self.smoothing = smoothing
        self.epsilon = epsilon

    def optimizer_state(self, parameters: State) -> State:
        """Return the second moments, 0, by parameter."""
        return {name: torch.zeros_like(p) for name, p in parameters.items()}

    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Make a step of RMSprop."""
        kept = {
            name: self.smoothing * optimizer_state[name] + (1 - self.smoothing) * g.square()
            for name, g in step.gradients.items()
        }
        found = {
            name: p - self.rate * step.gradients[name] / (safe_sqrt(kept[name]) + self.epsilon)
            for name, p in step.parameters.items()
        }
        return found, kept


def safe_sqrt(values: Tensor) -> Tensor:
    """Return the root of values of 0 or more, whose derivative at 0 is 0 and not infinite.

    Example:
        >>> values = torch.tensor([0.0, 4.0], requires_grad=True)
        >>> torch.autograd.grad(safe_sqrt(values).sum(), values)
        (tensor([0.0000, 0.2500]),)
    """
    above = values > 0
    return torch.where(above, torch.where(above, values, 1.0).sqrt(), 0.0)
