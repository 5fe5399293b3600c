"""Relate the targets of a table, or the tasks that one of its columns names."""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from polytask.compare.table_rows import TableRows
from polytask.core import InputError, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.one_thread import single_threaded
from polytask.core.settings import SettingsCheck
from polytask.core.warned import warn_all
from polytask.data import read_table
from polytask.data.tables.problems import examples
from polytask.evaluate.jackknife import p_values_of
from polytask.evaluate.metrics import metric_names
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.relate.grouping import group_tasks
from polytask.relate.pilot_probability import PilotProbability
from polytask.relate.relations import Relations, TaskRelation
from polytask.relate.short_comparison import EPOCHS, ShortComparison, compare_shortly
from polytask.relate.table_affinity import (
    AFFINITIES,
    AffinityKind,
    TableAffinity,
    table_affinity,
    usual_affinity,
)
from polytask.relate.task_column import deal_tasks, prepare_by_task
from polytask.train.progress import TrainingBar

__all__ = ["relate", "related", "related_groups"]

_FOLDS = 3
_ROWS, _ROWS_OF_A_TASK = 1000, 200
_MOST_APART, _NETWORKS_OF_MANY = 12, 4
_MOST_GREEDY = 30  # tasks; of more the greedy search takes long, and finds hardly more


def relate(
    table: Any,
    targets: Any,
    *,
    task_column: str | int | None = None,
    affinity: str = "auto",
    networks: int | None = None,
    rows: int | None = None,
    folds: int = _FOLDS,
    epochs: int = EPOCHS,
    group: str | int | None = None,
    time_column: str | int | None = None,
    weight_column: str | int | None = None,
    drop: Any = (),
    seed: int = 0,
    progress: bool | None = None,
) -> Relations:
    """Tell which tasks of a table help each other, which to train together, and how likely that pays.

    Joint networks and networks of each task alone are trained shortly on some of the rows, and judged row by
    row on held-out ones. What such a short comparison is worth was learned from tables on which the full one
    is known: the result says how likely it finds that joint training helps. An affinity between all tasks
    gives groups. All of it takes seconds to a minute; `polytask.compare` decides.

    Args:
        table: As for `polytask.fit`.
        targets: As for `polytask.fit`; two at least, or one with ``task_column``.
        task_column: The rows of each value of this column are a task of their own: schools, shops, patients.
        affinity: ``"transfer"`` trains every pair of tasks, all pairs at once, and measures what is wanted,
            in percent; ``"functions"`` compares what a linear model of each task predicts, also for hundreds
            of tasks and on different rows; ``"labels"`` correlates the targets; ``"gradients"`` and
            ``"lookahead"`` look at the gradients of a joint network, which foretold gains badly where it was
            measured. ``"auto"`` is transfer for up to 12 tasks, and functions for more.
        networks: How many groups there are at most; None for as many as help, of more than 12 tasks 4.
        rows: How many labelled rows are used at most; None for 1,000, and 200 for each task of a column.
        folds: Parts of these rows; each is judged by networks of the others.
        epochs: Passes over the rows at most; few rows get more.
        group: Rows that share a value of this column are never on both sides.
        time_column: Train on earlier rows and judge by later ones.
        weight_column: How much each row counts in training.
        drop: Columns that are not to be used; one, or a sequence.
        seed: The same one gives the same result.
        progress: Show a bar; None where a person watches.

    Returns:
        The result; ``str(result)`` is what to do, in words, and ``result.groups`` what `polytask.fit` takes
        as ``groups``.

    Raises:
        InputError: A setting or the table is wrong; the message says what, where and how to mend it.

    Warns:
        DataWarning: Something about the data is noteworthy.

    Example:
        >>> import numpy as np, pandas as pd
        >>> x = np.random.default_rng(0).normal(size=(60, 3))
        >>> table = pd.DataFrame(x, columns=["u", "v", "w"])
        >>> table["a"], table["b"] = x.sum(1), x.sum(1) ** 2
        >>> found = relate(table, ["a", "b"], epochs=2)
        >>> [one.task for one in found.tasks], found.affinity_kind
        (['a', 'b'], 'transfer')
    """
    start = time.perf_counter()
    shown = _checked(affinity, networks, rows, folds, epochs, seed, progress)
    columns = Columns.of(targets, group=group, time=time_column, drop=drop, weight=weight_column)
    frame = read_table(table)
    of_table = derive_seed(seed, "table")
    with usual_defaults():
        if task_column is not None:
            if affinity == "labels":
                raise InputError(
                    "`affinity='labels'` needs rows with labels of several tasks, but with `task_column` a "
                    "row has one. Choose `affinity='functions'`."
                )
            prepared = prepare_by_task(frame, columns, str(task_column), folds=folds, seed=of_table)
        else:
            _check_several(columns)
            prepared = prepare_table(frame, columns, folds=folds, seed=of_table)
    warn_all(prepared.messages, stacklevel=2)
    of_a_task = _ROWS_OF_A_TASK * len(prepared.tasks) if task_column is not None else 0
    found = related(
        prepared,
        affinity=affinity,
        networks=networks,
        most_rows=max(_ROWS, of_a_task) if rows is None else rows,
        epochs=epochs,
        seed=seed,
        progress=shown,
    )
    counts = {"table": len(frame), "labelled": len(prepared.rows), "used": found.rows["used"]}
    return replace(found, rows=counts, seconds=time.perf_counter() - start)


