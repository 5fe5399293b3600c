"""ALFA: a small network sets the rates and the decay of every inner step."""

from collections.abc import Mapping
from typing import Unpack

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.inner_options import InnerOptions, adapted_parameters
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule
from polytask.meta.entry import BOTH, by_gradients, catalogued

__all__ = ["ALFA", "AdaptiveRates"]


@catalogued(
    "alfa",
    "Baik et al., NeurIPS 2020, arXiv:2011.00209",
    family="optimization",
    build=by_gradients(rate=0.1, steps=3),
    fixed_way=True,
    inner=BOTH,
)
class ALFA(GradientLearner):
    """Adaptive learning of hyper-parameters for fast adaptation: MAML with the rule `AdaptiveRates`.

    Args:
        model: See `MAML`; build the learner within `polytask.core.seeded` to repeat a run.
        inner_rate: Initial learning rate of every tensor and step.
        n_steps: Inner steps.
        second_order: Whether the meta-gradient goes through the inner gradients.
        options: See `GradientLearner`.

    Raises:
        InputError: See `GradientLearner`.

    Example:
        >>> ALFA(nn.Linear(3, 2)).n_steps
        5

    When to use:
        Where rate and decay should depend on the task at hand: a small network reads weights and
        gradients.

    References:
        Baik et al. Meta-Learning with Adaptive Hyperparameters. NeurIPS 2020, arXiv:2011.00209, section 3.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        inner_rate: float = 0.01,
        n_steps: int = 5,
        second_order: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        adapted = adapted_parameters(model, options)
        rule = AdaptiveRates(adapted, rate=inner_rate, n_steps=max(n_steps, 1)) if adapted else None
        super().__init__(
            model,
            rule=rule,
            n_steps=n_steps,
            n_differentiated=None if second_order else 0,
            **options,
        )


class AdaptiveRates(UpdateRule):
    r"""Steps :math:`\phi \leftarrow \beta_k \circ \phi - \alpha_k \circ g` with generated rates and decays.

    A network of two layers sees the mean of every tensor and of its gradient, and gives factors
    :math:`(\hat\alpha, \hat\beta)` for every tensor. With learned post-multipliers by step and tensor,
    :math:`\alpha_k = \alpha^0_k \hat\alpha` and :math:`\beta_k = \beta^0_k \hat\beta`. The network's last
    layer begins at 0 with a shift of 1, so that at first the rule is plain descent.

    Args:
        parameters: The adapted parameters by name.
        rate: Initial rate.
        n_steps: Inner steps that have multipliers of their own; later steps use the last.

    Raises:
        InputError: The rate is not positive, or there is no step.

    Example:
        >>> rule = AdaptiveRates({"w": torch.zeros(2)}, rate=0.1)
        >>> step = InnerStep(
        ...     index=0, parameters={"w": torch.ones(2)}, gradients={"w": torch.ones(2)}, loss=torch.ones(())
        ... )
        >>> rule(step, {})[0]["w"].detach()
        tensor([0.9000, 0.9000])

    References:
        Baik et al. NeurIPS 2020, arXiv:2011.00209, equations 5 to 7. Differs: the hidden layer is twice as
        wide as the number of tensors, as in the authors' code; factors start at 1.
    """

    def __init__(self, parameters: Mapping[str, Tensor], *, rate: float = 0.01, n_steps: int = 5) -> None:
        if not rate > 0 or n_steps < 1:
            raise InputError(f"`rate` must be above 0 and `n_steps` at least 1, got {rate}, {n_steps}.")
        super().__init__()
        self.names = tuple(parameters)
        n_tensors = len(self.names)
        last = nn.Linear(2 * n_tensors, 2 * n_tensors)
        nn.init.zeros_(last.weight)
        nn.init.ones_(last.bias)
        self.generator = nn.Sequential(nn.Linear(2 * n_tensors, 2 * n_tensors), nn.ReLU(), last)
        self.rates = nn.Parameter(torch.full((n_steps, n_tensors), rate))
        self.decays = nn.Parameter(torch.ones(n_steps, n_tensors))

    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Step with generated rates and decays."""
        means = [part[name].mean() for part in (step.parameters, step.gradients) for name in self.names]
        rate_factors, decay_factors = self.generator(torch.stack(means)).chunk(2)  # [tensor] each
        index = min(step.index, len(self.rates) - 1)
        rates, decays = self.rates[index] * rate_factors, self.decays[index] * decay_factors
        return {
            name: decays[position] * step.parameters[name] - rates[position] * step.gradients[name]
            for position, name in enumerate(self.names)
        }, optimizer_state
