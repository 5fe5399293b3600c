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
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, EpisodicLearner, Task
from polytask.data.tables.target_column import TargetColumn
from polytask.models.in_context_config import PLACELESS, InContextConfig, numbers_of, tensors_of
from polytask.models.known_rows import KnownRows
from polytask.models.predictive import Predictive

__all__ = ["RowsPrediction", "predictions_of", "predictions_together"]

_AT_ONCE = 4096  # rows to answer
_MOST_WAYS = 4  # of giving places to classes
_MOST_TOGETHER = 1024  # rows to answer of a task that is answered beside others


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RowsPrediction:
    """What is said of some rows of one task, or of all tasks of which no row is known.

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
    known_rows, asked = _by_task(known, code)
    for number, rows in asked.items():
        of_task = known_rows.get(number)
        with torch.inference_mode():
            reading = _Reading(learner, _Given(config, None if of_task is None else known.only(of_task)))
            for some in rows.split(_AT_ONCE):
                yield reading.predicted(some, inputs[some])


def predictions_together(
    learner: EpisodicLearner, config: InContextConfig, known: KnownRows, inputs: Tensor, code: Tensor
) -> Iterator[RowsPrediction]:
    """Answer encoded rows as `predictions_of` does, but for rounding: tasks with as many known rows at once.

    Many small tasks are answered much sooner. The last digits of an answer depend on which other tasks are
    asked about.
    """
    known_rows, asked = _by_task(known, code)
    alike: dict[int, list[int]] = {}
    for number in sorted(asked, key=lambda number: len(asked[number])):
        if number in known_rows and len(asked[number]) <= _MOST_TOGETHER:
            alike.setdefault(len(known_rows[number]), []).append(number)
    for n_known, numbers in alike.items():
        most = len(asked[numbers[-1]])  # the others are filled up to it
        n_tasks = max(1, _AT_ONCE // (n_known + most))
        for start in range(0, len(numbers), n_tasks):
            some = numbers[start : start + n_tasks]
            given = [_Given(config, known.only(known_rows[number])) for number in some]
            with torch.inference_mode():
                yield from _answered_together(learner, given, [asked.pop(number) for number in some], inputs)
    if asked:
        rest = torch.cat(list(asked.values()))
        for answers in predictions_of(learner, config, known, inputs[rest], code[rest]):
            yield replace(answers, rows=rest[answers.rows])


def _by_task(known: KnownRows, code: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """Return the numbers of the known rows, and of the rows to answer, by task; -1: nothing is known."""
    code = torch.where(torch.isin(code, known.task), code, -1)
    asked = KnownRows(inputs=torch.zeros(len(code), 1), labels=torch.zeros(len(code), 1), task=code + 1)
    return known.by_task(), {number - 1: rows for number, rows in asked.by_task().items()}


def _answered_together(
    learner: EpisodicLearner, given: Sequence["_Given"], asked: Sequence[Tensor], inputs: Tensor
) -> Iterator[RowsPrediction]:
    """Answer rows of several tasks, of each of which as many are known."""
    task = given[0].task
    ways = range(len(given[0].labels))

    def answered(inputs: Tensor, labels: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
        return tensors_of(learner, task, _learned(learner, task, inputs, labels, known=True), rows)

    most = max(len(rows) for rows in asked)
    filled = torch.stack([torch.cat([rows, rows[:1].expand(most - len(rows))]) for rows in asked])
    found = torch.vmap(answered)(
        torch.stack([one.inputs for one in given for _ in ways]),
        torch.stack([one.labels[way] for one in given for way in ways]),
        inputs[filled].repeat_interleave(len(ways), 0),
    )
    for index, (one, rows) in enumerate(zip(given, asked, strict=True)):
        of_task = [
            tuple(part[index * len(ways) + way, : len(rows)] for part in found) for way in ways
        ]  # by way
        yield one.told(learner, rows, of_task)


def _learned(
    learner: EpisodicLearner, task: Task, inputs: Tensor, labels: Tensor, *, known: bool
) -> dict[str, Tensor]:
    """Read rows; where none is known, one that does not count."""
    support = Batch(inputs=inputs, targets={"y": labels}, masks={"y": torch.full((len(labels),), known)})
    return learner.learn([task], support)["y"]


class _Given:
    """The known rows of one task as they come to the network, in each way of giving places to classes."""

    def __init__(self, config: InContextConfig, known: KnownRows | None) -> None:
        self.task = config.question
        self.n_known = 0 if known is None else len(known)
        self.classes: tuple[int, ...] = tuple(range(config.n_classes))
        if known is None:
            known = KnownRows(
                inputs=torch.zeros(1, config.n_inputs),
                labels=torch.zeros(1, config.n_outputs),
                task=torch.zeros(1, dtype=torch.int64),
            )
        self.inputs = known.inputs
        labels = known.labels if config.n_outputs > 1 else known.labels[:, 0]
        if not config.own_classes:
            self.labels = [labels.long() if config.n_classes else labels]
            self.places = [torch.arange(config.n_classes)]
            return
        self.classes, ranks = _ranked(known) if self.n_known else ((), torch.zeros(0, dtype=torch.int64))
        most_ways = 1 if config.learner in PLACELESS else _MOST_WAYS
        ways = min(config.n_classes, most_ways) if self.n_known else 0
        turns = [round(way * config.n_classes / ways) for way in range(ways)]
        self.places = [(torch.arange(len(self.classes)) + turn) % config.n_classes for turn in turns]
        self.labels = [places[ranks] for places in self.places]

    def told(
        self, learner: EpisodicLearner, rows: Tensor, found: Sequence[tuple[Tensor, ...]]
    ) -> RowsPrediction:
        """Return what the network's tensors, in each way, say of rows by their numbers."""
        if self.task.kind == "regression":
            numbers = numbers_of(learner, self.task, found[0])
            return RowsPrediction(rows=rows, n_known=self.n_known, numbers=numbers)
        if not self.classes:
            return RowsPrediction(rows=rows, n_known=0)
        ways = [
            logits.double()[:, places].log_softmax(1)
            for (logits,), places in zip(found, self.places, strict=True)
        ]
        log_p = torch.stack(ways).logsumexp(0) - math.log(len(ways))
        return RowsPrediction(rows=rows, n_known=self.n_known, classes=self.classes, log_p=log_p)


class _Reading:
    """The known rows of one task, read once."""

    def __init__(self, learner: EpisodicLearner, given: _Given) -> None:
        self.learner, self.given = learner, given
        there = given.n_known > 0
        self.states = [
            _learned(learner, given.task, given.inputs, labels, known=there) for labels in given.labels
        ]

    def predicted(self, rows: Tensor, inputs: Tensor) -> RowsPrediction:
        """Answer rows ``[row, feature]`` by their numbers."""
        found = [tensors_of(self.learner, self.given.task, state, inputs) for state in self.states]
        return self.given.told(self.learner, rows, found)


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
