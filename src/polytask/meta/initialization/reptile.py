"""Reptile: move the initialization towards where each task's training ends."""

from collections.abc import Sequence
from typing import Unpack

import torch
from torch import Tensor, nn

from polytask.core import Batch, Task
from polytask.core.batch import join_batches
from polytask.meta.adaptation.gradient_learner import GradientLearner, MetaObjective
from polytask.meta.adaptation.inner_options import InnerOptions
from polytask.meta.adaptation.rules.adam import Adam
from polytask.meta.adaptation.rules.rule import UpdateRule
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.adaptation.surrogate import with_gradient
from polytask.meta.entry import BOTH, catalogued

__all__ = ["Reptile"]


@catalogued(
    "reptile",
    "Nichol et al., 2018, arXiv:1803.02999",
    family="initialization",
    build=lambda learner, task: learner(task.classifier(), rule=SGD(task.rate(0.05)), n_steps=task.steps(5)),
    fixed_way=True,
    inner=BOTH,
)
class Reptile(GradientLearner):
    r"""Reptile, :math:`\theta \leftarrow \theta + \epsilon \, \overline{(\phi - \theta)}`.

    In training, the inner loop runs on support and query together, and :math:`\theta - \phi` is the
    meta-gradient; so a meta-optimizer ``SGD(lr=epsilon)`` makes the paper's update (there, epsilon falls from
    1 to 0), with the mean over episodes as reduction. The objective's value is the loss on the query after
    it. Another meta-optimizer, such as Adam, may take it too, as the paper says.

    Args:
        model: See `MAML`.
        rule: Of the inner loop; None is the paper's ``Adam(1e-3, betas=(0, 0.999))``.
        n_steps: Inner steps in training; the paper evaluates with 50, see `GradientLearner.with_steps`.
        options: See `GradientLearner`; ``batch_size`` is 10 where it is not given.

    Raises:
        InputError: See `GradientLearner`.

    Example:
        >>> Reptile(nn.Linear(1, 1)).exact_gradient
        False

    When to use:
        No query set, no second derivatives, many inner steps. It needs more training than `MAML`
        for one or few shots.

    References:
        Nichol, Achiam, Schulman. On First-Order Meta-Learning Algorithms. 2018, arXiv:1803.02999, algorithm
        2.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        rule: UpdateRule | None = None,
        n_steps: int = 5,
        **options: Unpack[InnerOptions],
    ) -> None:
        options.setdefault("batch_size", 10)
        super().__init__(
            model,
            rule=rule or Adam(1e-3, betas=(0.0, 0.999)),
            n_steps=n_steps,
            n_differentiated=0,
            objective=_TowardsTheEnd(),
            **options,
        )


class _TowardsTheEnd(MetaObjective):
    adapted_only = True

    def __init__(self) -> None:
        super().__init__(exact=False)

    def forward(
        self, learner: GradientLearner, tasks: Sequence[Task], support: Batch, query: Batch
    ) -> Tensor:
        every = join_batches([support, query])
        with torch.no_grad():
            start, *_, end = [{}, *learner.trajectory(tasks, every)]
            value = learner.loss(end, tasks, query, learner.n_steps)
        start = learner.initial(tasks, every)
        return with_gradient(value, start, {name: start[name] - end[name] for name in start})
