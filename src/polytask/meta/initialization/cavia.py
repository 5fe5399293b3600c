"""CAVIA: adapt a short context vector, and share all weights between tasks."""

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor, nn

from polytask.core import Batch, InputError, Task
from polytask.core.learner import State
from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.inner_options import InnerOptions
from polytask.meta.adaptation.rules.sgd import SGD

__all__ = ["CAVIA", "WithContext"]


class CAVIA(GradientLearner):
    r"""Fast context adaptation via meta-learning.

    The model sees :math:`[x, c]`. The inner loop changes the context :math:`c` alone, from 0, by gradient
    steps on the support; all weights are meta-learned. The state of a task is that one short vector.

    Args:
        model: Maps inputs widened by ``n_context`` features, ``[batch, feature + n_context]``, to answers. A
            model that takes its context elsewhere has a buffer named ``context`` and is given as it is, with
            ``n_context`` 0.
        n_context: Numbers in the context.
        inner_rate: Learning rate of the inner steps.
        n_steps: Inner steps.
        second_order: Whether the meta-gradient goes through the inner gradients.
        options: See `GradientLearner`.

    Raises:
        InputError: The model has no context, or see `GradientLearner`.

    Example:
        >>> learner = CAVIA(nn.Linear(1 + 5, 1))
        >>> support = Batch(inputs=torch.ones(3, 1), targets={"y": torch.ones(3)})
        >>> {name: tuple(c.shape) for name, c in
        ...  learner.adapt([Task(name="y", kind="regression")], support).state[""].items()}
        {'context': (5,)}

    When to use:
        Tasks that differ in a few numbers, such as amplitude and phase: only a context is
        adapted, which is small enough to look at.

    References:
        Zintgraf et al. Fast Context Adaptation via Meta-Learning. ICML 2019, arXiv:1810.03642, section 3.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        n_context: int = 5,
        inner_rate: float = 1.0,
        n_steps: int = 1,
        second_order: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        if n_context < 0:
            raise InputError(f"`n_context` must be 0 or more, got {n_context}.")
        with_context = WithContext(model, n_context) if n_context else model
        if "context" not in dict(with_context.named_buffers()):
            raise InputError("With `n_context` 0 the model needs a buffer named `context` of its own.")
        super().__init__(
            with_context,
            rule=SGD(inner_rate),
            n_steps=n_steps,
            start=_empty_context,
            n_differentiated=None if second_order else 0,
            **options,
        )


class WithContext(nn.Module):
    """A model whose inputs are widened by a context vector.

    Args:
        model: Maps ``[batch, feature + n_context]`` to answers.
        n_context: Numbers in the context.
    """

    context: Tensor

    def __init__(self, model: nn.Module, n_context: int) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("context", torch.zeros(n_context))

    def forward(self, inputs: Tensor) -> Tensor:
        """Answer inputs ``[batch, feature]``."""
        context = self.context.expand(inputs.shape[0], -1)
        return self.model(torch.cat([inputs, context.to(inputs.dtype)], dim=1))


def _empty_context(learner: GradientLearner, tasks: Sequence[Task], support: Batch) -> State:  # noqa: ARG001
    return {"context": torch.zeros_like(dict(learner.model.named_buffers())["context"])}
