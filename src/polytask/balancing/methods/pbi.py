"""PBI: lower the losses along a preferred direction, and their distance from it."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torchjd import scalarization

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.preference import preference_of
from polytask.balancing.wrappers.torchjd import Scalarized

__all__ = ["PBI"]


@catalogued("pbi", "Zhang, Li, TEVC 2007", build=lambda names: PBI(dict.fromkeys(names, 1.0)), signed=True)
class PBI(Balancer):
    r"""Lower the losses along a preferred direction, and their distance from it (boundary intersection).

    .. math:: \min_\theta c \, (d_1 + \theta_\perp d_2), \qquad d_1 = (L - z) \cdot \hat p, \qquad
        d_2 = \| L - z - d_1 \hat p \|

    where :math:`\hat p` is the preference of the objectives present, scaled to length 1: they end where
    :math:`L - z` is proportional to :math:`p`. The constant :math:`c` makes the weights of :math:`d_1` alone
    sum to the number of objectives. A weight is negative where a loss lies too far below its direction.

    Args:
        preference: :math:`p_t` of every objective that may occur, by name; above 0.
        penalty: :math:`\theta_\perp`, at least 0.
        ideal: :math:`z_t` by name, a lower bound of the loss; 0 for those left out.

    Raises:
        InputError: An argument does not fit.

    When to use:
        As `COSMOS`, where the distance from the ray of the preference should count beside the
        progress along it.

    References:
        Qingfu Zhang, Hui Li, "MOEA/D: A Multiobjective Evolutionary Algorithm Based on Decomposition", IEEE
        Transactions on Evolutionary Computation 2007; by TorchJD's scalarizer. Deviations: one preference and
        gradient descent, not a population; the constant :math:`c`; private parameters get their unweighted
        gradient, as everywhere here.

    Example:
        >>> balancer = PBI({"a": 1.0, "b": 1.0}, penalty=0.5)
        >>> balancer(Evidence(("a", "b"), torch.tensor([1.0, 2.0]), torch.Tensor)).values
        tensor([0.5000, 1.5000])
    """

    needs = "losses"
    preference: Tensor
    ideal: Tensor

    def __init__(
        self,
        preference: Mapping[str, float],
        *,
        penalty: float = 5.0,
        ideal: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self._index = ObjectiveIndex(list(preference), "PBI")
        self._penalty = penalty
        self.register_buffer("preference", preference_of(preference, penalty, "PBI"))
        self.register_buffer("ideal", torch.zeros(len(self._index)))  # [objective]
        if ideal:
            self.ideal[self._index.of(list(ideal))] = torch.tensor([float(each) for each in ideal.values()])

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective has no preference.
        """
        places = self._index.of(evidence.names)
        preference = self.preference[places].to(evidence.losses)
        scalarizer = scalarization.PBI(self._penalty, preference, self.ideal[places].to(evidence.losses))
        scale = len(places) * preference.norm() / preference.sum()
        return Weights(values=scale * Scalarized(scalarizer)(evidence).values)
