"""Auto-Lambda: learn weights by what a step does to the loss on validation examples."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.entrywise_adam import EntrywiseAdam
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["AutoLambda"]


@catalogued("auto-lambda", "Liu et al., TMLR 2022, arXiv:2202.03091")
class AutoLambda(Balancer):
    r"""Learn weights that lower the loss on validation examples one step ahead.

    .. math:: \min_\lambda L^{\mathrm{val}}\Bigl(\theta - \alpha \sum_t \lambda_t g_t\Bigr), \qquad
        \frac{\partial}{\partial \lambda_t} = -\alpha \langle g_t, \nabla L^{\mathrm{val}} \rangle

    The weights are trained by Adam. The validation examples say which tasks matter: those without label of
    a task do not count for it. Give `polytask.train.train` a ``validation_source`` that is neither the
    training data nor the data the result is judged on.

    Args:
        names: The names of all objectives that may occur.
        lookahead: :math:`\alpha`, the length of the step looked at; the learning rate is the natural choice.
        rate: Adam's learning rate for the weights.
        initial: All weights at the start.

    Raises:
        InputError: A number is not positive.

    When to use:
        One or a few primary tasks, auxiliary ones in doubt, and validation rows to spare: weights
        follow what lowers the primary validation loss. Further passes in each step.

    References:
        Shikun Liu, Stephen James, Andrew J. Davison, Edward Johns, "Auto-Lambda: Disentangling Dynamic Task
        Relationships", TMLR 2022, arXiv:2202.03091. Deviations: the derivative is taken exactly, from the
        gradients, in place of finite differences; weights start at 1 with ten times the rate, in place of
        0.1, and are kept from going below 0.

    Example:
        >>> rows = torch.eye(2)
        >>> evidence = Evidence(
        ...     ("a", "b"), torch.ones(2), lambda: rows, validation=lambda d: torch.tensor([1.0, -1.0])
        ... )
        >>> AutoLambda(["a", "b"], rate=0.1)(evidence).values
        tensor([1.1000, 0.9000])
    """

    needs = "validation"
    weight: Tensor

    def __init__(
        self, names: Sequence[str], *, lookahead: float = 0.1, rate: float = 1e-3, initial: float = 1.0
    ) -> None:
        super().__init__()
        if not lookahead > 0 or not rate > 0 or not initial > 0:
            raise InputError(
                f"`lookahead`, `rate` and `initial` must be positive; got {lookahead}, {rate} and {initial}."
            )
        self.lookahead = lookahead
        self._index = ObjectiveIndex(names, "AutoLambda")
        n = len(self._index)
        self.register_buffer("weight", torch.full((n,), float(initial), dtype=torch.float64))
        self.adam = EntrywiseAdam(n, rate=rate)

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction, or there are no validation examples.
        """
        places = self._index.of(evidence.names)
        rows = evidence.jacobian()
        step = -self.lookahead * (self.weight[places].to(rows) @ rows)
        slope = -self.lookahead * (rows @ evidence.validation_gradient(step).to(rows))
        moved = self.weight[places] + self.adam(places, slope.to(self.weight))
        self.weight[places] = moved.clamp(min=0)
        return Weights(values=self.weight[places].to(evidence.losses))
