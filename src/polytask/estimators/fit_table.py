"""Fit a table: several targets, one model, and an honest comparison."""

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from torch import nn

from polytask.core import Batch, DataWarning, Predictor, ResultWarning, SharedModel, Task, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.errors import other_remedy
from polytask.core.files import user_path
from polytask.core.interrupts import interruptible
from polytask.core.settings import SettingsCheck
from polytask.data import read_table
from polytask.data.tables.table import fingerprint
from polytask.evaluate import evaluate
from polytask.evaluate.metrics import all_predictions
from polytask.evaluate.skill import ConstantReference, TaskLead, clearly_ahead
from polytask.fitting.table_preparation import Columns, Prepared, prepare
from polytask.fitting.table_summary import Metrics, summarize
from polytask.fitting.table_training import Surroundings, rehearse, train_table_learner
from polytask.models.table_config import TableConfig, check_used, unused_for
from polytask.models.table_model import TableModel
from polytask.renamed import renamed_settings
from polytask.train.threads import single_threaded

__all__ = ["fit"]

_REMEDY = "Lower `learning_rate`, or look for values far from all others in the targets."
_AGAIN = "call `fit` again with the same `resume_folder`"
_SMALL = 256 * 256  # numbers in a layer of one step, below which threads cost more than they bring


