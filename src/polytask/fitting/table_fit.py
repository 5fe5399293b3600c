"""From a frame, the roles of its columns and checked settings to a trained and judged `TableModel`."""

import time
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from numbers import Number
from typing import Any, cast

import pandas as pd
from torch import Tensor

from polytask.core import InputError, ResultWarning, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.errors import other_remedy
from polytask.core.interrupts import interruptible
from polytask.core.one_thread import single_threaded
from polytask.core.warned import warn_all
from polytask.data.tables.large_table import LARGE_ROWS, LargeTable
from polytask.data.tables.table import fingerprint
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.grouped_fit import fit_groups, group_titles
from polytask.fitting.large_preparation import prepare_large_table
from polytask.fitting.network_spread import network_spread
from polytask.fitting.planned_fit import PlannedFit, plan_training, table_summary
from polytask.fitting.table_calibration import calibrate_with_scores
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_details import table_details
from polytask.fitting.table_ensemble_fit import TableFit, stacked
from polytask.fitting.table_preparation import LargeRows, PreparedTable, prepare_table
from polytask.fitting.table_surroundings import Surroundings, rehearse
from polytask.fitting.table_verdict import Answers, constant_predictions, judge, judged_rows, mean_gain
from polytask.fitting.target_groups import AUTO, found_message, groups_text, settled
from polytask.fitting.target_options import with_class_weights, with_metrics, with_target_weights
from polytask.fitting.task_shares import refuse_task_sampling, shares_of_targets, with_task_sampling
from polytask.fitting.temperature import Sharpness
from polytask.models.table_config import TableConfig, unused_for
from polytask.models.table_model import TableModel
from polytask.models.table_results import FitResults, TaskResult
from polytask.train.progress import phase, run_line

__all__ = ["TrainedTable", "fit_table", "plan_fit", "train_table"]

