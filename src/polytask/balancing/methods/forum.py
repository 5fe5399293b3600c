"""FORUM: descend on all validation objectives at once, while the weighted training loss is kept low."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Direction, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.min_norm import shortest_in_hull
from polytask.balancing.solvers.simplex_quadratic import simplex_minimum
from polytask.balancing.state.entrywise_adam import EntrywiseAdam
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["FORUM"]


@catalogued("forum", "Ye et al., ECAI 2024, arXiv:2401.09257")
class FORUM(Balancer):
    r"""Lower every validation objective, under the constraint that the training loss is nearly lowest.

    .. math::
        \min_{\alpha, \theta} \bigl(F_1(\theta), \ldots, F_m(\theta)\bigr) \quad \text{subject to} \quad
        q(\alpha, \theta) = f(\alpha, \theta) - f(\alpha, \theta') \le 0, \qquad
        f = \sum_t \sigma_t L_t, \quad \sigma = \operatorname{softmax}(\alpha)

    where :math:`\theta' = \theta - \eta \nabla_\theta f` stands for the minimizer of :math:`f`. Each step
    goes along the direction that lowers the slowest :math:`F_i` the most, and :math:`q` by no less than
    :math:`\rho \lVert \nabla q \rVert^2`:

    .. math::
        d = \sum_i \lambda_i \nabla F_i + \nu \nabla q, \qquad
        \nu = \max\Bigl(0, \sum_i \lambda_i \pi_i\Bigr), \qquad
        \pi_i = \rho - \frac{\langle \nabla q, \nabla F_i \rangle}{\lVert \nabla q \rVert^2} \\
        \min_{\lambda \ge 0,\, 1^\top \lambda = 1} \tfrac12 \lVert d \rVert^2
            - \nu \rho \lVert \nabla q \rVert^2, \qquad
        \tilde\lambda \leftarrow (1 - \beta_k) \tilde\lambda + \beta_k \lambda, \quad
        \beta_k = (k + 1)^{-3/4}

    The gradients are those in :math:`(\alpha, \theta)`; :math:`F_i` does not depend on :math:`\alpha`, and
    :math:`\theta'` counts as constant: :math:`\nabla q = \bigl((\operatorname{diag} \sigma - \sigma
    \sigma^\top)(L(\theta) - L(\theta')),\; \sum_t \sigma_t g_t\bigr)`.

    The shared parameters learn from the validation examples directly, so these are training examples too:
    give `polytask.train.train` a ``validation_source`` of another part of the training data. Private
    parameters learn from the training examples alone, as everywhere here.

    Args:
        names: The names of all objectives that may occur, in training and in validation.
        lookahead: :math:`\eta`, the length of the descent to :math:`\theta'`.
        rho: :math:`\rho`, how much of the direction must serve the constraint; positive.
        rate: Adam's learning rate for :math:`\alpha`.

    Raises:
        InputError: A number is not positive.

    When to use:
        Weights learned for several validation objectives at once, with one level of gradients.
        The most hyper-parameters of all methods here.

    References:
        Feiyang Ye, Baijiong Lin, Xiaofeng Cao, Yu Zhang, Ivor Tsang, "A First-Order Multi-Gradient Algorithm
        for Multi-Objective Bi-Level Optimization", ECAI 2024, arXiv:2401.09257. Softmax, Adam and its rate
        are as in the authors' code. Deviations: :math:`L(\theta) - L(\theta')` is taken to first order in
        :math:`\eta`, as :math:`\eta G \sigma` with the Gramian :math:`G`, so that no objective is computed at
        :math:`\theta'`, and several steps of descent are one longer step; :math:`F_i` and
        :math:`\theta'` concern the shared parameters alone; the direction is multiplied by the number of
        objectives; the authors' code scales :math:`\nabla F_i` to length 1, and counts epochs in
        :math:`\beta`; the defaults of :math:`\eta` and :math:`\rho` are ours.

    Example:
        >>> rows = torch.eye(2)
        >>> held_out = {"a": torch.tensor([1.0, 0.0]), "b": torch.tensor([0.0, 1.0])}
        >>> evidence = Evidence(("a", "b"), torch.ones(2), lambda: rows, validation=lambda d: held_out)
        >>> FORUM(["a", "b"])(evidence).values
        tensor([1., 1.])
    """

    needs = "validation"
    logits: Tensor
    mixture: Tensor
    count: Tensor

    def __init__(
        self, names: Sequence[str], *, lookahead: float = 0.1, rho: float = 0.1, rate: float = 1e-3
    ) -> None:
        super().__init__()
        if not lookahead > 0 or not rho > 0 or not rate > 0:
            raise InputError(
                f"`lookahead`, `rho` and `rate` must be positive; got {lookahead}, {rho} and {rate}."
            )
        self.lookahead, self.rho = lookahead, rho
        self._index = ObjectiveIndex(names, "FORUM")
        n = len(self._index)
        self.register_buffer("logits", torch.zeros(n, dtype=torch.float64))
        self.register_buffer("mixture", torch.full((n,), 1 / n, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.long))
        self.adam = EntrywiseAdam(n, rate=rate)

    def forward(self, evidence: Evidence) -> Direction:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction, or there are no validation examples.
        """
        places = self._index.of(evidence.names)
        shares = self.logits[places].softmax(0)
        rows = evidence.jacobian()
        found = evidence.validation_gradients(torch.zeros_like(rows[0]))
        held_out = torch.stack(list(found.values())).to(rows)  # [validation objective, parameter]
        lower = shares.to(rows) @ rows  # the constraint's gradient in the parameters
        gained = self.lookahead * (rows @ lower).to(shares)  # what each training objective could lose
        slope = shares * (gained - gained @ shares)  # the constraint's gradient in the logits
        squared = lower.double().square().sum().to(slope) + slope.square().sum()
        products = (held_out @ lower).to(slope)  # [validation objective]
        mixture = self._smoothed(list(found), held_out @ held_out.T, products, squared)
        force = (self.rho - mixture @ products / squared).clamp(min=0) if float(squared) > 0 else squared
        self.logits[places] += self.adam(places, force * slope)
        return Direction(values=len(places) * (mixture.to(rows) @ held_out + force.to(rows) * lower))

    def _smoothed(self, names: Sequence[str], gramian: Tensor, products: Tensor, squared: Tensor) -> Tensor:
        """Return the running shares of the validation objectives present, of sum 1."""
        places = self._index.of(names)
        found = _shares(gramian.to(products), products, squared, self.rho).to(self.mixture)
        decay = (1.0 + self.count) ** -0.75
        self.count += 1
        before = self.mixture[places]
        mass = before.sum()  # the part of those absent is left alone
        after = before + decay * (mass * found - before)
        self.mixture[places] = after
        return after / mass if float(mass) > 0 else found


def _shares(gramian: Tensor, products: Tensor, squared: Tensor, rho: float) -> Tensor:
    """Solve for the shares: without the constraint, and with it where it would be broken."""
    free = shortest_in_hull(gramian)
    if not float(squared) > 0 or float(free.to(products) @ products) >= rho * float(squared):
        return free
    # With the force put in, what lies along the constraint leaves the square and enters linearly.
    across = gramian - torch.outer(products, products) / squared
    return simplex_minimum(across, rho * products)
