"""The two-phase step: first the weights, then one ordinary backward pass."""

from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Direction, Evidence
from polytask.core import Learner, Objectives, assign, jacobian, private_parameters, shared_parameters

__all__ = ["BalancedBackward", "Balance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a balanced backward pass decided.

    Args:
        weights: The weight of every objective by name; empty for a balancer that works by coordinate.
    """

    weights: dict[str, float]


class BalancedBackward:
    """Puts a balancer's update into the ``grad`` of every parameter.

    Shared parameters get the balanced update, private ones their own task's unscaled gradient, and the
    balancer's own parameters the gradient of its criterion. Gradients add to what is there, as in torch.

    Args:
        learner: The learner; which of its parameters train is read once.
        balancer: The method.

    Example:
        >>> from polytask.balancing import EqualWeights
        >>> from polytask.core import Batch, Episode, SharedModel, Task
        >>> from polytask.sharing import HardSharing
        >>> task = Task(name="y", kind="regression")
        >>> trunk, head = torch.nn.Linear(2, 4), torch.nn.Linear(4, 1)
        >>> model = SharedModel([task], HardSharing(trunk), heads={"y": head})
        >>> batch = Batch(inputs=torch.ones(3, 2), targets={"y": torch.ones(3)})
        >>> step = BalancedBackward(model, EqualWeights())
        >>> step(model.objectives([Episode(tasks=(task,), query=batch)])).weights
        {'y': 1.0}
    """

    def __init__(self, learner: Learner, balancer: Balancer) -> None:
        self._balancer = balancer
        self._shared = shared_parameters(learner)
        self._private = [p for own in private_parameters(learner).values() for p in own]

    def __call__(self, objectives: Objectives) -> Balance:
        """Run both phases for the objectives of a step; frees their graph."""
        values = objectives.values
        evidence = Evidence(objectives.names, values.detach(), lambda: jacobian(values, self._shared))
        update = self._balancer(evidence)
        if isinstance(update, Direction):
            self._accumulate(objectives.total(), self._private, keep=True)
            if objectives.penalty is not None:
                self._accumulate(objectives.penalty, self._shared)
            assign(update.values, self._shared)
            return Balance(weights={})
        self._train_balancer(update.values, update.regularizer, evidence.losses)
        weights = update.values.detach()
        if bool((weights == 1).all()):
            self._accumulate(objectives.total(), [*self._shared, *self._private])
        else:
            # The gradient of the sum with respect to a private parameter is its own task's, unscaled.
            self._accumulate(objectives.total(), self._private, keep=True)
            weighted = (weights * values).sum()
            total = weighted if objectives.penalty is None else weighted + objectives.penalty
            self._accumulate(total, self._shared)
        return Balance(weights=dict(zip(objectives.names, weights.tolist(), strict=True)))

    @staticmethod
    def _accumulate(total: Tensor, parameters: list[torch.nn.Parameter], *, keep: bool = False) -> None:
        """Add the gradient of a total; a parameter outside its graph keeps ``grad`` None."""
        if parameters and total.requires_grad:
            torch.autograd.backward(total, inputs=parameters, retain_graph=keep)

    @staticmethod
    def _train_balancer(weights: Tensor, regularizer: Tensor | None, losses: Tensor) -> None:
        criterion = (weights * losses).sum()
        if regularizer is not None:
            criterion = criterion + regularizer
        if criterion.requires_grad:
            criterion.backward()