def related(
    prepared: PreparedTable,
    *,
    affinity: str = "auto",
    networks: int | None = None,
    most_rows: int = _ROWS,
    epochs: int = EPOCHS,
    seed: int = 0,
    progress: bool = False,
) -> Relations:
    """Relate the tasks of a table that is prepared; see `relate`.

    Args:
        prepared: Its rows, and folds.
        affinity: Which; ``"auto"`` for the usual one.
        networks: How many groups there are at most.
        most_rows: Beyond which rows are drawn.
        epochs: Passes over the rows at most.
        seed: Decides everything random.
        progress: Show a bar.
    """
    start = time.perf_counter()
    n_tasks = len(prepared.tasks)
    kind = usual_affinity(n_tasks) if affinity == "auto" else _named(affinity)
    part = _drawn(prepared, most_rows, seed=derive_seed(seed, "rows"))
    of_networks = derive_seed(seed, "networks")
    with TrainingBar(3, title="relating", shown=progress) as bar, usual_defaults(), single_threaded():
        short = compare_shortly(part, epochs=epochs, seed=of_networks)
        bar.advance(2)
        measured = table_affinity(kind, part, short, epochs=epochs, seed=of_networks)
        bar.advance(3)
    budget = networks or (n_tasks if n_tasks <= _MOST_APART else _NETWORKS_OF_MANY)
    groups = group_tasks(
        measured.gains.numpy(),
        measured.affinity.names,
        budget=budget,
        method="auto" if n_tasks <= _MOST_GREEDY else "spectral",
    ).groups
    groups = _with_left(groups, [task.name for task in prepared.tasks])
    left = [task.name for task in prepared.tasks if task.name not in short.gains]
    return Relations(
        tasks=_tasks(part, short, groups),
        affinity=measured.affinity,
        affinity_kind=kind,
        groups=groups,
        mean=short.mean,
        probability=PilotProbability.stored(),
        rows={"labelled": len(prepared.rows), "used": len(part.rows)},
        n_folds=len(part.repeats[0]),
        seconds=time.perf_counter() - start,
        messages=(*prepared.messages, *_doubts(measured), *_left_out(left)),
    )


