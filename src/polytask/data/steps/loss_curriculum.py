"""A curriculum that asks most what has been learned least."""

from collections.abc import Mapping

import numpy as np

from polytask.core import InputError
from polytask.data.source import Source
from polytask.data.steps.source_curriculum import SourceCurriculum

__all__ = ["LossCurriculum"]


class LossCurriculum(SourceCurriculum):
    r"""Ask tasks more often whose losses have fallen less.

    .. math:: p_s = (1 - \varepsilon) \, \mathrm{softmax}_s(\bar L_s / \tau) + \varepsilon / m

    for :math:`m` sources, where :math:`\bar L_s` is the running mean of a source's losses relative to their
    first values, and 1 before its first turn. The rule is that of dynamic weight averaging in spirit, with
    frequencies in the place of weights; it is ours, and follows no paper.

    Args:
        sources: Where each task, or group of tasks, has its steps, by any name.
        temperature: :math:`\tau`, above 0; the larger, the more even the shares.
        smoothing: How much of the running mean is kept, in [0, 1).
        per_step: Sources in one step.
        exploration: :math:`\varepsilon`.
        seed: Decides whose turn it is.

    Raises:
        InputError: An argument does not fit.
        DataError: Two sources ask the same task.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> from polytask.data.steps.joint import JointSource
        >>> def of(name):
        ...     data = Batch(inputs=torch.zeros(8, 1), targets={name: torch.zeros(8)})
        ...     return JointSource([Task(name=name, kind="regression")], data, batch_size=4, seed=0)
        >>> curriculum = LossCurriculum({"a": of("a"), "b": of("b")}, per_step=2, smoothing=0.0)
        >>> curriculum.told(0, {"a": 2.0, "b": 5.0})
        >>> curriculum.told(1, {"a": 2.0, "b": 0.5})  # b has fallen to a tenth
        >>> curriculum.preferences().round(2)
        array([0.86, 0.14])
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        temperature: float = 0.5,
        smoothing: float = 0.9,
        per_step: int = 1,
        exploration: float = 0.05,
        seed: int = 0,
    ) -> None:
        if not temperature > 0 or not 0 <= smoothing < 1:
            raise InputError(
                "LossCurriculum needs a `temperature` above 0 and a `smoothing` in [0, 1), got "
                f"{temperature} and {smoothing}."
            )
        super().__init__(sources, per_step=per_step, exploration=exploration, seed=seed)
        self.temperature = temperature
        self.smoothing = smoothing
        self.statistics = {"relative loss": [1.0] * len(sources)}

    def preferences(self) -> np.ndarray:
        """See `SourceCurriculum.preferences`."""
        scores = np.array(self.statistics["relative loss"]) / self.temperature
        powers = np.exp(scores - scores.max())
        return powers / powers.sum()

    def update(self, losses: Mapping[int, float]) -> None:
        """See `SourceCurriculum.update`."""
        mean = self.statistics["relative loss"]
        for index, loss in losses.items():
            mean[index] = self.smoothing * mean[index] + (1 - self.smoothing) * loss
