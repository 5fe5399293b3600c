"""Compare ways to predict the targets of a table: together or apart, by networks or by something else."""

import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack, overload

from polytask.compare.asked import Question, check_work
from polytask.compare.cells import RECORD_FILE
from polytask.compare.compare_options import CompareOptions
from polytask.compare.plan import Plan, open_plan, write_plan
from polytask.compare.results import Comparison
from polytask.compare.runner import run_cells
from polytask.compare.search import check_search
from polytask.compare.table_rows import TableRows
from polytask.compare.task_comparison import (
    TASK_FOLDS,
    check_task_rows,
    open_task_plans,
    task_columns,
    write_task_plans,
)
from polytask.compare.task_results import TaskComparison
from polytask.compare.task_verdict import judge_tasks
from polytask.compare.verdict import judge_cells
from polytask.core import ResultWarning
from polytask.core.files import user_path
from polytask.core.interrupts import interruptible
from polytask.core.settings import SettingsCheck
from polytask.core.warned import warn_all
from polytask.fitting.table_columns import Columns
from polytask.train.progress import TrainingBar, phase, run_line

__all__ = ["compare", "judge_folder", "work_on"]


@overload
def compare(
    table: Any, targets: Any, *, task_column: None = None, **settings: Unpack[CompareOptions]
) -> Comparison: ...
@overload
def compare(
    table: Any, targets: Any, *, task_column: str | int, **settings: Unpack[CompareOptions]
) -> TaskComparison: ...
def compare(
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
    executor: Any = None,
    workers: int | None = None,
    progress: bool | None = None,
    files: Mapping[str, str] | None = None,
) -> Comparison | TaskComparison:
    """Compare ways to predict the targets of a table, on the same folds and with the same budget.

    Each candidate is fitted on the training part of every fold, and chooses its settings and when to stop
    inside it; the rows that are held out are predicted once. The result says, for each target, whether joint
    training helps or hurts it, and whether another method is better.

    Args:
        table: As for `polytask.fit`.
        targets: As for `polytask.fit`.
        candidates: None for the usual ones; names, import paths such as ``"lightgbm.LGBMRegressor"``,
            scikit-learn estimators, see `polytask.compare.candidates_of`.
        settings: Of the networks among them that are given by name, as `polytask.fit` has them:
            ``{"epochs": 50, "width": 32}``.
        directory: A folder in which every finished cell (a candidate in a fold) is kept: a killed comparison
            that is called again with it goes on where it was. None keeps nothing.
        folds: How many folds, None for 5, or 3 of more than 20,000 rows or with a task column; a scikit-learn
            splitter; or pairs of row positions (training, held out).
        repeats: How often rows are dealt into folds anew.
        trials: Settings of a fixed list of which each candidate may choose; 1 for the usual ones.
        search: So many settings are tried by each candidate in each fold, the usual ones first, then others
            by Optuna; of a candidate for one target after the other, for each target. None for no search.
        spaces: Between what is searched, by the name of a candidate, instead of its own space: of settings by
            name a list of values, a ``range``, ``(low, high)`` or ``(low, high, "log")``. A candidate without
            a space has its usual settings.
        group: Rows that share a value of this column are never on both sides.
        time_column: Train on earlier rows and judge by later ones.
        weight_column: How much each row counts in training.
        fold_column: Rows that share a value of this column are a fold, instead of ``folds``.
        text_encoder: Reads columns of text, for all candidates; see `polytask.fit`.
        task_column: Rows that share a value of this column are a task: shops, patients, schools. Then models
            of all tasks, of each alone and of each among all are compared, see ``task_rows``.
        task_rows: With a task column, how many rows of a new task are known, 0 for none, or ``"most"`` for
            new rows of known tasks; one, or several. None for most, 0, 1, 5 and 20.
        metrics: Which metric compares the candidates on a target, by name; see `polytask.fit`.
        drop: Columns that are not to be used; one, or a sequence.
        seed: The same one gives the same result, whoever does the work.
        time_budget: Seconds after which no cell is begun any more; folds that lack one are not judged.
        executor: Does the cells: a `concurrent.futures.Executor`, that of a Dask client, or one of submitit.
            Its workers need the folder on a shared disk. None for processes on this machine.
        workers: How many processes, without an executor; 1 does everything in this one, None takes as many as
            there are processors.
        progress: Show one line for the whole run: its phase, the time left; None where a person watches.
        files: Further texts that are kept in the folder, by name; they do not make it another comparison.

    Returns:
        The result; ``str(result)`` is what to do, in words. With a task column it is a `TaskComparison`.

    Raises:
        InputError: A setting or the table is wrong; the message says what, where and how to mend it.
        BundleError: The folder holds another comparison.
        TrainingError: A worker died, or there is nothing to judge.
        MissingPackageError: A search is asked for, and Optuna is not installed.

    Example:
        >>> import numpy as np, pandas as pd
        >>> x = np.random.default_rng(0).normal(size=(120, 2))
        >>> table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "sum": x.sum(1)})
        >>> found = compare(table, "sum", candidates=["constant", "linear"], folds=3, workers=1)
        >>> found.best("sum")
        'linear'
    """
    check = SettingsCheck()
    shown = check_work(check, workers=workers, time_budget=time_budget, progress=progress)
    deadline = None if time_budget is None else time.time() + time_budget
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
    question = Question.of(
        columns, check, candidates=candidates, settings=settings, folds=folds, repeats=repeats, trials=trials,
        search=search, spaces=spaces, metrics=metrics, seed=seed,
    )  # fmt: skip
    with run_line("compare", shown=shown):
        phase("reading")
        asked = question.read(table)
        prepared = asked.prepared
        warn_all(prepared.messages, stacklevel=2)
        with _folder(directory) as folder:
            if known is None:
                rows = TableRows.of(prepared)
                plans = {
                    None: write_plan(
                        folder, rows, prepared.repeats, asked.candidates, **asked.plan, files=files or {}
                    )
                }
            else:
                plans = write_task_plans(folder, asked, known, seed=seed, files=files or {})
            again = "call `polytask.compare` again with the same `directory`"
            with interruptible(
                None if directory is None else folder,
                again=again,
                keep="`directory`",
                name="folder of the comparison",
                saved_as=RECORD_FILE,
            ):
                for plan in plans.values():
                    _run(plan, executor=executor, workers=workers, deadline=deadline, progress=shown)
            phase("judging")
            found = _judged(plans, None if known is None else str(task_column))
    for message in found.messages:
        warnings.warn(message, ResultWarning, stacklevel=2)
    return replace(found, messages=(*prepared.messages, *found.messages))


