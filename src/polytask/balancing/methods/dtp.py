"""Dynamic task prioritization: more weight to the tasks that are still hard."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Weights, catalogued
from polytask.balancing.evidence import Evidence
from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.balancing.state.positive import positive
from polytask.core import InputError

__all__ = ["DTP"]

_MARGIN = 1e-6
"""How near the indicators may come to 0 and 1, where the weight would be infinite or nothing."""


@catalogued("dtp", "Guo et al., ECCV 2018")
class DTP(Balancer):
    r"""Weigh each objective by the focal loss of how well it is done.

    .. math:: w_t = T \, \frac{f(\bar\kappa_t)}{\sum_s f(\bar\kappa_s)}, \qquad
        f(\kappa) = -(1 - \kappa)^\gamma \log \kappa, \qquad
        \bar\kappa_t \leftarrow \alpha \kappa_t + (1 - \alpha) \bar\kappa_t

    where :math:`\kappa_t` in [0, 1] says how well the task is done, for example its accuracy. Tell it by
    `report`, whenever you have measured it; an objective for which nothing was reported yet is judged by
    :math:`e^{-L_t}` in each of its steps, the average probability of the right class where the loss is a
    cross-entropy. Absent objectives keep their :math:`\bar\kappa_t`, and :math:`T` counts those present.

    Args:
        names: The names of all objectives that may occur.
        focus: :math:`\gamma`, at least 0; the larger, the less the easy tasks weigh.
        smoothing: :math:`\alpha`, above 0 and at most 1; 1 looks at the last measurement alone.

    Raises:
        InputError: An argument does not fit.

    When to use:
        Where a metric between 0 and 1 tells which tasks are hard, so that these get the weight.
        Tasks that cannot be learned stay hard and keep it.

    References:
        Michelle Guo, Albert Haque, De-An Huang, Serena Yeung, Li Fei-Fei, "Dynamic Task Prioritization for
        Multitask Learning", ECCV 2018. Deviations: tasks alone are prioritized, not examples; the weights are
        scaled to sum to :math:`T`, so that the step does not shrink as the tasks get easy; the indicators are
        kept 1e-6 away from 0 and 1; the defaults are ours; private parameters get their unweighted gradient,
        as everywhere here.

    Example:
        >>> balancer = DTP(["a", "b"])
        >>> balancer.report("a", 0.9)
        >>> balancer.report("b", 0.5)
        >>> balancer(Evidence(("a", "b"), torch.ones(2), torch.Tensor)).values
        tensor([0.0590, 1.9410])
    """

    needs = "losses"
    indicator: Tensor
    seen: Tensor
    reported: Tensor

    def __init__(self, names: Sequence[str], *, focus: float = 1.0, smoothing: float = 0.1) -> None:
        super().__init__()
        if not focus >= 0 or not 0 < smoothing <= 1:
            raise InputError(f"DTP needs `focus` >= 0 and 0 < `smoothing` <= 1, got {focus} and {smoothing}.")
        self._index = ObjectiveIndex(names, "DTP")
        self._focus, self._smoothing = focus, smoothing
        self.register_buffer("indicator", torch.zeros(len(self._index)))  # kappa, averaged, [objective]
        self.register_buffer("seen", torch.zeros(len(self._index), dtype=torch.bool))
        self.register_buffer("reported", torch.zeros(len(self._index), dtype=torch.bool))

    def report(self, name: str, kpi: float) -> None:
        """Tell how well an objective is done now; from then on, its loss is not looked at.

        Args:
            name: The objective.
            kpi: From 0, not at all, to 1, perfectly. Across processes, report the same on all.

        Raises:
            InputError: The objective was not named at construction, or the number does not fit.
        """
        place = self._index.of([name])
        if not 0 <= kpi <= 1:
            raise InputError(
                f"The KPI of {name} must be from 0 to 1, got {kpi}; scale it, e.g. `kpi / best`."
            )
        if not self.reported[place]:
            self.seen[place] = False  # forget what the losses said
        self.reported[place] = True
        self._note(place, torch.full_like(self.indicator[place], kpi))

    def forward(self, evidence: Evidence) -> Weights:
        """See `Balancer.forward`.

        Raises:
            InputError: An objective was not named at construction.
            TrainingError: The loss of an objective for which nothing was reported is negative.
        """
        places = self._index.of(evidence.names)
        silent = ~self.reported[places]
        names = [name for name, each in zip(evidence.names, silent.tolist()) if each]
        losses = positive(evidence.losses[silent], names, "DTP", or_zero=True)
        self._note(places[silent.to(places.device)], torch.exp(-losses).to(self.indicator))
        indicator = self.indicator[places].clamp(_MARGIN, 1 - _MARGIN)
        priority = -((1 - indicator) ** self._focus) * indicator.log()
        return Weights(values=(len(places) * priority / priority.sum()).to(evidence.losses))

    def _note(self, places: Tensor, indicator: Tensor) -> None:
        before = torch.where(self.seen[places], self.indicator[places], indicator)
        self.indicator[places] = torch.lerp(before, indicator, self._smoothing)
        self.seen[places] = True
