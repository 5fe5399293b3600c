"""What a comparison would do, told without training anything."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polytask.compare.asked import Asked, Question, check_work
from polytask.compare.candidate import Candidate
from polytask.compare.cells import RECORD_FILE
from polytask.compare.plan import check_plan
from polytask.compare.search_space import space_to_json
from polytask.compare.table_rows import TableRows
from polytask.compare.task_comparison import TASK_FOLDS, check_task_rows, task_columns, task_plans
from polytask.core.files import user_path
from polytask.core.processors import processors
from polytask.core.settings import SettingsCheck
from polytask.fitting.planned_fit import table_summary
from polytask.fitting.table_columns import Columns

__all__ = ["plan_comparison"]


def plan_comparison(
    table: Any,
    targets: Any,
    *,
    candidates: Any = None,
    settings: Mapping[str, Any] | None = None,
    directory: str | Path | None = None,
    folds: Any = None,
    repeats: int = 1,
    trials: int = 1,
    search: int | None = None,
    spaces: Mapping[str, Any] | None = None,
    group: str | int | None = None,
    time_column: str | int | None = None,
    weight_column: str | int | None = None,
    fold_column: str | int | None = None,
    text_encoder: str | None = None,
    task_column: str | int | None = None,
    task_rows: Any = None,
    metrics: Mapping[str, str] | None = None,
    drop: Any = (),
    seed: int = 0,
    time_budget: float | None = None,
    workers: int | None = None,
) -> dict[str, Any]:
    """Read and check everything that `compare` is given, and tell what it would do; nothing is trained.

    Returns:
        As plain JSON what `polytask.fitting.planned_fit.table_summary` says of the table, and the candidates,
        the cells, how many of these the folder holds already, the processes, and what was noteworthy.

    Raises:
        InputError: What `compare` would refuse.
        BundleError: The folder holds another comparison.
    """
    check = SettingsCheck()
    check_work(check, workers=workers, time_budget=time_budget)
    columns = Columns.of(
        targets, group=group, time=time_column, drop=drop, weight=weight_column, fold=fold_column,
        text_encoder=text_encoder,
    )  # fmt: skip
    known = None
    if task_column is not None:
        known, columns = check_task_rows(check, task_rows), task_columns(columns, task_column, folds)
        folds = TASK_FOLDS if folds is None else folds
    elif task_rows is not None:
        check.problems.append("`task_rows` is not used without `task_column`; leave it out, or give both")
    asked = Question.of(
        columns, check, candidates=candidates, settings=settings, folds=folds, repeats=repeats, trials=trials,
        search=search, spaces=spaces, metrics=metrics, seed=seed,
    ).read(table)  # fmt: skip
    prepared, done, rows = asked.prepared, 0, TableRows.of(asked.prepared)
    planned = (
        {"": (prepared.repeats, asked.plan)}
        if known is None
        else {name: (dealt, plan) for name, dealt, plan in task_plans(rows, asked, known, seed=seed)}
    )
    if directory is not None:
        folder = user_path(directory).absolute()
        for name, (repeats_, plan) in planned.items():
            check_plan(folder / name, rows, repeats_, asked.candidates, **plan)
        done = len(list(folder.glob(f"**/cells/*/{RECORD_FILE}")))
    n_cells = len(asked.candidates) * sum(len(f) for dealt, _ in planned.values() for f in dealt)
    return {
        **table_summary(asked.frame, columns, prepared),
        "candidates": [_candidate(one, asked) for one in asked.candidates],
        "trials": trials,
        "search": search,
        "cells": n_cells,
        "cells_done": done,
        "workers": min(workers or processors(), max(n_cells - done, 1)),
        "messages": list(prepared.messages),
    }


def _candidate(candidate: Candidate, asked: Asked) -> dict[str, Any]:
    """Say what a candidate is, and between what settings it is searched, for numbers and for classes."""
    told = {"name": candidate.name, "words": candidate.words}
    if asked.plan["search"] is None:
        return told
    numbers, classes = map(space_to_json, asked.plan["spaces"][candidate.name])
    return {**told, "space": {"numbers": numbers, "classes": classes}}