def work_on(
    directory: str | Path,
    *,
    workers: int | None = 1,
    time_budget: float | None = None,
    progress: bool | None = None,
) -> Comparison | TaskComparison | None:
    """Do cells of a comparison that somebody else has begun, until none is left that nobody works on.

    Args:
        directory: Its folder.
        workers: As for `compare`.
        time_budget: As for `compare`.
        progress: As for `compare`.

    Returns:
        The result, if this was the last one; else None.

    Raises:
        BundleError: There is no comparison.
        InputError: A setting is wrong.
        MissingPackageError: The comparison searches settings, and Optuna is not installed.
    """
    check = SettingsCheck()
    shown = check_work(check, workers=workers, time_budget=time_budget, progress=progress)
    check.done()
    plans, task_column = _open(directory)
    if any(plan.search is not None for plan in plans.values()):
        check_search()
    deadline = None if time_budget is None else time.time() + time_budget
    options = {"workers": workers, "deadline": deadline, "progress": shown, "wait": False}
    if sum(_run(plan, **options) for plan in plans.values()):
        return None
    found = _judged(plans, task_column)
    for message in found.messages:
        warnings.warn(message, ResultWarning, stacklevel=2)
    return found


def judge_folder(directory: str | Path) -> Comparison | TaskComparison:
    """Judge what is done of a comparison that is in a folder; nothing is trained.

    Raises:
        BundleError: There is no comparison, or it is damaged.
        TrainingError: There is nothing to judge.
    """
    return _judged(*_open(directory))


def _open(directory: str | Path) -> tuple[Mapping[Any, Plan], str | None]:
    """Read the plans of a folder, and the task column where there is one."""
    of_tasks = open_task_plans(user_path(directory))
    return ({None: open_plan(user_path(directory))}, None) if of_tasks is None else of_tasks


def _judged(plans: Mapping[Any, Plan], task_column: str | None) -> Comparison | TaskComparison:
    """Judge one comparison, or those of a table with a task column."""
    return judge_cells(plans[None]) if task_column is None else judge_tasks(plans, task_column)


def _run(plan: Plan, *, progress: bool, **settings: Any) -> int:
    n_cells = len(plan.cells)
    with run_line("compare", shown=progress), TrainingBar(n_cells, title="cells", shown=progress) as bar:

        def tell(n_done: int) -> None:
            bar.advance(n_done)
            bar.note(f"{n_done} of {n_cells}")

        return run_cells(plan, tell=tell, **settings)


@contextmanager
def _folder(given: str | Path | None) -> Iterator[Path]:
    """Have the folder of the comparison; one that nobody has asked for is removed again."""
    if given is not None:
        yield user_path(given).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="polytask-compare-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
