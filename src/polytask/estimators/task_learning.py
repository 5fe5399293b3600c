"""How tasks of a table are learned, as it was asked for, and what networks can answer of that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from polytask.core import DataError, InputError
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.data.tables.column import column_distinct, one_column
from polytask.data.tables.problems import examples
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_kinds import asked_as
from polytask.fitting.table_columns import Columns
from polytask.fitting.task_learner_table import (
    FEWEST_TASKS,
    ReadTargets,
    TaskLearnerTable,
    read_targets,
    read_task_table,
)
from polytask.models.in_context_config import (
    IN_CONTEXT_LEARNERS,
    MOST_CLASSES,
    OF_CLASSES,
    OF_NUMBERS,
    OF_ONE_INPUT,
    OF_ONE_NUMBER,
    OF_OWN_CLASSES,
    check_used,
)
from polytask.models.own_classes import own_classes_text

__all__ = ["TASK_LEARNERS", "TRIED", "TaskLearning", "task_learning"]

TASK_LEARNERS = ("auto", "mixed", *IN_CONTEXT_LEARNERS)
TRIED = ("mixed", "cnp", "tnp", "pfn")
"""By ``"auto"``, if they answer what is asked; the first that is not clearly behind the best is taken. Of
classes that are a task's own all of `OF_OWN_CLASSES`."""
_OF_NETWORKS: Mapping[str, Any] = {"steps": 400, "width": 64, "learning_rate": 1e-3, "episodes": 16}
"""What each setting of networks is, where it is left open."""
_MIXED_ALONE = (
    "{why}, so 'mixed' was taken and nothing was tried: networks of rows answer several numbers, or one "
    "column of up to {most} classes, of {tasks} tasks or more."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskLearning:
    """How tasks of a table are learned, as it was asked for.

    Args:
        columns: The roles of the columns, but for the task column.
        task_column: Tells the task of a row.
        learner: One of `TASK_LEARNERS`.
        steps: Training steps of a network; ``"mixed"`` has none, and none of the next three.
        width: Of its layers.
        learning_rate: Of AdamW.
        episodes: Of a step.
        seed: Decides everything random.
        progress: Show a line with phase and time left.
        typed: Which settings of networks were given.
        own_classes: Whether each task has classes of its own, whose names mean nothing to other tasks.
        most_classes: Of a task, for which networks are built; None for as many as there are, up to 10.
    """

    columns: Columns
    task_column: str
    learner: str
    steps: int
    width: int
    learning_rate: float
    episodes: int
    seed: int
    progress: bool
    typed: tuple[str, ...] = ()
    own_classes: bool = False
    most_classes: int | None = None

    def candidates(self, targets: Sequence[TargetColumn]) -> tuple[str, ...]:
        """Return the learners that are tried.

        Args:
            targets: What is predicted.

        Raises:
            DataError: The one that was named does not answer that.
        """
        kinds = {target.task.kind == "regression" for target in targets}
        numbers = kinds == {True}
        if self.learner != "auto":
            if self.learner != "mixed":
                _check_answers(self.learner, targets, own_classes=self.own_classes)
            return (self.learner,)
        if self.own_classes:
            return OF_OWN_CLASSES
        able = [
            name for name in IN_CONTEXT_LEARNERS if _answers(name, numbers=numbers, n_targets=len(targets))
        ]
        return tuple(name for name in TRIED if name == "mixed" or name in able)

    def read_targets(self, frame: pd.DataFrame) -> ReadTargets:
        """Read the targets of a table, once for all that asks for them.

        Raises:
            DataError: They cannot be read.
            InputError: They are numbers, and a number of classes was given.
        """
        read = read_targets(frame, self.columns, own_classes=self.own_classes)
        if self.most_classes is not None and all(one.task.kind == "regression" for one in read.targets):
            names = [one.task.name for one in read.targets]
            raise InputError(
                f"`most_classes` is for a target of classes, but {examples(names)} "
                f"{'holds' if len(names) == 1 else 'hold'} numbers. Leave it out."
            )
        return read

    def read(self, frame: pd.DataFrame, read: ReadTargets | None = None) -> TaskLearnerTable:
        """Read a table, as for `read_task_table`.

        Args:
            frame: The table.
            read: Its targets, as `read_targets` returns them, where they are at hand.

        Raises:
            DataError: The table cannot be used, or the learner that was named does not take what it holds.
        """
        read = self.read_targets(frame) if read is None else read
        self.candidates(read.targets)
        table = read_task_table(
            frame,
            self.columns,
            self.task_column,
            own_classes=self.own_classes,
            most_classes=self.most_classes,
            read=read,
        )
        encoder = table.reader.encoder
        if self.learner in OF_ONE_INPUT and encoder.n_features != 1:
            raise DataError(
                f"{self.learner!r} takes one feature that is a number and nowhere missing, but the table has "
                f"{examples(list(encoder.columns))}, read as {counted(encoder.n_features, 'number')}. `drop` "
                "the others, or choose another `learner`."
            )
        return table

    def needs_mixed(self, frame: pd.DataFrame, targets: Sequence[TargetColumn]) -> str | None:
        """Tell why nothing is tried; None where something is.

        Args:
            frame: The table.
            targets: What is predicted.

        Raises:
            InputError: Settings of networks were given.
        """
        if self.learner not in ("auto", "mixed") or self.own_classes:
            return None
        why = self._why_mixed(frame, targets)
        if why is not None and self.typed:
            names = ", ".join(f"`{name}`" for name in self.typed)
            raise InputError(
                f"{why}, so that 'mixed' alone is left to learn it, which has no {names}. Leave out what "
                "networks alone use."
            )
        return why

    def mixed_text(self, why: str) -> str:
        """Say that nothing was tried; ``why`` as `needs_mixed` tells it."""
        return _MIXED_ALONE.format(why=why, most=self._most, tasks=FEWEST_TASKS)

    @property
    def _most(self) -> int:
        return MOST_CLASSES if self.most_classes is None else self.most_classes

    def _why_mixed(self, frame: pd.DataFrame, targets: Sequence[TargetColumn]) -> str | None:
        numbers = [target.task.kind == "regression" for target in targets]
        if self.learner == "mixed":
            simple = len(targets) == 1 and all(numbers)
            return None if simple else "'mixed' was asked for"
        if len(targets) > 1 and not all(numbers):
            return "Numbers and classes, or several columns of classes, are asked for"
        for target in targets:
            if len(target.classes) > self._most:
                return f"Target {target.task.name!r} has {len(target.classes)} classes"
        n_tasks = self._n_tasks(frame, targets)
        if n_tasks is not None and n_tasks < FEWEST_TASKS:
            return f"{counted(n_tasks, 'task')} {'has' if n_tasks == 1 else 'have'} two rows with labels"
        return None

    def _n_tasks(self, frame: pd.DataFrame, targets: Sequence[TargetColumn]) -> int | None:
        """Count the tasks with two rows that have all labels; None where there is no column of tasks."""
        if self.task_column not in frame.columns:
            return None
        try:
            masks = [target.encode(one_column(frame, target.task.name))[1] for target in targets]
        except DataError:
            return None
        there = torch.stack(masks, 1).all(1).numpy()
        codes = column_distinct(one_column(frame, self.task_column))[0]
        return int((np.bincount(codes[there & (codes >= 0)]) > 1).sum())


def _answers(learner: str, *, numbers: bool, n_targets: int) -> bool:
    """Tell whether a network answers numbers, as many as there are targets, or else classes."""
    if not numbers:
        return learner in OF_CLASSES
    return learner in OF_NUMBERS and (n_targets == 1 or learner not in OF_ONE_NUMBER)


def _check_answers(learner: str, targets: Sequence[TargetColumn], *, own_classes: bool) -> None:
    """Refuse what a network does not answer.

    Raises:
        DataError: Classes, or several targets, are asked of one that does not answer them.
    """
    of_classes = [target.task.name for target in targets if target.task.kind != "regression"]
    others = [name for name in OF_NUMBERS if name not in OF_ONE_NUMBER]
    if of_classes and len(targets) > 1:
        raise DataError(
            f"{examples([target.task.name for target in targets])} are asked for together, and "
            f"{examples(of_classes)} {'holds' if len(of_classes) == 1 else 'hold'} classes: a network of "
            "rows answers several numbers, or one column of classes. Choose 'mixed' as `learner`, or learn a "
            "model for each."
        )
    if learner not in OF_NUMBERS and not own_classes:
        what = "classes that mean the same in every task" if of_classes else "numbers"
        raise DataError(
            f"Target {(of_classes or [targets[0].task.name])[0]!r} holds {what}, but {learner!r} answers "
            "classes that are a task's own. Choose another `learner`, or, if each task has classes of its "
            f"own, ask for {own_classes_text()}."
        )
    if of_classes and learner not in (OF_OWN_CLASSES if own_classes else OF_CLASSES):
        raise DataError(
            f"Target {of_classes[0]!r} holds classes, but {learner!r} answers numbers. Choose "
            f"{', '.join(map(repr, OF_CLASSES))} or 'mixed' as `learner`, or ask for "
            f"{asked_as(of_classes[0], 'regression')} if they are amounts."
        )
    if len(targets) > 1 and learner in OF_ONE_NUMBER:
        raise DataError(
            f"{learner!r} answers one target, but {len(targets)} are asked for. Choose {', '.join(others)} "
            "or 'mixed' as `learner`, which answer several together, or learn a model for each."
        )


def task_learning(
    *,
    task_column: Any,
    target: Any,
    learner: str = "auto",
    drop: Any = (),
    steps: int | None = None,
    width: int | None = None,
    learning_rate: float | None = None,
    episodes: int | None = None,
    own_classes: bool = False,
    most_classes: int | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> TaskLearning:
    """Check how tasks of a table shall be learned.

    Raises:
        InputError: Whatever is wrong, in one message; also a setting that the learner does not use.
    """
    check = SettingsCheck()
    learner = check.choice("learner", learner, TASK_LEARNERS)
    given = {"steps": steps, "width": width, "learning_rate": learning_rate, "episodes": episodes}
    typed = tuple(name for name, value in given.items() if value is not None)
    own_classes = check.flag("own_classes", own_classes)
    if most_classes is not None:
        most_classes = check.whole("most_classes", most_classes, least=2)
    if own_classes and learner not in ("auto", *OF_OWN_CLASSES):
        check.problems.append(
            f"`own_classes` are learned by {' or '.join(OF_OWN_CLASSES)}, not by {learner!r}; choose one of "
            "them, or leave it out"
        )
    check_used(check, learner, width=width, most_classes=most_classes)
    if learner == "mixed":
        if most_classes is not None:
            check.unused("most_classes", "learner", "mixed", ["pfn"], that="is a network of rows")
        for name in typed:
            check.unused(name, "learner", "mixed", ["cnp"], that="is a network of rows")
    of_networks = {name: _OF_NETWORKS[name] if value is None else value for name, value in given.items()}
    steps = check.whole("steps", of_networks["steps"], least=1)
    width = check.whole("width", of_networks["width"], least=4)
    if not check.problems and width % 4:
        check.problems.append(f"`width` must be a multiple of 4, for four heads; got {width}")
    learning_rate = check.number("learning_rate", of_networks["learning_rate"], above=0)
    episodes = check.whole("episodes", of_networks["episodes"], least=1)
    seed = check.whole("seed", seed, least=0)
    shown = check.shown("progress", progress)
    if target is None:
        check.problems.append("`target` is missing; name the column to predict")
    check.done()
    columns = Columns.of(target, drop=drop)
    if own_classes and len(columns.targets) > 1:
        check.problems.append(
            f"`own_classes` take one `target`, got {len(columns.targets)}; learn a model for each"
        )
    check.done()
    return TaskLearning(
        columns=columns,
        task_column=str(task_column),
        learner=learner,
        steps=steps,
        width=width,
        learning_rate=learning_rate,
        episodes=episodes,
        seed=seed,
        progress=shown,
        typed=typed,
        own_classes=own_classes,
        most_classes=most_classes,
    )
