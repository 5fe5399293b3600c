"""COSMOS: lower the losses along a preferred direction, with a bonus for keeping to it."""

from collections.abc import Mapping

from torch import Tensor
from torchjd import scalarization

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.preference import preference_of
from polytask.balancing.wrappers.torchjd import Scalarized

__all__ = ["COSMOS"]


@catalogued(
    "cosmos",
    "Ruchte, Grabocka, ICDM 2021, arXiv:2103.13392",
    build=lambda names: COSMOS(dict.fromkeys(names, 1.0)),
    signed=True,
)
class COSMOS(Balancer):
    r"""Lower the losses along a preferred direction, by a weighted sum and a bonus for keeping to it.

    .. math:: \min_\theta T \left( \sum_t p_t L_t - \lambda \, \frac{p \cdot L}{\|p\| \, \|L\|} \right)

    where :math:`p` is the preference of the :math:`T` objectives present, scaled to sum to 1. The bonus is
    largest where the losses are proportional to :math:`p`. A weight may be negative, where a loss lies too
    far below its direction.

    Args:
        preference: :math:`p_t` of every objective that may occur, by name; above 0.
        penalty: :math:`\lambda`, at least 0; the paper takes 0.01 to 8, by data set.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Many points of a Pareto front, by preference, from runs that differ in it alone. The
        penalty of the angle has to be chosen for the scale of the losses.

    References:
        Michael Ruchte, Josif Grabocka, "Scalable Pareto Front Approximation for Deep Multi-Objective
        Learning", ICDM 2021, arXiv:2103.13392; by TorchJD's scalarizer. Deviations: the preference is
        fixed and not an input of the model; the sum is multiplied by :math:`T`; private parameters
        get their unweighted gradient, as everywhere here.

    Example:
        >>> import torch
        >>> balancer = COSMOS({"a": 1.0, "b": 3.0}, penalty=0.0)
        >>> balancer(Evidence(("a", "b"), torch.tensor([1.0, 2.0]), torch.Tensor)).values
        tensor([0.5000, 1.5000])
    """

    needs = "losses"
    preference: Tensor

    def __init__(self, preference: Mapping[str, float], *, penalty: float = 1.0) -> None:
        super().__init__()
        self._index = ObjectiveIndex(list(preference), "COSMOS")
        self._penalty = penalty
        self.register_buffer("preference", preference_of(preference, penalty, "COSMOS"))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective has no preference.
        """
        preference = self.preference[self._index.of(evidence.names)].to(evidence.losses)
        scaled = len(preference) * preference / preference.sum()
        return Scalarized(scalarization.COSMOS(len(preference) * self._penalty, scaled))(evidence)
