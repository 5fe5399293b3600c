"""MAML: an initialization from which a few gradient steps lead to a good model of a new task."""

from typing import Unpack

from torch import nn

from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.inner_options import InnerOptions
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.entry import BOTH, by_gradients, catalogued

__all__ = ["FOMAML", "MAML"]


@catalogued(
    "maml",
    "Finn et al., ICML 2017, arXiv:1703.03400",
    family="initialization",
    build=by_gradients(rate=0.1, steps=3),
    fixed_way=True,
    inner=BOTH,
)
class MAML(GradientLearner):
    r"""Model-agnostic meta-learning.

    Adapts by K steps :math:`\phi \leftarrow \phi - \alpha \nabla_\phi L_S(\phi)` on the support, from
    :math:`\phi = \theta`, and learns :math:`\theta` to make :math:`L_Q(\phi)` small on the query.

    Args:
        model: Maps inputs ``[batch, ...]`` to ``[batch, n_outputs]``, or to such a tensor by task name where
            an episode has several tasks.
        inner_rate: Learning rate :math:`\alpha` of the inner steps.
        n_steps: Inner steps :math:`K`.
        second_order: Whether the meta-gradient goes through the inner gradients; see `FOMAML`.
        options: See `GradientLearner`. The paper's ``normalization`` is ``"batch"``. The authors' code has
            ``adapt_normalization`` off; on Omniglot, with max pooling and one step, that learnt faster here.

    Raises:
        InputError: See `GradientLearner`.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="y", kind="regression")
        >>> maml = MAML(nn.Linear(1, 1), inner_rate=0.1)
        >>> support = Batch(inputs=torch.ones(5, 1), targets={"y": torch.ones(5)})
        >>> predictor = maml.with_steps(50).adapt([task], support)
        >>> predictor(torch.ones(2, 1))["y"].round(decimals=2)
        tensor([[1.],
                [1.]])

    When to use:
        Regression, reinforcement, or nets that must change all over. Of its kind the best
        studied; second derivatives cost several times a plain step, and for classes by images
        metric learners are as good and faster.

    References:
        Finn, Abbeel, Levine. Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks. ICML 2017,
        arXiv:1703.03400, algorithms 1 and 2. Differs from the paper: the number of objectives of a step and
        their weights are the balancer's business (the paper sums them), and the meta-update is the
        optimizer's (the paper's code uses Adam, as is the default here).
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        inner_rate: float = 0.01,
        n_steps: int = 1,
        second_order: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        super().__init__(
            model,
            rule=SGD(inner_rate),
            n_steps=n_steps,
            n_differentiated=None if second_order else 0,
            **options,
        )


@catalogued(
    "fomaml",
    "Finn et al., ICML 2017, arXiv:1703.03400 (first order)",
    family="initialization",
    build=by_gradients(rate=0.1, steps=3),
    fixed_way=True,
    inner=BOTH,
)
class FOMAML(MAML):
    r"""First-order MAML, which takes :math:`\partial \phi / \partial \theta` for the identity.

    Its meta-gradient is the query's gradient at the adapted parameters: cheaper, and needs no second
    derivative of any layer.

    Args:
        model: See `MAML`, as for all arguments.
        inner_rate: Learning rate of the inner steps.
        n_steps: Inner steps.
        options: See `GradientLearner`.

    Example:
        >>> FOMAML(nn.Linear(1, 1)).n_differentiated
        0

    When to use:
        As `MAML` where second derivatives are too dear or do not exist. Often as good.

    References:
        Finn, Abbeel, Levine. ICML 2017, arXiv:1703.03400, section 5.2; Nichol, Achiam, Schulman. On
        First-Order Meta-Learning Algorithms. 2018, arXiv:1803.02999.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        inner_rate: float = 0.01,
        n_steps: int = 1,
        **options: Unpack[InnerOptions],
    ) -> None:
        super().__init__(model, inner_rate=inner_rate, n_steps=n_steps, second_order=False, **options)
