"""From a frame, the roles of its columns and checked settings to a trained and judged `TableModel`."""

import time
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields, replace
from numbers import Number
from pathlib import Path
from typing import Any, Self, cast

import pandas as pd

from polytask.core import DataWarning, InputError, ResultWarning, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.errors import other_remedy
from polytask.core.files import user_path
from polytask.core.interrupts import interruptible
from polytask.core.settings import SettingsCheck
from polytask.data.tables.large_table import LARGE_ROWS, LargeTable
from polytask.data.tables.table import fingerprint
from polytask.fitting.large_preparation import prepare_large_table
from polytask.fitting.planned_fit import PlannedFit, plan_training, table_summary
from polytask.fitting.table_calibration import calibrate
from polytask.fitting.table_ensemble_fit import TableFit, fit_ensemble, run_titles, stacked
from polytask.fitting.table_preparation import Columns, LargeRows, PreparedTable, prepare_table
from polytask.fitting.table_surroundings import Surroundings, rehearse
from polytask.fitting.table_verdict import Answers, constant_predictions, judge, judged_rows, mean_gain
from polytask.fitting.target_options import (
    check_class_weights,
    check_metrics,
    check_target_weights,
    with_class_weights,
    with_metrics,
    with_target_weights,
)
from polytask.fitting.temperature import Sharpness
from polytask.models.table_config import TableConfig, check_used, unused_for
from polytask.models.table_model import TableModel
from polytask.models.table_results import FitResults, TaskResult
from polytask.train.progress import phase, run_line
from polytask.train.threads import single_threaded

__all__ = ["FitSettings", "TrainedTable", "fit_table", "plan_fit", "train_table"]

