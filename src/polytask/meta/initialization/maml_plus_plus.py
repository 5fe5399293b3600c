"""MAML++: MAML with the six changes that make it stable."""

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor, nn

from polytask.core import Batch, InputError, Task
from polytask.core.step_end import ends_step
from polytask.meta.adaptation.gradient_learner import GradientLearner, MetaObjective
from polytask.meta.adaptation.inner_options import InnerOptions, adapted_parameters
from polytask.meta.entry import BOTH, by_gradients, catalogued
from polytask.meta.layers.per_step import PerStepBatchNorm, with_per_step_normalization
from polytask.meta.optimization.learned_rates import LearnedRates

__all__ = ["MAMLPlusPlus", "MultiStepLoss"]


@catalogued(
    "maml++",
    "Antoniou et al., ICLR 2019, arXiv:1810.09502",
    family="initialization",
    build=by_gradients(rate=0.1, steps=3, n_multi_step=100, per_step_normalization=False),
    fixed_way=True,
    inner=BOTH,
)
class MAMLPlusPlus(GradientLearner):
    r"""MAML++.

    - The objective is :math:`\sum_k w_k L_Q(\phi_k)` over all inner steps, whose weights go from equal to the
      last step alone (`MultiStepLoss`);
    - inner learning rates are learned for every parameter tensor and step (`LearnedRates`);
    - BatchNorm has a scale and shift for every step (`PerStepBatchNorm`), which makes it transductive;
    - the first meta-updates may be of first order, which is cheap and steadier;
    - the paper's meta-rate falls along a cosine from 1e-3 to 1e-5: give `polytask.train.train` that schedule.

    Args:
        model: See `MAML`; BatchNorm in it is replaced in a copy.
        inner_rate: Initial learning rate of every tensor and step.
        n_steps: Inner steps.
        n_multi_step: Meta-updates over which the weights go to the last step; the paper's 10 epochs of 500.
        n_first_order: Meta-updates of first order at the beginning; the paper's are 50 epochs of its 150.
        per_step_normalization: Whether to replace BatchNorm; else ``normalization`` says what it does.
        options: See `GradientLearner`; scales and shifts by step are never adapted.

    Raises:
        InputError: A number is out of range, or see `GradientLearner`.

    Example:
        >>> learner = MAMLPlusPlus(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2)))
        >>> learner.transductive, learner.n_steps
        (True, 5)

    When to use:
        As `MAML` where training was unstable: a rate for each layer and step, and a loss on the
        way.

    References:
        Antoniou, Edwards, Storkey. How to train your MAML. ICLR 2019, arXiv:1810.09502, section 4. Differs:
        rates are learned per tensor, as in the authors' code, not per layer; no running statistics.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        inner_rate: float = 0.1,
        n_steps: int = 5,
        n_multi_step: int = 5000,
        n_first_order: int = 0,
        per_step_normalization: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        if per_step_normalization:
            model = with_per_step_normalization(model, n_steps)
        shapes = {
            name: p for name, p in adapted_parameters(model, options).items() if not _of_a_norm(model, name)
        }
        super().__init__(
            model,
            rule=LearnedRates(shapes, rate=inner_rate, n_steps=n_steps, per_element=False),
            n_steps=n_steps,
            adapted=tuple(shapes),
            objective=MultiStepLoss(n_updates=n_multi_step, n_first_order=n_first_order),
            **options,
        )


class MultiStepLoss(MetaObjective):
    r"""The loss on the query after every inner step, weighted: :math:`\sum_k w_k L_Q(\phi_k)`.

    The weights begin equal, :math:`1 / K`; over the first meta-updates those of earlier steps fall linearly
    to 0 and the last one's rises to 1. How many updates were made is a buffer, so that a checkpoint carries
    it. In evaluation mode only the last step counts.

    Args:
        n_updates: Meta-updates until the last step alone counts; 0 means from the beginning.
        n_first_order: Meta-updates whose gradient is of first order.

    Raises:
        InputError: A number is negative.

    Example:
        >>> objective = MultiStepLoss(n_updates=10)
        >>> objective.weights(4)
        tensor([0.2500, 0.2500, 0.2500, 0.2500])

    References:
        Antoniou, Edwards, Storkey. ICLR 2019, arXiv:1810.09502, section 4, equation 4. Differs: the authors'
        code keeps a small weight, 0.03 / K, on the earlier steps.
    """

    def __init__(self, *, n_updates: int, n_first_order: int = 0) -> None:
        if n_updates < 0 or n_first_order < 0:
            raise InputError(
                f"`n_updates` and `n_first_order` must be 0 or more, got {n_updates}, {n_first_order}."
            )
        super().__init__(exact=n_first_order == 0)
        self.n_updates = n_updates
        self.n_first_order = n_first_order
        self.first_order = n_first_order > 0
        self.n_done: Tensor
        self.register_buffer("n_done", torch.zeros(()))

    def before(self) -> None:
        """See `MetaObjective.before`."""
        self.first_order = self.training and int(self.n_done) < self.n_first_order

    def after(self) -> None:
        """See `MetaObjective.after`."""
        if ends_step():
            self.n_done += 1

    def weights(self, n_steps: int) -> Tensor:
        """Return the weights of the steps as of now, ``[step]``; they sum to 1."""
        last = torch.zeros(n_steps, device=self.n_done.device)
        last[-1] = 1.0
        if not self.training or not self.n_updates:
            return last
        done = (self.n_done / self.n_updates).clamp(max=1.0)
        return done * last + (1 - done) / n_steps

    def forward(
        self, learner: GradientLearner, tasks: Sequence[Task], support: Batch, query: Batch
    ) -> Tensor:
        """Return the weighted loss of an episode, a scalar."""
        n_differentiated = 0 if self.first_order else None
        _, *after = learner.trajectory(tasks, support, n_differentiated=n_differentiated)
        if not after:
            return learner.loss(learner.initial(tasks, support), tasks, query, 0)
        losses = [learner.loss(found, tasks, query, step) for step, found in enumerate(after, start=1)]
        weights = self.weights(len(losses)).to(losses[0].dtype)
        return (weights * torch.stack(losses)).sum()


def _of_a_norm(model: nn.Module, name: str) -> bool:
    """Tell whether a parameter is a scale or shift of normalization, which the inner loop leaves alone."""
    return isinstance(model.get_submodule(name.rpartition(".")[0]), PerStepBatchNorm)
