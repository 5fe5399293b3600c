"""The simplest model of tasks: each has its own level, and nothing else tells them apart."""

from dataclasses import dataclass

import numpy as np

__all__ = ["LevelPrior"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPrior:
    r"""Tasks that differ by their levels alone, without any feature: the baseline of learners of tasks.

    .. math:: y_{ti} = \mu + a_t + e_{ti}, \qquad a_t \sim N(0, \tau^2), \quad e_{ti} \sim N(0, \sigma^2)

    Args:
        mean: :math:`\mu`.
        between: :math:`\tau^2`.
        within: :math:`\sigma^2`.

    References:
        Searle, Casella, McCulloch, "Variance Components", 1992, section 3.6: the analysis of variance.
    """

    mean: float
    between: float
    within: float

    @classmethod
    def of(cls, labels: np.ndarray, task: np.ndarray) -> "LevelPrior":
        """Estimate it from labels and the task of each.

        Example:
            >>> prior = LevelPrior.of(np.array([0.0, 2.0, 10.0, 12.0]), np.array([0, 0, 1, 1]))
            >>> prior.mean, round(prior.within, 3), round(prior.between, 3)
            (6.0, 2.0, 49.0)
        """
        number = np.unique(task, return_inverse=True)[1]
        counts = np.bincount(number)
        means = np.bincount(number, weights=labels) / counts
        inside = ((labels - means[number]) ** 2).sum() / max(len(labels) - len(counts), 1)
        mean = float(means.mean())
        sizes = (len(labels) - (counts**2).sum() / len(labels)) / max(len(counts) - 1, 1)
        outside = (counts * (means - labels.mean()) ** 2).sum() / max(len(counts) - 1, 1)
        least = 1e-12 + 1e-6 * float(labels.var())
        between = max((outside - inside) / sizes, 0.0) if sizes > 0 else 0.0
        return cls(mean=mean, between=float(between) + least, within=float(inside) + least)

    def predictions(
        self, known: np.ndarray, of_known: np.ndarray, of_asked: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance for rows of tasks, by known labels.

        Args:
            known: Known labels.
            of_known: The task of each.
            of_asked: The task of each row to answer.
        """
        n_tasks = int(max(of_known.max(initial=0), of_asked.max(initial=0))) + 1
        counts = np.bincount(of_known, minlength=n_tasks)
        sums = np.bincount(of_known, weights=known - self.mean, minlength=n_tasks)
        precision = 1 / self.between + counts / self.within
        place = self.mean + sums / self.within / precision
        return place[of_asked], (1 / precision + self.within)[of_asked]
