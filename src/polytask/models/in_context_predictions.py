r"""What a network answers of rows, task by task, by the known rows of each.

Classes that are a task's own come to the network at places, as they have no order. The places are given by
where the classes lie, not by their names, and the answers are averaged over several ways of giving them: so
other names, or another order of the known rows, change nothing.

References:
    Averages over permutations of the classes: Hollmann, Müller, Eggensperger, Hutter. TabPFN. ICLR 2023,
    arXiv:2207.01848, section 4. Places by where classes lie are ours.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, EpisodicLearner
from polytask.data.tables.target_column import TargetColumn
from polytask.models.in_context_config import PLACELESS, InContextConfig, numbers_of
from polytask.models.known_rows import KnownRows
from polytask.models.predictive import Predictive

__all__ = ["RowsPrediction", "predictions_of"]

_AT_ONCE = 4096  # rows to answer
_MOST_WAYS = 4  # of giving places to classes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowsPrediction:
    """What is said of some rows of one task.

    Args:
        rows: Their numbers, int64 ``[row]``.
        n_known: How many rows of the task were known.
        numbers: The distribution of each target of numbers.
        classes: The indices of the classes that were possible; empty for numbers, and for a task that has
            classes of its own of which none is known.
        log_p: The logarithm of the probability of each, float64 ``[row, class]``.
    """

    rows: Tensor
    n_known: int
    numbers: tuple[Predictive, ...] = ()
    classes: tuple[int, ...] = ()
    log_p: Tensor | None = None

    def log_density(self, targets: Sequence[TargetColumn], labels: np.ndarray) -> np.ndarray:
        """Return the joint log density of the labels of numbers, in units of the columns, ``[row]``.

        Args:
            targets: The columns.
            labels: In their units, float64 ``[row, target]``; NaN where there is none.
        """
        found = [
            density_in_units(one, target, labels[:, index])
            for index, (one, target) in enumerate(zip(self.numbers, targets, strict=True))
        ]
        return np.sum(found, axis=0)

    def log_probability(self, codes: Tensor) -> Tensor:
        """Return the log probability of classes by index ``[row]``; minus infinity for impossible ones."""
        found = torch.full((len(codes),), -math.inf, dtype=torch.float64)
        for place, code in enumerate(self.classes):
            if self.log_p is not None:
                found = torch.where(codes == code, self.log_p[:, place], found)
        return found

    def decided(self) -> Tensor:
        """Return the index of the most probable class, int64 ``[row]``; -1 where none was possible."""
        if self.log_p is None or not self.classes:
            return torch.full((len(self.rows),), -1)
        return torch.tensor(self.classes)[self.log_p.argmax(1)]


def density_in_units(found: Predictive, target: TargetColumn, labels: np.ndarray) -> np.ndarray:
    """Return the log density of labels in units of the column, ``[row]``, NaN where there is no label."""
    standardized, slope = target.standardized(labels)
    return found.log_density(torch.from_numpy(np.nan_to_num(standardized))).numpy() - slope


def predictions_of(
    learner: EpisodicLearner, config: InContextConfig, known: KnownRows, inputs: Tensor, code: Tensor
) -> Iterator[RowsPrediction]:
    """Answer encoded rows, part by part.

    Args:
        learner: The network.
        config: How it was built.
        known: What it may read.
        inputs: The rows, ``[row, feature]``.
        code: The number of each row's task, int64 ``[row]``; -1 where it is not known.
    """
    known_rows = known.by_task()
    asked = KnownRows(inputs=inputs, labels=torch.zeros(len(code), 1), task=code + 1).by_task()
    for number, rows in asked.items():
        of_task = known_rows.get(number - 1)
        with torch.inference_mode():
            reading = _Reading(learner, config, None if of_task is None else known.only(of_task))
            for some in rows.split(_AT_ONCE):
                yield reading.predicted(some, inputs[some])


class _Reading:
    """The known rows of one task, read once."""

    def __init__(self, learner: EpisodicLearner, config: InContextConfig, known: KnownRows | None) -> None:
        self.learner = learner
        self.task = config.question
        self.n_known = 0 if known is None else len(known)
        self.classes: tuple[int, ...] = tuple(range(config.n_classes))
        if known is None:
            known = KnownRows(
                inputs=torch.zeros(1, config.n_inputs),
                labels=torch.zeros(1, config.n_outputs),
                task=torch.zeros(1, dtype=torch.int64),
            )
        labels = known.labels if config.n_outputs > 1 else known.labels[:, 0]
        if not config.own_classes:
            self.states = [self._state(known.inputs, labels.long() if config.n_classes else labels)]
            self.places = [torch.arange(config.n_classes)]
            return
        self.classes, ranks = _ranked(known) if self.n_known else ((), torch.zeros(0, dtype=torch.int64))
        most_ways = 1 if config.learner in PLACELESS else _MOST_WAYS
        ways = min(config.n_classes, most_ways) if self.n_known else 0
        turns = [round(way * config.n_classes / ways) for way in range(ways)]
        self.places = [(torch.arange(len(self.classes)) + turn) % config.n_classes for turn in turns]
        self.states = [self._state(known.inputs, places[ranks]) for places in self.places]

    def _state(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Read rows; where none is known, one that does not count."""
        there = torch.full((len(labels),), self.n_known > 0)
        support = Batch(inputs=inputs, targets={"y": labels}, masks={"y": there})
        return self.learner.learn([self.task], support)["y"]

    def predicted(self, rows: Tensor, inputs: Tensor) -> RowsPrediction:
        """Answer rows ``[row, feature]`` by their numbers."""
        if self.task.kind == "regression":
            found = numbers_of(self.learner, self.task, self.states[0], inputs)
            return RowsPrediction(rows=rows, n_known=self.n_known, numbers=found)
        if not self.classes:
            return RowsPrediction(rows=rows, n_known=0)
        ways = []
        for state, places in zip(self.states, self.places, strict=True):
            logits = self.learner.predict({"y": state}, [self.task], inputs)["y"].double()
            ways.append(logits[:, places].log_softmax(1))
        log_p = torch.stack(ways).logsumexp(0) - math.log(len(ways))
        return RowsPrediction(rows=rows, n_known=self.n_known, classes=self.classes, log_p=log_p)


def _ranked(known: KnownRows) -> tuple[tuple[int, ...], Tensor]:
    """Order the classes of a task by where they lie; return their indices, and the rank of each row's class.

    By the means of their rows, number by number; where these are equal, by how many rows there are.
    """
    codes, of_row, counts = known.labels[:, 0].long().unique(return_inverse=True, return_counts=True)
    sums = torch.zeros(len(codes), known.inputs.shape[1], dtype=torch.float64)
    sums.index_add_(0, of_row, known.inputs.double())
    means = (
        torch.cat([sums / counts[:, None], counts[:, None]], 1).numpy().round(6)
    )  # the order of sums is lost
    order = np.lexsort(means.T[::-1])
    ranks = torch.empty(len(codes), dtype=torch.int64)
    ranks[torch.from_numpy(order.copy())] = torch.arange(len(codes))
    return tuple(codes[torch.from_numpy(order.copy())].tolist()), ranks[of_row]
