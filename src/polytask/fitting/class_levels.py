"""The simplest model of tasks of classes: each has its own shares of them, and features tell nothing."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

__all__ = ["ClassLevels"]

_STRENGTHS = np.geomspace(0.25, 1000.0, 25)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLevels:
    r"""Tasks that differ by the shares of their classes alone: the baseline of learners of tasks of classes.

    The shares of a task are drawn from a Dirichlet distribution, whose mean :math:`m` is that of all tasks:

    .. math:: p(y = c \mid n) = \frac{n_c + a m_c}{\sum_k n_k + a}

    Where each task has classes of its own, only those that are known count, and :math:`m` is even.

    Args:
        mean: :math:`m`, ``[class]``; None where tasks have classes of their own.
        strength: :math:`a`, of a few the one whose likelihood is highest.

    References:
        Minka, "Estimating a Dirichlet distribution", 2000, equation 53: the likelihood of counts.
    """

    mean: np.ndarray | None
    strength: float

    @classmethod
    def of(cls, codes: np.ndarray, task: np.ndarray, n_classes: int, *, own: bool = False) -> "ClassLevels":
        """Estimate it from the classes of rows and the task of each.

        Example:
            >>> levels = ClassLevels.of(np.array([0, 0, 1, 1, 1, 1, 0, 0]), np.repeat([0, 1, 2, 3], 2), 2)
            >>> levels.mean.tolist(), levels.strength  # of one class each: what is known says all
            ([0.5, 0.5], 0.25)
        """
        number = np.unique(task, return_inverse=True)[1]
        counts = np.zeros((number.max() + 1, n_classes))
        np.add.at(counts, (number, codes), 1.0)
        sizes = counts.sum(1, keepdims=True)
        mean = (counts / sizes).mean(0)
        there = counts > 0
        of_task = (
            np.where(there, 1 / there.sum(1, keepdims=True), 0.0)
            if own
            else np.broadcast_to(mean, counts.shape)
        )
        likelihood = [_likelihood(counts, strength * of_task) for strength in _STRENGTHS]
        strength = float(_STRENGTHS[int(np.argmax(likelihood))])
        return cls(mean=None if own else mean, strength=strength)

    def log_probabilities(
        self, known: np.ndarray, of_known: np.ndarray, of_asked: np.ndarray, n_classes: int
    ) -> np.ndarray:
        """Return the log probability of each class for rows of tasks, ``[row, class]``.

        Args:
            known: The classes of known rows.
            of_known: The task of each.
            of_asked: The task of each row to answer.
            n_classes: How many there are in all.
        """
        tasks, place = np.unique(of_asked, return_inverse=True)
        counts = np.zeros((len(tasks), n_classes))
        at = np.searchsorted(tasks, of_known).clip(max=max(len(tasks) - 1, 0))
        ours = tasks[at] == of_known if len(tasks) else np.zeros(len(of_known), dtype=bool)
        np.add.at(counts, (at[ours], known[ours]), 1.0)
        if self.mean is None:
            there = counts > 0
            mean = there / np.maximum(there.sum(1, keepdims=True), 1)
        else:
            mean = np.broadcast_to(self.mean, counts.shape)
        shares = (counts + self.strength * mean) / (counts.sum(1, keepdims=True) + self.strength)
        with np.errstate(divide="ignore"):
            return np.log(shares)[place]


def _likelihood(counts: np.ndarray, prior: np.ndarray) -> float:
    """Return the log likelihood of counts ``[task, class]`` where shares are Dirichlet distributed."""
    total = prior.sum(1)
    seen = np.where(prior > 0, gammaln(counts + prior + (prior <= 0)) - gammaln(prior + (prior <= 0)), 0.0)
    return float((gammaln(total) - gammaln(counts.sum(1) + total) + seen.sum(1)).sum())
