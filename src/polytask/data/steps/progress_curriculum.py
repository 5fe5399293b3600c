"""A curriculum that asks most where learning is fastest: a bandit for learning progress."""

from collections.abc import Mapping

import numpy as np

from polytask.core import InputError
from polytask.core.random import numpy_generator
from polytask.data.source import Source
from polytask.data.steps.source_curriculum import SourceCurriculum

__all__ = ["ProgressCurriculum"]

_RESERVOIR = 1000  # rewards from which the quantiles are taken


class ProgressCurriculum(SourceCurriculum):
    r"""Ask tasks more often whose losses fall faster, by the bandit Exp3.S.

    .. math::
        p_s &= (1 - \varepsilon) \, \mathrm{softmax}_s(w_s) + \varepsilon / m \\
        w_s &\leftarrow \log \Big( (1 - \alpha_t) e^{w_s + \eta \tilde r_s}
            + \frac{\alpha_t}{m - 1} \sum_{j \neq s} e^{w_j + \eta \tilde r_j} \Big), \qquad
        \tilde r_s = \frac{r_s [s \text{ was asked}] + \beta}{\pi_s}, \quad \alpha_t = 1 / t

    for :math:`m` sources; :math:`\pi_s` is the probability of the source to be in the step. The progress of a
    source is how much its loss has fallen since its last turn, and the reward :math:`r_s` is the progress
    scaled linearly so that the 20 % and 80 % quantiles of all progress so far become -1 and 1, and clipped
    there. Where nothing stands between the quantiles, the reward is 0. The first update of the weights has
    :math:`t = 2`.

    Args:
        sources: Where each task, or group of tasks, has its steps, by any name.
        rate: :math:`\eta`, above 0.
        bonus: :math:`\beta`, at least 0.
        per_step: Sources in one step.
        exploration: :math:`\varepsilon`.
        seed: Decides whose turn it is.

    Raises:
        InputError: An argument does not fit.
        DataError: Two sources ask the same task.

    References:
        Alex Graves, Marc G. Bellemare, Jacob Menick, Rémi Munos, Koray Kavukcuoglu, "Automated Curriculum
        Learning for Neural Networks", ICML 2017, arXiv:1704.03003.
        Deviations: their progress is measured on one batch before and after its update, or on a second batch
        of the task, each at the cost of one more forward pass; here it is the fall of the training loss from
        one turn to the next, relative to the task's first loss, and free. It is not divided by the time a
        step takes. Several sources a step each have their reward, divided by the probability of being in it.
        Weights are shifted to a greatest value of 0, which changes no probability.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> from polytask.data.steps.joint import JointSource
        >>> def of(name):
        ...     data = Batch(inputs=torch.zeros(8, 1), targets={name: torch.zeros(8)})
        ...     return JointSource([Task(name=name, kind="regression")], data, batch_size=4, seed=0)
        >>> curriculum = ProgressCurriculum({"a": of("a"), "b": of("b")}, per_step=2, rate=0.1)
        >>> for step in range(10):  # a is learned, b is not
        ...     curriculum.told(step, {"a": 2.0 - 0.1 * step, "b": 1.0})
        >>> bool(curriculum.preferences()[0] > 0.6)
        True
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        rate: float = 1e-3,
        bonus: float = 0.0,
        per_step: int = 1,
        exploration: float = 0.05,
        seed: int = 0,
    ) -> None:
        if not rate > 0 or not bonus >= 0:
            raise InputError(
                "ProgressCurriculum needs a `rate` above 0 and a `bonus` of 0 or more, got "
                f"{rate} and {bonus}."
            )
        super().__init__(sources, per_step=per_step, exploration=exploration, seed=seed)
        self.rate = rate
        self.bonus = bonus
        self.statistics = {
            "weight": [0.0] * len(sources),
            "last loss": [float("nan")] * len(sources),
            "progress": [],
            "counts": [0.0, 0.0],  # measurements of progress, updates of the weights
        }

    def preferences(self) -> np.ndarray:
        """See `SourceCurriculum.preferences`."""
        powers = np.exp(np.array(self.statistics["weight"]))
        return powers / powers.sum()

    def update(self, losses: Mapping[int, float]) -> None:
        """See `SourceCurriculum.update`."""
        last = self.statistics["last loss"]
        progress = {index: last[index] - loss for index, loss in losses.items() if not np.isnan(last[index])}
        for index, loss in losses.items():
            last[index] = loss
        if not progress:
            return
        chances = self.chances()  # before this step changes them
        for value in progress.values():
            self._keep(value)
        estimates = np.full(len(self.sources), self.bonus) / chances  # [source]
        for index, value in progress.items():
            estimates[index] = (self._reward(value) + self.bonus) / chances[index]
        self._update(estimates)

    def _keep(self, progress: float) -> None:
        """Put a measurement into the reservoir, a uniform sample of all there were."""
        kept, counts = self.statistics["progress"], self.statistics["counts"]
        counts[0] += 1
        if len(kept) < _RESERVOIR:
            kept.append(progress)
            return
        index = int(numpy_generator(self.seed, "reservoir", int(counts[0])).integers(int(counts[0])))
        if index < _RESERVOIR:
            kept[index] = progress

    def _reward(self, progress: float) -> float:
        low, high = np.quantile(self.statistics["progress"], [0.2, 0.8]).tolist()
        return min(max(2 * (progress - low) / (high - low) - 1, -1.0), 1.0) if high > low else 0.0

    def _update(self, estimates: np.ndarray) -> None:
        counts = self.statistics["counts"]
        counts[1] += 1
        n_sources = len(self.sources)
        scores = np.array(self.statistics["weight"]) + self.rate * estimates
        powers = np.exp(scores - scores.max())  # [source]; a common factor changes nothing
        mixed = 1 / (counts[1] + 1) if n_sources > 1 else 0.0
        others = (powers.sum() - powers) / max(n_sources - 1, 1)
        weights = np.log(np.maximum((1 - mixed) * powers + mixed * others, np.finfo(float).tiny))
        self.statistics["weight"] = (weights - weights.max()).tolist()
