"""Smooth Tchebycheff: lower the worst of the losses, each relative to what it was after a warm-up."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive
from polytask.core import InputError

__all__ = ["STCH"]


@catalogued("stch", "Lin et al., ICML 2024, arXiv:2402.19078")
class STCH(Balancer):
    r"""Lower a smooth maximum of the logarithms of the losses.

    .. math:: \min_\theta T \mu \log \sum_t \exp \frac{p_t \log(L_t(\theta) / n_t)}{\mu}, \qquad
        w_t = \frac{p_t}{L_t} \, T \, \mathrm{softmax}_t \frac{p_t \log(L_t / n_t)}{\mu}

    An objective's first steps are its warm-up: its weight is then :math:`1 / L_t`, that of the sum of
    logarithms, and the average loss over them becomes its nadir :math:`n_t`. Each objective counts its own
    steps, so one that comes late warms up late; :math:`T` counts the objectives of the step past their
    warm-up.

    The weights are gradients of logarithms: multiplying a loss by a constant multiplies its weight by the
    inverse, and the update stays. They do not sum to :math:`T`, unless the losses are near 1.

    Args:
        names: The names of all objectives that may occur.
        smoothing: :math:`\mu`, above 0; the smaller, the nearer to the maximum.
        warm_up: Steps with the objective that make its warm-up, at least 1.
        preference: :math:`p_t` by name, above 0; 1 for those left out. More than 1 presses harder.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Where a point of the Pareto front by given preferences is wanted, also on a front that is
        not convex. Needs a warm-up, and losses above 0.

    References:
        Xi Lin, Xiaoyuan Zhang, Zhiyuan Yang, Fei Liu, Zhenkun Wang, Qingfu Zhang, "Smooth Tchebycheff
        Scalarization for Multi-Objective Optimization", ICML 2024, arXiv:2402.19078; logarithms and nadir as
        in the authors' code for multi-task learning. Deviations: the nadir is the average over all of the
        warm-up, theirs over one epoch after it; preferences are relative to 1, not on the simplex; private
        parameters get their unweighted gradient, as everywhere here.

    Example:
        >>> balancer = STCH(["a", "b"], warm_up=1)
        >>> balancer(Evidence(("a", "b"), torch.tensor([1.0, 4.0]), torch.Tensor)).values
        tensor([1.0000, 0.2500])
        >>> balancer(Evidence(("a", "b"), torch.tensor([1.0, 1.0]), torch.Tensor)).values  # b fell
        tensor([1.6000, 0.4000])
    """

    needs = "losses"
    preference: Tensor
    nadir: Tensor
    n_seen: Tensor

    def __init__(
        self,
        names: Sequence[str],
        *,
        smoothing: float = 1.0,
        warm_up: int = 100,
        preference: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, "STCH")
        given = dict(preference or {})
        problems = [
            *([] if smoothing > 0 else [f"`smoothing` must be above 0, got {smoothing}"]),
            *([] if warm_up >= 1 else [f"`warm_up` must be at least 1 step, got {warm_up}"]),
            *(f"`preference` of {n} must be above 0, got {p}" for n, p in given.items() if not p > 0),
        ]
        if problems:
            raise InputError("STCH: " + "; ".join(problems) + ".")
        self._smoothing, self._warm_up = smoothing, warm_up
        self.register_buffer("preference", torch.ones(len(self._index)))  # [objective]
        self.register_buffer("nadir", torch.zeros(len(self._index)))
        self.register_buffer("n_seen", torch.zeros(len(self._index), dtype=torch.long))
        if given:
            self.preference[self._index.of(list(given))] = torch.tensor(list(given.values()))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: A loss is not positive.
        """
        places = self._index.of(evidence.names)
        losses = positive(evidence.losses, evidence.names, "STCH")
        warm = self.n_seen[places] >= self._warm_up
        values = 1 / losses
        if warm.any():
            preference = self.preference[places].to(losses)[warm]
            logarithms = losses[warm].log() - self.nadir[places].to(losses)[warm].log()
            shares = (preference * logarithms / self._smoothing).softmax(0)
            values[warm] *= len(shares) * preference * shares
        self._warm(places[~warm.to(places.device)], losses[~warm])
        return Weights(values=values)

    def _warm(self, places: Tensor, losses: Tensor) -> None:
        """Let the losses ``[present]`` of objectives in their warm-up into their running average."""
        self.n_seen[places] += 1
        self.nadir[places] += (losses.to(self.nadir) - self.nadir[places]) / self.n_seen[places]
