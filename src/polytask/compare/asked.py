"""What a comparison is asked: settings, candidates and table, checked before anything is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polytask.compare.candidate import Candidate
from polytask.compare.catalogue import DEFAULT_CANDIDATES, TASK_CANDIDATES, candidates_of
from polytask.compare.networks import JointNetworks
from polytask.compare.search import check_search
from polytask.compare.search_space import Space, spaces_for
from polytask.core import InputError, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.settings import SettingsCheck
from polytask.data import read_table
from polytask.data.tables.table import fingerprint
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.target_options import check_metrics, with_metrics

__all__ = ["Asked", "Question", "check_work"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """What a comparison is about, read and checked.

    Args:
        frame: The table.
        columns: The roles of its columns.
        candidates: What is compared.
        prepared: The rows, and their folds.
        plan: The further arguments of `polytask.compare.plan.write_plan`.
    """

    frame: Any
    columns: Columns
    candidates: tuple[Candidate, ...]
    prepared: PreparedTable
    plan: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """The settings of `polytask.compare.compare` that say what is compared; they are checked at once.

    Raises:
        InputError: One is wrong.
        MissingPackageError: A search is asked for without Optuna.
    """

    columns: Columns
    candidates: tuple[Candidate, ...]
    folds: Any
    repeats: int
    trials: int
    search: int | None
    spaces: Mapping[str, tuple[Space, Space]]
    metrics: Mapping[str, str] | None
    seed: int

    @classmethod
    def of(
        cls,
        columns: Columns,
        check: SettingsCheck,
        *,
        candidates: Any,
        settings: Mapping[str, Any] | None,
        folds: Any,
        repeats: Any,
        trials: Any,
        search: Any,
        spaces: Mapping[str, Any] | None,
        metrics: Any,
        seed: Any,
    ) -> "Question":
        """Check the settings, with what was found wrong before, and understand the candidates."""
        for name, value, least in (("repeats", repeats, 1), ("trials", trials, 1), ("seed", seed, 0)):
            check.whole(name, value, least=least)
        if isinstance(folds, int | float):
            check.whole("folds", folds, least=2)
        if search is not None:
            check.whole("search", search, least=2, note=", the usual settings among them")
            if trials != 1:
                check.problems.append("`trials` is of a list, which `search` does without; leave out either")
        elif spaces:
            check.problems.append("`spaces` is not used without `search`; leave it out, or give both")
        checked = check_metrics(check, metrics)
        check.done()
        if search is not None:
            check_search()
        named = candidates_of(_usual(candidates, columns), settings)
        return cls(
            columns=columns, candidates=named, folds=folds, repeats=repeats, trials=trials, search=search,
            spaces={} if search is None else spaces_for(named, spaces), metrics=checked, seed=seed,
        )  # fmt: skip

    def read(self, table: Any) -> Asked:
        """Read the table.

        Raises:
            InputError: It does not have what is asked; the message says what, where and how to mend it.
        """
        frame = read_table(table)
        with usual_defaults():
            seed = derive_seed(self.seed, "table")
            prepared = prepare_table(frame, self.columns, folds=self.folds, repeats=self.repeats, seed=seed)
            prepared = with_metrics(prepared, self.metrics)
        _check_candidates(self.candidates, [task.name for task in prepared.tasks], self.columns)
        budget = {"trials": self.trials, "search": self.search, "spaces": self.spaces}
        data = _data(frame, self.columns, self.metrics)
        return Asked(
            frame=frame,
            columns=self.columns,
            candidates=self.candidates,
            prepared=prepared,
            plan={**budget, "seed": self.seed, "data": data},
        )


def check_work(check: SettingsCheck, *, workers: Any, time_budget: Any, progress: Any = False) -> bool:
    """Check the settings that say how the work is done; return whether progress is shown."""
    if workers is not None:
        check.whole("workers", workers, least=1)
    if time_budget is not None:
        check.number("time_budget", time_budget, above=0)
    return check.shown("progress", progress)


def _usual(given: Any, columns: Columns) -> Any:
    """Leave joint networks out of the usual candidates of one target: they would be the single ones."""
    if given is None and columns.of_tasks:
        return list(TASK_CANDIDATES)
    if given is None and len(columns.targets) == 1:
        return [name for name in DEFAULT_CANDIDATES if not name.startswith("joint")]
    return given


def _data(frame: Any, columns: Columns, metrics: Mapping[str, str] | None) -> dict[str, object]:
    """Say where the table comes from, in the words of the call."""
    asked = {"fold_column": columns.fold, "text_encoder": columns.text_encoder, "metrics": metrics}
    return {
        "fingerprint": fingerprint(frame),
        "table_rows": len(frame),
        "targets": list(columns.targets),
        "group": columns.group,
        "time_column": columns.time,
        "weight_column": columns.weight,
        "drop": list(columns.drop),
        **{name: given for name, given in asked.items() if given},
    }


def _check_candidates(candidates: Sequence[Candidate], targets: Sequence[str], columns: Columns) -> None:
    for candidate in candidates:
        if candidate.needs_tasks and not columns.of_tasks:
            raise InputError(
                f"Candidate {candidate.name!r} is for tables whose rows belong to tasks. Name the column of "
                "the tasks by `task_column`, or leave the candidate out."
            )
        if isinstance(candidate, JointNetworks):
            candidate.check_targets(targets)
            if len(targets) < 2 and candidate.groups is not None:
                raise InputError(f"Candidate {candidate.name!r} has groups, but there is one target.")