def related_groups(prepared: PreparedTable, seed: int) -> tuple[tuple[str, ...], ...]:
    """Return the groups that `relate` finds among the targets of a table that is prepared.

    Args:
        prepared: Its rows; they are dealt into folds anew.
        seed: As `relate` takes it: of the same table it finds the same groups.
    """
    if len(prepared.tasks) < 2:
        return (tuple(task.name for task in prepared.tasks),)
    of_folds = derive_seed(derive_seed(seed, "table"), "folds", 0)  # as `prepare_table` deals
    rows = TableRows.of(prepared)
    return related(rows.prepared([rows.folds(_FOLDS, seed=of_folds)]), seed=seed).groups


def _with_left(groups: Sequence[Sequence[str]], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Put targets that could not be related into the largest group: of few labels, others teach most."""
    left = [name for name in names if not any(name in group for group in groups)]
    largest = max(range(len(groups)), key=lambda index: len(groups[index]))
    return tuple(
        tuple(name for name in names if name in group or (index == largest and name in left))
        for index, group in enumerate(groups)
    )


def _tasks(
    part: PreparedTable, short: ShortComparison, groups: Sequence[Sequence[str]]
) -> tuple[TaskRelation, ...]:
    p_values = p_values_of(short.gains)
    labels = {task.name: part.rows.n_labels(task.name) for task in part.tasks}
    chances = PilotProbability.stored().probabilities(short.gains, labels)
    group_of = {name: index for index, group in enumerate(groups) for name in group}
    return tuple(
        TaskRelation(
            task=task.name,
            kind=task.kind,
            metric=metric_names(task)[0],
            labels=labels[task.name],
            gain=short.gains[task.name],
            p_value=p_values[task.name],
            probability=chances[task.name],
            group=group_of[task.name],
        )
        for task in part.tasks
    )


def _drawn(prepared: PreparedTable, most: int, *, seed: int) -> PreparedTable:
    """Draw rows as evenly as they are dealt into folds, and deal them anew."""
    rows = TableRows.of(prepared)
    n_parts = -(-len(rows) // most)
    if n_parts < 2:
        return prepared
    fold = deal_tasks(rows, n_parts, seed=derive_seed(seed, "draw"))[-1]
    few = rows.rows(fold.held_out)
    learned = [task.name for task in few.tasks if few.batch.n_labels(task.name) >= len(prepared.repeats[0])]
    few = few.only(learned)
    return few.prepared([deal_tasks(few, len(prepared.repeats[0]), seed=derive_seed(seed, "folds"))])


def _doubts(measured: TableAffinity) -> list[str]:
    if measured.kind == "gradients" and measured.affinity.little_overlap():
        return [
            "Less than 30 % of the labelled rows are common to some tasks; affinities from gradients may be "
            "noise there."
        ]
    return []


def _left_out(names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [
        f"Too few of the rows that were used have labels of {examples(names)} to relate it, so it is put in "
        "the largest group. Raise `rows`."
    ]


def _checked(
    affinity: str,
    networks: int | None,
    rows: int | None,
    folds: int,
    epochs: int,
    seed: int,
    progress: bool | None,
) -> bool:
    """Check the settings; return whether a bar is shown."""
    check = SettingsCheck()
    check.choice("affinity", affinity, ("auto", *AFFINITIES))
    for name, value, least in (("networks", networks, 1), ("rows", rows, 20)):
        if value is not None:
            check.whole(name, value, least=least)
    for name, value, least in (("folds", folds, 2), ("epochs", epochs, 1), ("seed", seed, 0)):
        check.whole(name, value, least=least)
    shown = check.shown("progress", progress)
    check.done()
    return shown


def _check_several(columns: Columns) -> None:
    if len(columns.targets) < 2:
        names = ", ".join(map(repr, columns.targets))
        raise InputError(
            f"`targets` names {names} alone, but relating needs two. Name others, or give `task_column`: the "
            "column that says which task a row belongs to."
        )


def _named(affinity: str) -> AffinityKind:
    return next(kind for kind in AFFINITIES if kind == affinity)