def fit(
    table: Any,
    targets: Any,
    *,
    group: str | int | None = None,
    time_column: str | int | None = None,
    drop: Any = (),
    seeds: int = 3,
    baselines: bool = True,
    seed: int = 0,
    resume_folder: str | Path | None = None,
    accelerator: str = "cpu",
    precision: str = "32-true",
    progress: bool = False,
    **settings: Any,
) -> TableModel:
    """Train one model of several targets of a table, and compare it with a separate model for each.

    Every seed draws its own split (60 % training, 20 % validation, 20 % test) and initialization; the figures
    are averaged over seeds, with intervals that allow for overlapping splits (see `mean_interval`), and the
    model of the seed with the best validation skill is returned. A split by time is the same for every
    seed, so its intervals tell of the initialization alone.

    Args:
        table: A CSV or Parquet file, a data frame, or what else `read_table` reads. Missing features and
            missing labels are fine.
        targets: Columns to predict, as ``NAME`` or ``NAME:KIND`` with kind regression, binary or multiclass:
            one, a sequence, or a dictionary of kinds by name.
        group: Rows that share a value of this column stay on one side of the split.
        time_column: Train on earlier rows and test on later ones.
        drop: Columns that are not to be used; one, or a sequence.
        seeds: How many seeds; intervals need 2 or more.
        baselines: Also train the separate models; they have the joint model's trunk, each to itself.
        seed: The first seed; the same one gives the same model.
        resume_folder: A folder; a killed fit that is called again with it continues where it was. A fit of
            another table or with other settings is refused there; ``seeds`` and ``baselines`` may change.
        accelerator: As in Lightning Fabric: ``"cpu"``, ``"cuda"``, ``"auto"``.
        precision: How to train: ``"32-true"``, ``"64-true"``, ``"bf16-mixed"`` or ``"bf16-true"``; the
            model has 32 bits afterwards.
        progress: Show bars.
        **settings: See `TableConfig`: ``architecture``, ``balancing``, ``width``, ``epochs`` ….

    Returns:
        The model; its ``results`` hold the comparison. Targets for which the model is not clearly better
        than a constant answer are named there, and in a `ResultWarning`; words that were taken for missing
        values, in a `DataWarning`.

    Raises:
        InputError: A setting or the table is wrong; the message says what, where and how to mend it.

    Example:
        >>> import numpy as np, pandas as pd
        >>> x = np.random.default_rng(0).random((200, 2))
        >>> table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "sum": x.sum(1), "more": x[:, 0] > 0.5})
        >>> model = fit(table, ["sum", "more:binary"], seeds=1, epochs=20, baselines=False)
        >>> list(model.predict(table.head(2)).columns)
        ['sum', 'more', 'more:p(False)', 'more:p(True)']
    """
    settings = renamed_settings(settings, {"sharing": "architecture", "checkpoint": "resume_folder"})
    resume_folder = settings.pop("resume_folder", resume_folder)
    call = {"seeds": seeds, "seed": seed, "baselines": baselines, "progress": progress}
    call |= {"accelerator": accelerator, "precision": precision, "resume_folder": resume_folder}
    config = _checked(settings, call)
    folder = None if resume_folder is None else user_path(resume_folder)
    columns = Columns.of(targets, group=group, time=time_column, drop=drop)
    frame = read_table(table)
    data_fingerprint = fingerprint(frame)
    where = Surroundings(
        accelerator=accelerator,
        precision=precision,
        resume_folder=folder,
        progress=progress,
        identity={
            "table": data_fingerprint, "targets": columns.targets, "group": columns.group,
            "time_column": columns.time, "drop": columns.drop, "seed": seed, "precision": precision,
            **config.to_json(),
        },
    )  # fmt: skip
    start = time.perf_counter()
    # All seeds are prepared first: a table that is wrong for one of them fails before any training.
    with usual_defaults():
        prepared = [prepare(frame, columns, seed=derive_seed(seed, "split", index)) for index in range(seeds)]
    if folder is not None:
        names = [task.name for task in prepared[0].tasks]
        titles = [title for index in range(seeds) for title in _runs(index, names, baselines)]
        rehearse(folder, titles, where.identity)
    notes = (*prepared[0].guesses, unused_for([task.name for task in prepared[0].tasks], config))
    for note in filter(None, notes):
        warnings.warn(note, DataWarning, stacklevel=2)
    small = config.width * config.batch_size <= _SMALL
    with (
        usual_defaults(),
        single_threaded(when=small),
        other_remedy(_REMEDY),
        interruptible(folder, again=_AGAIN, keep="`resume_folder`"),
    ):
        runs = [
            _fit_seed(
                one,
                config,
                index=index,
                seed=derive_seed(seed, "seed", index),
                baselines=baselines,
                where=where,
            )
            for index, one in enumerate(prepared)
        ]
    best = max(range(seeds), key=lambda index: runs[index].score)
    first = prepared[0]
    results = summarize(
        first.tasks,
        [run.joint for run in runs],
        [run.separate for run in runs if run.separate],
        n_parameters={"joint": _count(runs[0].learner), "separate": runs[0].n_separate},
        rows={"train": len(first.train), "validation": len(first.validation), "test": len(first.test)},
        seconds=time.perf_counter() - start,
        # Splits by row or group are drawn anew and overlap; a split by time is the same for every seed.
        test_over_train=0.0 if columns.time is not None else len(first.test) / len(first.train),
        messages=list(dict.fromkeys(message for one in prepared for message in one.messages)),
        constant=[run.constant for run in runs],
        better=_better(runs),
    )
    if (shortfall := results.shortfall()) is not None:
        warnings.warn(shortfall, ResultWarning, stacklevel=2)
    data = {
        "fingerprint": data_fingerprint,
        "rows": len(frame),
        "targets": list(columns.targets),
        "group": columns.group,
        "time_column": columns.time,
        "seed": seed,
        "best_seed_index": best,
    }
    chosen = prepared[best]
    return TableModel(
        runs[best].learner, chosen.encoder, chosen.targets, config=config, data=data, results=results
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SeedRun:
    learner: SharedModel
    score: float
    joint: Metrics
    separate: Metrics
    constant: Metrics
    leads: Mapping[str, TaskLead]
    n_separate: int


def _fit_seed(
    prepared: Prepared, config: TableConfig, *, index: int, seed: int, baselines: bool, where: Surroundings
) -> _SeedRun:
    """Train the joint model and the separate ones on one split, and judge them on its test rows."""
    names = [task.name for task in prepared.tasks]
    title, *titles = _runs(index, names, baselines)
    learner, outcome = train_table_learner(prepared, names, config, seed=seed, title=title, where=where)
    separate: dict[str, Mapping[str, float]] = {}
    n_separate = 0
    for name, title in zip(names, titles):
        alone, _ = train_table_learner(prepared, [name], config, seed=seed, title=title, where=where)
        separate |= _judge(alone.adapt(_tasks(prepared, [name])), alone, prepared)
        n_separate += _count(alone)
    predictor = learner.adapt(prepared.tasks)
    reference = ConstantReference(prepared.tasks, prepared.train, prepared.test)
    answers = all_predictions(predictor, _test_rows(prepared, learner))
    return _SeedRun(
        learner=learner,
        score=outcome.best_score if outcome.best_score is not None else float("-inf"),
        joint=_judge(predictor, learner, prepared),
        separate=separate,
        constant=evaluate(reference.predictor, prepared.test, scales=prepared.scales),
        leads={
            task.name: reference.lead(task, answers[task.name])
            for task in prepared.tasks
            if prepared.test.n_labels(task.name)
        },
        n_separate=n_separate,
    )


def _runs(index: int, names: Sequence[str], baselines: bool) -> list[str]:
    """Return the titles of a seed's trainings: the joint one, and one for every task alone."""
    alone = [f"seed {index + 1} {name} alone" for name in names] if baselines else []
    return [f"seed {index + 1} joint", *alone]


def _judge(predictor: Predictor, learner: SharedModel, prepared: Prepared) -> Metrics:
    return evaluate(predictor, _test_rows(prepared, learner), scales=prepared.scales)


def _test_rows(prepared: Prepared, learner: SharedModel) -> Batch:
    return prepared.test.to(next(learner.parameters()).device)


def _tasks(prepared: Prepared, names: Sequence[str]) -> list[Task]:
    return [task for task in prepared.tasks if task.name in names]


def _better(runs: Sequence[_SeedRun]) -> dict[str, bool]:
    """Tell for every task whether joint training is clearly better than the constant answer."""
    names = dict.fromkeys(name for run in runs for name in run.leads)
    return {name: clearly_ahead([run.leads[name] for run in runs if name in run.leads]) for name in names}


def _checked(settings: dict[str, Any], call: dict[str, Any]) -> TableConfig:
    """Build the configuration; what is wrong with it or with the call comes in one message."""
    check = SettingsCheck()
    known = [entry.name for entry in fields(TableConfig)]
    check.names(settings, known)
    check_used(check, settings)
    check.whole("seeds", call["seeds"], least=1)
    check.whole("seed", call["seed"], least=0)
    check.flag("baselines", call["baselines"])
    check.flag("progress", call["progress"])
    check.accelerator("accelerator", call["accelerator"])
    check.precision("precision", call["precision"])
    check.folder("resume_folder", call["resume_folder"])
    return check.finish(
        lambda: TableConfig(**{name: value for name, value in settings.items() if name in known})
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