_REMEDY = "Lower `learning_rate`, or look for values far from all others in the targets."
_AGAIN = "call `fit` again with the same `resume_folder`"
_SMALL = 256 * 256  # numbers in a layer of one step, below which threads cost more than they bring
_OF_ONE_ARCHITECTURE = ("bins", "members", "soft_strength")  # None for "not asked", refused elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How a table is fitted, its columns apart; see `polytask.fit` for each setting.

    Args:
        config: The form of the model, and how it is trained.
        folds: How many, or what `folds_by_splitter` takes; None for a number that fits the table.
        repeats: How often rows are dealt anew.
        baselines: Whether a model for each target alone is trained, too.
        class_weights: How much each class counts, as `check_class_weights` returns it.
        target_weights: How much each target counts in the loss of what is shared; None for all alike.
        metrics: Which metric judges each target, by name; None for the first of its kind.
        seed: Decides everything random.
        time_budget: Seconds after which training stops; None for as long as it takes.
        resume_folder: Where a killed fit continues; None for nowhere.
        accelerator: As in Lightning Fabric.
        precision: As in `polytask.train.train`.
        progress: Show a line with phase and time left.
    """

    config: TableConfig = field(default_factory=TableConfig)
    folds: Any = None
    repeats: int = 1
    baselines: bool = True
    class_weights: Any = None
    target_weights: Any = None
    metrics: Any = None
    seed: int = 0
    time_budget: float | None = None
    resume_folder: Path | None = None
    accelerator: str = "cpu"
    precision: str = "32-true"
    progress: bool = False

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> Self:
        """Take settings as people write them, those of `TableConfig` and those of the fit in one mapping.

        Raises:
            InputError: Whatever is wrong with any of them, in one message.

        Example:
            >>> FitSettings.checked({"width": 8, "repeats": 2}).config.width
            8
        """
        of_fit = [entry.name for entry in fields(cls) if entry.name != "config"]
        of_model = [entry.name for entry in fields(TableConfig)]
        call: dict[str, Any] = {entry.name: entry.default for entry in fields(cls) if entry.name != "config"}
        call |= {name: given[name] for name in of_fit if name in given}
        asked = {
            name: value
            for name, value in given.items()
            if name not in of_fit and not (name in _OF_ONE_ARCHITECTURE and value is None)
        }
        check = SettingsCheck()
        check.names(asked, [*of_model, *of_fit])
        check_used(check, asked)
        call |= {
            "repeats": check.whole("repeats", call["repeats"], least=1),
            "seed": check.whole("seed", call["seed"], least=0),
            "baselines": check.flag("baselines", call["baselines"]),
            "progress": check.shown("progress", call["progress"]),
            "accelerator": check.accelerator("accelerator", call["accelerator"]),
            "precision": check.precision("precision", call["precision"]),
            "class_weights": check_class_weights(check, call["class_weights"]),
            "target_weights": check_target_weights(check, call["target_weights"]),
            "metrics": check_metrics(check, call["metrics"]),
        }
        balancing = asked.get("balancing", "equal")
        if call["target_weights"] and isinstance(balancing, str) and balancing != "equal":
            check.unused("target_weights", "balancing", balancing, ["equal"])
        if isinstance(call["folds"], Number):
            call["folds"] = check.whole("folds", call["folds"], least=2)
        if call["time_budget"] is not None:
            call["time_budget"] = check.number("time_budget", call["time_budget"], above=0)
        check.folder("resume_folder", call["resume_folder"])
        config = check.finish(
            lambda: TableConfig(**{name: value for name, value in asked.items() if name in of_model})
        )
        folder = call.pop("resume_folder")
        return cls(config=config, resume_folder=None if folder is None else user_path(folder), **call)


def fit_table(
    frame: pd.DataFrame | LargeTable, columns: Columns, settings: FitSettings, *, stacklevel: int = 2
) -> TableModel:
    """Train the model of a table, and judge it on rows that its networks did not see.

    Args:
        frame: A table, as `open_table` returns it.
        columns: The roles of its columns.
        settings: How.
        stacklevel: Whose line warnings point at; 2 for the caller's.

    Raises:
        DataError: The table cannot be used.
        InputError: Rows are weighted, or read in pieces, but the model is trained fold after fold.

    Warns:
        DataWarning: Something about the data is noteworthy, or settings change nothing.
        ResultWarning: The model is not clearly better than a constant answer for some targets.
    """
    with run_line("fit", shown=settings.progress):
        return train_table(frame, columns, settings, stacklevel=stacklevel + 1).model


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedTable:
    """A model with what it was trained on.

    Args:
        model: The model.
        prepared: The rows.
        held_out: What it predicts for rows that its networks did not see.
    """

    model: TableModel
    prepared: PreparedTable
    held_out: Answers


def train_table(
    frame: pd.DataFrame | LargeTable, columns: Columns, settings: FitSettings, *, stacklevel: int = 2
) -> TrainedTable:
    """Do what `fit_table` does, and return the prepared rows and held-out predictions, too."""
    start = time.perf_counter()
    config, seed = settings.config, settings.seed
    phase("preparing columns and folds")
    prepared, data = _prepared(frame, columns, settings)
    where = _surroundings(settings, prepared, data, start=start)
    _rehearse(settings, prepared, where)
    unused = unused_for([task.name for task in prepared.tasks], config)
    for note in filter(None, (*prepared.messages, unused)):
        warnings.warn(note, DataWarning, stacklevel=stacklevel)
    with (
        usual_defaults(),
        _single_threaded(config),
        other_remedy(_REMEDY),
        interruptible(settings.resume_folder, again=_AGAIN, keep="`resume_folder`"),
    ):
        fitted = fit_ensemble(
            prepared,
            config,
            baselines=settings.baselines,
            seed=derive_seed(seed, "networks"),
            where=where,
        )
        phase("judging")
        calibration, sharpness = calibrate(prepared, fitted.joint, seed=derive_seed(seed, "blocks"))
        results = _results(prepared, fitted, sharpness, n_rows=len(frame), seed=seed, start=start)
    if (shortfall := results.shortfall()) is not None:
        warnings.warn(shortfall, ResultWarning, stacklevel=stacklevel)
    model = TableModel(
        fitted.model,
        prepared.encoder,
        prepared.targets,
        config=config,
        data=data,
        results=results,
        calibration=calibration,
    )
    return TrainedTable(model=model, prepared=prepared, held_out=fitted.joint)


def plan_fit(frame: pd.DataFrame | LargeTable, columns: Columns, settings: FitSettings) -> PlannedFit:
    """Read and check everything as `fit_table` does, and tell what it would do; nothing is trained."""
    prepared, data = _prepared(frame, columns, settings)
    where = _surroundings(settings, prepared, data, start=time.perf_counter())
    _rehearse(settings, prepared, where)
    config = settings.config
    with _single_threaded(config), other_remedy(_REMEDY):
        trainings = plan_training(
            prepared,
            config,
            baselines=settings.baselines,
            seed=derive_seed(settings.seed, "networks"),
            where=where,
        )
    unused = unused_for([task.name for task in prepared.tasks], config)
    return PlannedFit(
        table=table_summary(frame, columns, prepared),
        trainings=trainings,
        messages=tuple(filter(None, (*prepared.messages, unused))),
    )


def _prepared(
    frame: pd.DataFrame | LargeTable, columns: Columns, settings: FitSettings
) -> tuple[PreparedTable, dict[str, object]]:
    """Check the settings against each other, prepare the table, and say where it comes from."""
    config = settings.config
    if columns.weight is not None and not stacked(config):
        raise InputError(
            f"`weight_column` is not used with `architecture={config.architecture!r}` and "
            f"`balancing={config.balancing!r}`; leave it out, or choose `architecture='hard'` and "
            "`balancing='equal'`."
        )
    if isinstance(frame, LargeTable) and not stacked(config):
        raise InputError(
            f"A table of {len(frame):,} rows is read in pieces, which `architecture={config.architecture!r}` "
            f"with `balancing={config.balancing!r}` cannot be trained on. Choose `architecture='hard'` and "
            f"`balancing='equal'`, or give at most {LARGE_ROWS:,} rows."
        )
    prepare: Any = prepare_large_table if isinstance(frame, LargeTable) else prepare_table
    with usual_defaults():
        prepared = prepare(
            frame,
            columns,
            folds=settings.folds,
            repeats=settings.repeats,
            seed=derive_seed(settings.seed, "table"),
        )
        prepared = with_class_weights(prepared, settings.class_weights)
        prepared = with_target_weights(prepared, settings.target_weights)
        prepared = with_metrics(prepared, settings.metrics)
    return prepared, _described(frame, prepared, columns, settings)


def _rehearse(settings: FitSettings, prepared: PreparedTable, where: Surroundings) -> None:
    if settings.resume_folder is not None:
        titles = run_titles(prepared, settings.config, baselines=settings.baselines)
        rehearse(settings.resume_folder, titles, where.identity)


def _single_threaded(config: TableConfig) -> AbstractContextManager[object]:
    return single_threaded(when=config.width * (config.batch_size or 64) <= _SMALL)


def _described(
    frame: pd.DataFrame | LargeTable, prepared: PreparedTable, columns: Columns, settings: FitSettings
) -> dict[str, object]:
    """Say where a model comes from; of what is asked of single targets, what was given."""
    by_target = {name: getattr(settings, name) for name in ("class_weights", "target_weights", "metrics")}
    return {
        "fingerprint": fingerprint(frame)
        if isinstance(frame, pd.DataFrame)
        else cast(LargeRows, prepared.large).rows.fingerprint(),
        "rows": len(frame),
        "targets": list(columns.targets),
        "group": columns.group,
        "time_column": columns.time,
        "weight_column": columns.weight,
        "drop": list(columns.drop),
        "seed": settings.seed,
        **{name: given for name, given in (by_target | {"fold_column": columns.fold}).items() if given},
    }


def _surroundings(
    settings: FitSettings, prepared: PreparedTable, data: Mapping[str, object], *, start: float
) -> Surroundings:
    """Say where networks are trained, and what a checkpoint must have been made with."""
    budget = settings.time_budget
    spent = time.perf_counter() - start
    return Surroundings(
        accelerator=settings.accelerator,
        precision=settings.precision,
        resume_folder=settings.resume_folder,
        progress=settings.progress,
        identity={
            "table": data["fingerprint"],
            **{name: value for name, value in data.items() if name not in ("fingerprint", "rows")},
            "precision": settings.precision,
            "folds": [len(dealt) for dealt in prepared.repeats],
            # Dealt by us they follow from the table and the seed.
            "rows of the folds": prepared.fold_indices if _by_caller(settings.folds) else None,
            **settings.config.to_json(),
        },
        deadline=None if budget is None else time.monotonic() + budget - spent,
    )


def _by_caller(folds: Any) -> bool:
    return folds is not None and not isinstance(folds, Number)


def _results(
    prepared: PreparedTable,
    fitted: TableFit,
    sharpness: Mapping[str, Sharpness],
    *,
    n_rows: int,
    seed: int,
    start: float,
) -> FitResults:
    """Judge what was trained."""
    blocks_of = derive_seed(seed, "blocks")
    folds = prepared.repeats[0]
    judged = judge(prepared, fitted.joint, fitted.baseline, constant_predictions(prepared), seed=blocks_of)
    return FitResults(
        tasks=tuple(_with_sharpness(found, sharpness.get(found.task)) for found in judged),
        delta_m=mean_gain(prepared, fitted.joint, fitted.baseline, seed=blocks_of),
        n_folds=len(folds),
        n_repeats=len(prepared.repeats),
        n_parameters={
            "joint": sum(parameter.numel() for parameter in fitted.model.parameters()),
            "separate": fitted.n_baseline,
        },
        rows={
            "table": n_rows,
            "labelled": prepared.n_labelled,
            "judged": judged_rows(prepared.rows, [fitted.joint]),
        },
        seconds=time.perf_counter() - start,
        messages=prepared.messages,
        steps=fitted.steps,
    )


def _with_sharpness(found: TaskResult, sharpness: Sharpness | None) -> TaskResult:
    if sharpness is None:
        return found
    errors = {"before": sharpness.before, "after": sharpness.after}
    return replace(found, temperature=sharpness.temperature, calibration_error=errors)
