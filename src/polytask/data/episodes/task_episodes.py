"""Few-shot episodes from tasks that each have examples of their own, such as schools or patients."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, DataError, Episode, Task
from polytask.core.batch import map_inputs
from polytask.core.random import numpy_generator
from polytask.core.settings import SettingsCheck
from polytask.data.source import Source
from polytask.data.tables.problems import examples as listed

__all__ = ["TaskEpisodes", "tasks_by_group", "tasks_by_target"]


class TaskEpisodes(Source):
    """An episode is one of many tasks of a kind: some of its labelled rows are the support, others the query.

    Every task is asked by one name, as a learner that adapts does not look tasks up. Regression, binary,
    multiclass and multilabel tasks alike.

    Args:
        task: What is asked of every task's inputs.
        examples: By task, its labelled rows; see `tasks_by_group` and `tasks_by_target`.
        n_support: Rows to learn from: a number, or the fewest and the most, drawn by step.
        n_query: Rows to predict; a task with fewer left gives those.
        n_episodes: Episodes per step, tasks drawn without replacement as far as there are enough.
        seed: Decides every step.

    Raises:
        DataError: A number is out of range, or a task has too few rows: fewer than ``n_support`` + 1.

    Example:
        >>> rows = Batch(inputs=torch.rand(60, 3), targets={"score": torch.rand(60)})
        >>> schools = torch.arange(60) % 4
        >>> task = Task(name="score", kind="regression")
        >>> source = TaskEpisodes(task, tasks_by_group(rows, schools), n_support=5, n_query=8, n_episodes=2)
        >>> [(len(e.support), len(e.query)) for e in source.step(0)]
        [(5, 8), (5, 8)]
    """

    def __init__(
        self,
        task: Task,
        examples: Mapping[str, Batch],
        *,
        n_support: int | tuple[int, int],
        n_query: int = 15,
        n_episodes: int = 1,
        seed: int = 0,
    ) -> None:
        low, high = (n_support, n_support) if isinstance(n_support, int) else n_support
        problems = []
        if not 1 <= low <= high:
            problems.append(f"`n_support` must be 1 or more, or (fewest, most), got {n_support}")
        check = SettingsCheck()
        check.whole("n_query", n_query, least=1)
        check.whole("n_episodes", n_episodes, least=1)
        problems += check.problems
        if not examples:
            problems.append("`examples` is empty; give the rows of one task or more")
        without = [name for name, batch in examples.items() if task.name not in batch.targets]
        small = [name for name, batch in examples.items() if len(batch) < high + 1]
        if without:
            problems.append(f"{listed(without)} have no target {task.name!r}")
        if small:
            problems.append(
                f"{listed(small)} have fewer than {high + 1} rows; lower `n_support` or leave them out"
            )
        if problems:
            raise DataError("TaskEpisodes: " + "; ".join(problems) + ".")
        self.task = task
        self.tasks = (task,)
        self.examples = dict(examples)
        self.n_support = (low, high)
        self.n_query = n_query
        self.n_episodes = n_episodes
        self.seed = seed

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return ``n_episodes`` episodes; see `Source.step`."""
        draw = numpy_generator(self.seed, "step", index)
        n_support = int(draw.integers(self.n_support[0], self.n_support[1] + 1))
        names = list(self.examples)
        drawn: list[str] = []
        while len(drawn) < self.n_episodes:
            drawn += [names[index] for index in draw.permutation(len(names))]
        return tuple(self._episode(name, n_support, draw) for name in drawn[: self.n_episodes])

    def of(self, name: str, *, n_support: int, seed: int = 0, n_query: int | None = None) -> Episode:
        """Return an episode of one task, to evaluate; without ``n_query`` all other rows are the query."""
        draw = numpy_generator(self.seed, "of", name, seed)
        return self._episode(name, n_support, draw, len(self.examples[name]) if n_query is None else n_query)

    def _episode(
        self, name: str, n_support: int, draw: np.random.Generator, n_query: int | None = None
    ) -> Episode:
        rows = self.examples[name]
        order = torch.from_numpy(draw.permutation(len(rows)))
        end = n_support + (self.n_query if n_query is None else n_query)
        only = rows.only([self.task.name])
        return Episode(
            tasks=self.tasks, support=only.rows(order[:n_support]), query=only.rows(order[n_support:end])
        )


def tasks_by_group(batch: Batch, groups: Tensor | Sequence[object], *, least: int = 1) -> dict[str, Batch]:
    """Divide rows by a column that says to which task each belongs, such as a school or a patient.

    Args:
        batch: All rows.
        groups: The group of every row.
        least: Groups with fewer rows are left out.

    Raises:
        DataError: There is not one group a row.

    Example:
        >>> rows = Batch(inputs=torch.zeros(3, 1), targets={"y": torch.tensor([1.0, 2.0, 3.0])})
        >>> {name: part.targets["y"] for name, part in tasks_by_group(rows, ["a", "b", "a"]).items()}
        {'a': tensor([1., 3.]), 'b': tensor([2.])}
    """
    values = groups.tolist() if isinstance(groups, Tensor) else list(groups)
    if len(values) != len(batch):
        raise DataError(f"There are {len(batch)} rows but {len(values)} groups; give one group a row.")
    members: dict[str, list[int]] = {}
    for row, value in enumerate(values):
        members.setdefault(str(value), []).append(row)
    return {name: batch.rows(torch.tensor(rows)) for name, rows in members.items() if len(rows) >= least}


def tasks_by_target(batch: Batch, *, name: str = "y", least: int = 1) -> dict[str, Batch]:
    """Make a task of every target: its labelled rows, with the target called by one name.

    Args:
        batch: Rows with several targets, missing labels masked.
        name: The name that every target gets.
        least: Targets with fewer labels are left out.

    Example:
        >>> rows = Batch(inputs=torch.zeros(3, 1), targets={"a": torch.ones(3), "b": torch.ones(3)},
        ...              masks={"b": torch.tensor([True, False, True])})
        >>> {name: len(part) for name, part in tasks_by_target(rows).items()}
        {'a': 3, 'b': 2}
    """
    found = {}
    for target, values in batch.targets.items():
        mask = batch.masks.get(target)
        known = torch.ones(len(batch), dtype=torch.bool) if mask is None else mask
        known = known if known.ndim == 1 else known.all(1)
        if int(known.sum()) >= least:
            inputs = map_inputs(lambda tensor, known=known: tensor[known], batch.inputs)
            found[target] = replace(batch, inputs=inputs, targets={name: values[known]}, masks={})
    return found
