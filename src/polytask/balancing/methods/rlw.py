"""Random loss weighting: new weights are drawn in every step."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.core import InputError

__all__ = ["RLW", "RandomLossDistribution"]

RandomLossDistribution: TypeAlias = Literal[
    "normal", "uniform", "dirichlet", "bernoulli", "constrained-bernoulli"
]
"""What the weights are drawn from; see `RLW`."""


@catalogued("random", "Lin et al., TMLR 2022, arXiv:2111.10603")
class RLW(Balancer):
    r"""Weigh the objectives at random, anew in every step.

    .. math:: w = T \, \lambda, \qquad \lambda \sim p, \quad \lambda_t \ge 0, \quad \sum_t \lambda_t = 1

    by one of these distributions:

    - ``"normal"``: the softmax of independent standard normal numbers;
    - ``"uniform"``: the softmax of independent numbers uniform in [0, 1);
    - ``"dirichlet"``: uniform over the simplex;
    - ``"bernoulli"``: each objective is in or out with equal chance, those that are in share the weight;
    - ``"constrained-bernoulli"``: one objective, drawn uniformly, has all the weight.

    The draws come from torch's global generator on the CPU, which `train` seeds for every step, so that a run
    repeats, on all processes and devices alike. It holds no state, and knows no names: :math:`T` counts the
    objectives present.

    Args:
        distribution: What the weights are drawn from.

    Raises:
        InputError: No distribution has this name.

    When to use:
        As a control: whatever beats equal weights should beat random ones, too. It needs more
        steps to settle.

    References:
        Baijiong Lin, Feiyang Ye, Yu Zhang, Ivor W. Tsang, "Reasonable Effectiveness of Random Weighting: A
        Litmus Test for Multi-Task Learning", TMLR 2022, arXiv:2111.10603.
        Deviations: the weights are multiplied by their number; a Bernoulli draw without any objective is
        drawn again; private parameters get their unweighted gradient, as everywhere here.

    Example:
        >>> from polytask.core import seeded
        >>> with seeded(0, "balancing"):
        ...     update = RLW()(Evidence(("a", "b", "c"), torch.ones(3), torch.Tensor))
        >>> bool((update.values > 0).all()), round(float(update.values.sum()), 4)
        (True, 3.0)
    """

    needs = "nothing"

    def __init__(self, *, distribution: RandomLossDistribution = "normal") -> None:
        super().__init__()
        if distribution not in _DRAWS:
            raise InputError(f"RLW has no distribution {distribution!r}; there are {', '.join(_DRAWS)}.")
        self._draw = _DRAWS[distribution]

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`."""
        n_objectives = len(evidence.names)
        return Weights(values=(n_objectives * self._draw(n_objectives)).to(evidence.losses))


def _normal(n_objectives: int) -> Tensor:
    return torch.randn(n_objectives).softmax(0)


def _uniform(n_objectives: int) -> Tensor:
    return torch.rand(n_objectives).softmax(0)


def _dirichlet(n_objectives: int) -> Tensor:
    exponential = torch.empty(n_objectives).exponential_()  # normalized, a Dirichlet with concentration 1
    return exponential / exponential.sum()


def _bernoulli(n_objectives: int) -> Tensor:
    inside = torch.zeros(n_objectives)
    while not inside.any():
        inside = torch.randint(2, (n_objectives,)).to(inside)
    return inside / inside.sum()


def _constrained_bernoulli(n_objectives: int) -> Tensor:
    weights = torch.zeros(n_objectives)
    weights[torch.randint(n_objectives, ())] = 1
    return weights


_DRAWS: Mapping[str, Callable[[int], Tensor]] = {
    "normal": _normal,
    "uniform": _uniform,
    "dirichlet": _dirichlet,
    "bernoulli": _bernoulli,
    "constrained-bernoulli": _constrained_bernoulli,
}
