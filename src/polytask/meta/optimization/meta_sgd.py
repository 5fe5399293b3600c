"""Meta-SGD: learn the initialization, and for every parameter the rate and sign of its steps."""

from typing import Unpack

from torch import nn

from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.inner_options import InnerOptions, adapted_parameters
from polytask.meta.entry import BOTH, catalogued
from polytask.meta.optimization.learned_rates import LearnedRates

__all__ = ["MetaSGD"]


@catalogued(
    "meta-sgd",
    "Li et al., 2017, arXiv:1707.09835",
    family="optimization",
    build=lambda learner, task: learner(task.classifier(), rate=task.rate(0.1), n_steps=task.steps(3)),
    fixed_way=True,
    inner=BOTH,
)
class MetaSGD(GradientLearner):
    r"""Meta-SGD, :math:`\phi = \theta - \alpha \circ \nabla L_S(\theta)` with :math:`\alpha` learned.

    Args:
        model: See `MAML`; draw the rates within `polytask.core.seeded` to repeat a run.
        rate: The initial rate, or the interval from which each number's is drawn.
        n_steps: Inner steps, which share their rates.
        second_order: Whether the meta-gradient goes through the inner gradients.
        options: See `GradientLearner`.

    Raises:
        InputError: See `GradientLearner`.

    Example:
        >>> learner = MetaSGD(nn.Linear(2, 1))
        >>> sorted(name for name, _ in learner.rule.named_parameters())
        ['rates.bias', 'rates.weight']

    When to use:
        As `MAML`, where a rate for each weight pays: few steps, many known tasks. Twice the
        parameters.

    References:
        Li, Zhou, Chen, Li. Meta-SGD: Learning to Learn Quickly for Few-Shot Learning. 2017, arXiv:1707.09835,
        equation 2. The initial interval of rates is that of the reproductions.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        rate: float | tuple[float, float] = (0.005, 0.1),
        n_steps: int = 1,
        second_order: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        adapted = adapted_parameters(model, options)
        super().__init__(
            model,
            rule=LearnedRates(adapted, rate=rate) if adapted else None,
            n_steps=n_steps,
            n_differentiated=None if second_order else 0,
            **options,
        )
