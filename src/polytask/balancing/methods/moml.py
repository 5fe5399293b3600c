"""MOML: learn weights for which one step serves every validation objective."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.solvers.min_norm import shortest_in_hull
from polytask.balancing.state.entrywise_adam import EntrywiseAdam
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError

__all__ = ["MOML"]


@catalogued("moml", "Ye et al., NeurIPS 2021, arXiv:2102.07121")
class MOML(Balancer):
    r"""Learn weights by the gradients of all validation objectives after the step, combined as in `MGDA`.

    .. math::
        \min_\alpha \bigl(F_1(\theta'), \ldots, F_m(\theta')\bigr), \qquad
        \theta' = \theta - \eta \sum_t w_t g_t, \qquad w = T \operatorname{softmax}(\alpha) \\
        \nabla_\alpha F_i(\theta') = -\eta \, T \, (\operatorname{diag} \sigma - \sigma \sigma^\top)
            \bigl(g_t^\top \nabla F_i(\theta')\bigr)_t, \qquad \sigma = \operatorname{softmax}(\alpha) \\
        \gamma = \arg\min_{\gamma \ge 0,\, 1^\top \gamma = 1}
            \Bigl\lVert \sum_i \gamma_i \nabla_\alpha F_i(\theta') \Bigr\rVert^2, \qquad
        \alpha \leftarrow \operatorname{Adam}\Bigl(\alpha, \sum_i \gamma_i \nabla_\alpha F_i(\theta')\Bigr)

    :math:`F_i` are the objectives on validation examples, those that have a label there. Where `AutoLambda`
    lowers their sum, here no validation objective is traded for another. A step is taken with the weights
    that were there before it, which are those that it was looked at with; what it teaches serves the next.

    Give `polytask.train.train` a ``validation_source`` that is neither the training data nor the data the
    result is judged on.

    Args:
        names: The names of all objectives that may occur.
        lookahead: :math:`\eta`, the length of the step looked at; the learning rate is the natural choice.
        rate: Adam's learning rate for :math:`\alpha`.

    Raises:
        InputError: A number is not positive.

    When to use:
        Weights learned for several validation objectives by looking one step ahead. Dear; for few
        tasks.

    References:
        Feiyang Ye et al., "Multi-Objective Meta Learning", NeurIPS 2021, arXiv:2102.07121, Algorithm 1, for
        learning the weights of tasks; softmax, Adam and its rate are as in the authors' code. Deviations: one
        step of gradient descent is the whole lower level, and it moves the shared parameters alone; its
        derivative is taken exactly from the gradients; the weights are multiplied by their number; the
        training step is the same as the step looked at, where the authors' code takes another one on
        training and validation examples with the new weights; their code scales the gradients of
        :math:`\alpha` to length 1 before they are combined, which the paper does not.

    Example:
        >>> rows = torch.eye(2)
        >>> moml = MOML(["a", "b"], rate=0.1)
        >>> held_out = {"a": torch.tensor([1.0, -1.0]), "b": torch.tensor([2.0, -1.0])}
        >>> evidence = Evidence(("a", "b"), torch.ones(2), lambda: rows, validation=lambda d: held_out)
        >>> moml(evidence).values, moml(evidence).values  # both want more of a
        (tensor([1., 1.]), tensor([1.0997, 0.9003]))
    """

    needs = "validation"
    logits: Tensor

    def __init__(self, names: Sequence[str], *, lookahead: float = 0.1, rate: float = 1e-3) -> None:
        super().__init__()
        if not lookahead > 0 or not rate > 0:
            raise InputError(f"`lookahead` and `rate` must be positive; got {lookahead} and {rate}.")
        self.lookahead = lookahead
        self._index = ObjectiveIndex(names, "MOML")
        self.register_buffer("logits", torch.zeros(len(self._index), dtype=torch.float64))
        self.adam = EntrywiseAdam(len(self._index), rate=rate)

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction, or there are no validation examples.
        """
        places = self._index.of(evidence.names)
        shares = self.logits[places].softmax(0)
        values = len(places) * shares  # [objective]
        rows = evidence.jacobian()
        found = evidence.validation_gradients(-self.lookahead * (values.to(rows) @ rows))
        held_out = torch.stack(list(found.values())).to(rows)  # [validation objective, parameter]
        gains = (held_out @ rows.T).to(values)  # [validation objective, objective]
        # The softmax's Jacobian: what an objective gains above the average of all.
        slopes = -self.lookahead * values * (gains - (gains @ shares)[:, None])
        slope = shortest_in_hull(slopes @ slopes.T) @ slopes
        self.logits[places] += self.adam(places, slope)
        return Weights(values=values.to(evidence.losses))