_REMEDY = "Lower `learning_rate`, or look for values far from all others in the targets."
_AGAIN = "call `fit` again with the same `resume_folder`"
_SMALL = 256 * 256  # numbers in a layer of one step, below which threads cost more than they bring


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
        drawn: How often each task of ``prepared.draws`` was drawn, int64 ``[task]``; None where none is.
    """

    model: TableModel
    prepared: PreparedTable
    held_out: Answers
    drawn: Tensor | None = None


def train_table(
    frame: pd.DataFrame | LargeTable, columns: Columns, settings: FitSettings, *, stacklevel: int = 2
) -> TrainedTable:
    """Do what `fit_table` does, and return the prepared rows and held-out predictions, too."""
    start = time.perf_counter()
    config, seed = settings.config, settings.seed
    phase("preparing columns and folds")
    prepared, settings = _prepared(frame, columns, settings)
    data = _described(frame, prepared, columns, settings)
    where = _surroundings(settings, prepared, data, start=start)
    _rehearse(settings, prepared, where)
    unused = _unused(prepared, columns, settings)
    warn_all(filter(None, (*prepared.messages, unused)), stacklevel=stacklevel)
    with (
        usual_defaults(),
        _single_threaded(config),
        other_remedy(_REMEDY),
        interruptible(settings.resume_folder, again=_AGAIN, keep="`resume_folder`"),
    ):
        fitted = fit_groups(
            prepared,
            settings.groups,
            config,
            baselines=settings.baselines,
            seed=derive_seed(seed, "networks"),
            where=where,
        )
        phase("judging")
        blocks_of = derive_seed(seed, "blocks")
        spread = network_spread(fitted.model, prepared, seed=derive_seed(seed, "spread"))
        calibration, sharpness, scores = calibrate_with_scores(
            prepared, fitted.joint, seed=blocks_of, spread=spread
        )
        results = _results(prepared, fitted, settings, sharpness, n_rows=len(frame), start=start)
        details = table_details(
            frame, prepared, fitted, calibration, scores, where.rows, seed=derive_seed(seed, "report")
        )
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
        details=details,
    )
    return TrainedTable(model=model, prepared=prepared, held_out=fitted.joint, drawn=fitted.drawn)


def plan_fit(frame: pd.DataFrame | LargeTable, columns: Columns, settings: FitSettings) -> PlannedFit:
    """Read and check everything as `fit_table` does, and tell what it would do; nothing is trained."""
    prepared, settings = _prepared(frame, columns, settings)
    data = _described(frame, prepared, columns, settings)
    where = _surroundings(settings, prepared, data, start=time.perf_counter())
    _rehearse(settings, prepared, where)
    config = settings.config
    with _single_threaded(config), other_remedy(_REMEDY):
        trainings = plan_training(
            prepared,
            settings.groups,
            config,
            baselines=settings.baselines,
            seed=derive_seed(settings.seed, "networks"),
            where=where,
        )
    unused = _unused(prepared, columns, settings)
    return PlannedFit(
        table=table_summary(frame, columns, prepared, groups=settings.groups) | _sampled(data),
        trainings=trainings,
        messages=tuple(filter(None, (*prepared.messages, unused))),
    )


def _unused(prepared: PreparedTable, columns: Columns, settings: FitSettings) -> str | None:
    """Say which settings change nothing for these targets; None if all do."""
    names = [task.name for task in prepared.tasks]
    given = {"target_weights": settings.target_weights}
    given["task_sampling"] = None if columns.of_tasks else settings.task_sampling
    weighed = [name for name, value in given.items() if value]
    return unused_for(names, settings.config, settings.groups, weighed=weighed)


def _sampled(data: Mapping[str, object]) -> dict[str, object]:
    """Return what is said of sampling in where a model comes from."""
    return {name: data[name] for name in ("task_sampling", "shares_of_targets") if name in data}


def _prepared(
    frame: pd.DataFrame | LargeTable, columns: Columns, settings: FitSettings
) -> tuple[PreparedTable, FitSettings]:
    """Check the settings against each other, and prepare the table; return settings with groups, too."""
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
    refuse_task_sampling(
        settings.task_sampling, config, of_tasks=columns.of_tasks, in_pieces=isinstance(frame, LargeTable)
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
        prepared = with_task_sampling(
            prepared, settings.task_sampling, settings.sampling_temperature, of_tasks=columns.of_tasks
        )
        prepared = with_metrics(prepared, settings.metrics)
    return _grouped(prepared, settings)


def _grouped(prepared: PreparedTable, settings: FitSettings) -> tuple[PreparedTable, FitSettings]:
    """Find the groups that are asked for as ``"auto"``, and put names in the order of the targets."""
    names = [task.name for task in prepared.tasks]
    asked, note = settings.groups, None
    if asked == AUTO:
        if settings.find_groups is None:
            raise InputError("`groups='auto'` takes what finds them; call `polytask.fit`.")
        phase("relating targets")
        asked = settings.find_groups(prepared, settings.seed)
        note = found_message(asked)
    groups = settled(asked, names)
    if note is not None:
        prepared = replace(prepared, messages=(*prepared.messages, note))
    return prepared, replace(settings, groups=groups)


def _rehearse(settings: FitSettings, prepared: PreparedTable, where: Surroundings) -> None:
    if settings.resume_folder is not None:
        titles = group_titles(prepared, settings.groups, settings.config, baselines=settings.baselines)
        rehearse(settings.resume_folder, titles, where.identity)


def _single_threaded(config: TableConfig) -> AbstractContextManager[object]:
    return single_threaded(when=config.width * (config.batch_size or 64) <= _SMALL)


def _described(
    frame: pd.DataFrame | LargeTable, prepared: PreparedTable, columns: Columns, settings: FitSettings
) -> dict[str, object]:
    """Say where a model comes from; of what is asked of single targets, what was given."""
    by_target = {name: getattr(settings, name) for name in ("class_weights", "target_weights", "metrics")}
    by_target |= {name: getattr(settings, name) for name in ("task_sampling", "sampling_temperature")}
    others = {"fold_column": columns.fold, "text_encoder": _text_encoder(prepared)}
    if not columns.of_tasks:
        by_target["shares_of_targets"] = shares_of_targets(prepared, settings.task_sampling)
    by_target["groups"] = settings.groups and [list(group) for group in settings.groups]
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
        **{name: given for name, given in (by_target | others).items() if given},
    }


def _text_encoder(prepared: PreparedTable) -> str | None:
    """Return the pretrained encoder that columns of text are read with; None for none."""
    used = [one.encoder for one in prepared.encoder.encodings if one.kind == "text"]
    return next(filter(None, used), None)


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
            **{name: value for name, value in data.items() if name not in ("fingerprint", "rows", "groups")},
            **({} if settings.groups is None else {"groups": groups_text(settings.groups)}),
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
    settings: FitSettings,
    sharpness: Mapping[str, Sharpness],
    *,
    n_rows: int,
    start: float,
) -> FitResults:
    """Judge what was trained; a target that is trained alone gains nothing from others, and loses nothing."""
    blocks_of = derive_seed(settings.seed, "blocks")
    folds = prepared.repeats[0]
    judged = judge(prepared, fitted.joint, fitted.baseline, constant_predictions(prepared), seed=blocks_of)
    told = [replace(found, single=True) if found.task in fitted.single else found for found in judged]
    itself = {name: fitted.joint[name] for name in fitted.single} if fitted.baseline else {}
    return FitResults(
        tasks=tuple(_with_sharpness(found, sharpness.get(found.task)) for found in told),
        delta_m=mean_gain(prepared, fitted.joint, {**fitted.baseline, **itself}, seed=blocks_of),
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
        groups=settings.groups or (),
    )


def _with_sharpness(found: TaskResult, sharpness: Sharpness | None) -> TaskResult:
    if sharpness is None:
        return found
    errors = {"before": sharpness.before, "after": sharpness.after}
    return replace(found, temperature=sharpness.temperature, calibration_error=errors)
