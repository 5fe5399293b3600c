"""The distribution of a number that a network answers with, in standard deviations of the training labels."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.data.tables.target_column import TargetColumn
from polytask.meta.model.bar_distribution import BarDistribution
from polytask.meta.model.gaussian import Gaussian
from polytask.models.target_units import ends
from polytask.models.task_predictions import AskedOfNumbers
from polytask.models.task_spread import TaskSpread

__all__ = ["BarPredictive", "GaussianPredictive", "Predictive", "told_of"]

_SURE = 1e-12  # the share outside the widest interval


class Predictive(ABC):
    """Distributions of the labels of some rows; all results are float64 ``[row]``."""

    @abstractmethod
    def mean(self) -> Tensor:
        """Return the means."""

    @abstractmethod
    def deviation(self) -> Tensor:
        """Return the standard deviations."""

    @abstractmethod
    def log_density(self, labels: Tensor) -> Tensor:
        """Return the log density at labels ``[row]``, in nats."""

    @abstractmethod
    def below(self, labels: Tensor) -> Tensor:
        """Return the probability below labels ``[row]``."""

    @abstractmethod
    def quantile(self, probability: Tensor) -> Tensor:
        """Return the values below which these probabilities lie, each in (0, 1), ``[row]``."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianPredictive(Predictive):
    """Normal distributions of an output, as neural processes answer.

    Args:
        found: Of all outputs.
        output: Which one.

    Example:
        >>> found = GaussianPredictive(Gaussian(mean=torch.zeros(1, 1), std=torch.ones(1, 1)))
        >>> found.below(torch.zeros(1)).tolist()
        [0.5]
    """

    found: Gaussian
    output: int = 0

    def mean(self) -> Tensor:
        """See `Predictive.mean`."""
        return self.found.mean[:, self.output].double()

    def deviation(self) -> Tensor:
        """See `Predictive.deviation`."""
        return self.found.std[:, self.output].double()

    def log_density(self, labels: Tensor) -> Tensor:
        """See `Predictive.log_density`."""
        exact = Gaussian(mean=self.mean()[:, None], std=self.deviation()[:, None])
        return exact.log_density(labels.double()[:, None])[:, 0]

    def below(self, labels: Tensor) -> Tensor:
        """See `Predictive.below`."""
        return torch.special.ndtr((labels.double() - self.mean()) / self.deviation())

    def quantile(self, probability: Tensor) -> Tensor:
        """See `Predictive.quantile`."""
        return self.mean() + self.deviation() * torch.special.ndtri(probability.double())


@dataclass(frozen=True, slots=True, eq=False)
class BarPredictive(Predictive):
    """Histograms with tails, as prior-fitted networks answer; see `BarDistribution`."""

    found: BarDistribution

    def mean(self) -> Tensor:
        """See `Predictive.mean`."""
        return self._exact().mean()

    def deviation(self) -> Tensor:
        """See `Predictive.deviation`."""
        return self._exact().variance().sqrt()

    def log_density(self, labels: Tensor) -> Tensor:
        """See `Predictive.log_density`."""
        return self._exact().log_density(labels.double())

    def below(self, labels: Tensor) -> Tensor:
        """See `Predictive.below`."""
        return self._exact().cdf(labels.double())

    def quantile(self, probability: Tensor) -> Tensor:
        """See `Predictive.quantile`."""
        exact = self._exact()
        answers = probability.new_empty(len(probability), dtype=torch.float64)
        for value in probability.unique().tolist():  # few: one for each number of known rows
            rows = probability == value
            part = BarDistribution(borders=exact.borders, logits=exact.logits[rows])
            answers[rows] = part.quantile(min(max(value, 1e-12), 1 - 1e-12))
        return answers

    def _exact(self) -> BarDistribution:
        return BarDistribution(borders=self.found.borders.double(), logits=self.found.logits.double())


def told_of(
    predicted: Predictive,
    target: TargetColumn,
    asked: AskedOfNumbers,
    *,
    spread: TaskSpread | None,
    n_known: int,
) -> dict[str, np.ndarray]:
    """Return mean and, as asked, standard deviation and intervals in units of the column, by suffix.

    Args:
        predicted: Distributions of some rows of one task.
        target: Of which number.
        asked: What is asked beside the mean.
        spread: Which levels of intervals hold which shares; None for what the distribution says.
        n_known: How many rows of the task are known.
    """
    mean = predicted.mean()
    columns = {"": target.units(mean).numpy()}
    if asked.deviation:
        low, high = ends(target, mean, predicted.deviation())
        columns["sd"] = (high - low) / 2
    if asked.intervals is not None:
        level = asked.intervals
        if spread is not None:
            level = float(spread.radius(torch.tensor([n_known]), asked.intervals))
        outside = max((1 - level) / 2, _SURE)
        for suffix, share in (("low", outside), ("high", 1 - outside)):
            end = predicted.quantile(torch.full((len(mean),), share, dtype=torch.float64))
            columns[suffix] = target.units(end).numpy()
    return columns
