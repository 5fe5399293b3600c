"""Fit a table: several targets, one model, and an honest comparison."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd
from torch import nn

from polytask.core import InputError, SharedModel, derive_seed
from polytask.data import fingerprint, read_table
from polytask.estimators.prepare import Columns, Prepared, prepare
from polytask.estimators.results import summarize
from polytask.estimators.table_config import TableConfig
from polytask.estimators.table_model import TableModel
from polytask.estimators.table_training import Surroundings, train_table_learner
from polytask.evaluate import evaluate
from polytask.train import single_threaded

__all__ = ["fit"]

_SMALL = 256 * 256  # numbers in a layer of one step, below which threads cost more than they bring


def fit(
    table: pd.DataFrame | str | Path,
    targets: Sequence[str],
    *,
    group: str | None = None,
    time_column: str | None = None,
    drop: Sequence[str] = (),
    seeds: int = 3,
    baselines: bool = True,
    seed: int = 0,
    checkpoint: str | Path | None = None,
    accelerator: str = "cpu",
    precision: str = "32-true",
    progress: bool = False,
    **settings: Any,
) -> TableModel:
    """Train one model of several targets of a table, and compare it with a separate model for each.

    Every seed draws its own split (60 % training, 20 % validation, 20 % test) and initialization; the figures
    are averaged over seeds, with intervals that allow for overlapping splits (see `mean_interval`), and the
    model of the seed with the best validation Δm is returned. A split by time is the same for every seed, so
    its intervals tell of the initialization alone.

    Args:
        table: A CSV or Parquet file, or a data frame. Missing features and missing labels are fine.
        targets: Columns to predict, as ``NAME`` or ``NAME:KIND`` with kind regression, binary or multiclass.
        group: Rows that share a value of this column stay on one side of the split.
        time_column: Train on earlier rows and test on later ones.
        drop: Columns that are not to be used.
        seeds: How many seeds; intervals need 2 or more.
        baselines: Also train the separate models; they have the joint model's trunk, each to itself.
        seed: The first seed; the same one gives the same model.
        checkpoint: A folder; a killed fit that is called again with it continues where it was.
        accelerator: As in Lightning Fabric: ``"cpu"``, ``"cuda"``, ``"auto"``.
        precision: ``"32-true"``, ``"64-true"``, ``"bf16-mixed"`` or ``"bf16-true"``.
        progress: Show bars.
        **settings: See `TableConfig`: ``sharing``, ``balancing``, ``width``, ``epochs`` ….

    Returns:
        The model; its ``results`` hold the comparison.

    Raises:
        InputError: A setting or the table is wrong; the message says what, where and how to mend it.

    Example:
        >>> import numpy as np, pandas as pd
        >>> x = np.random.default_rng(0).random((80, 2))
        >>> table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "sum": x.sum(1), "more": x[:, 0] > 0.5})
        >>> model = fit(table, ["sum", "more:binary"], seeds=1, epochs=2, baselines=False)
        >>> list(model.predict(table.head(2)).columns)
        ['sum', 'more', 'more:p(False)', 'more:p(True)']
    """
    config = _config(settings)
    if seeds < 1:
        raise InputError(f"`seeds` must be at least 1, got {seeds}.")
    if isinstance(targets, str) or not targets:
        raise InputError("`targets` must be a list with at least one column name.")
    frame = read_table(table)
    columns = Columns(targets=tuple(targets), group=group, time=time_column, drop=tuple(drop))
    where = Surroundings(
        accelerator=accelerator,
        precision=precision,
        checkpoint=None if checkpoint is None else Path(checkpoint),
        progress=progress,
    )
    start = time.perf_counter()
    # All seeds are prepared first: a table that is wrong for one of them fails before any training.
    prepared = [prepare(frame, columns, seed=derive_seed(seed, "split", index)) for index in range(seeds)]
    small = config.width * config.batch_size <= _SMALL
    with single_threaded(when=small):
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
        test_over_train=0.0 if time_column else len(first.test) / len(first.train),
        messages=list(dict.fromkeys(message for one in prepared for message in one.messages)),
    )
    data = {
        "fingerprint": fingerprint(frame),
        "rows": len(frame),
        "targets": list(targets),
        "group": group,
        "time_column": time_column,
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
    joint: dict[str, dict[str, float]]
    separate: dict[str, dict[str, float]]
    n_separate: int


def _fit_seed(
    prepared: Prepared, config: TableConfig, *, index: int, seed: int, baselines: bool, where: Surroundings
) -> _SeedRun:
    """Train the joint model and the separate ones on one split, and judge them on its test rows."""
    names = [task.name for task in prepared.tasks]
    title = f"seed {index + 1} joint"
    learner, outcome = train_table_learner(prepared, names, config, seed=seed, title=title, where=where)
    separate: dict[str, dict[str, float]] = {}
    n_separate = 0
    for name in names if baselines else ():
        title = f"seed {index + 1} {name} alone"
        alone, _ = train_table_learner(prepared, [name], config, seed=seed, title=title, where=where)
        separate |= _judge(alone, prepared, [name])
        n_separate += _count(alone)
    return _SeedRun(
        learner=learner,
        score=outcome.best_score if outcome.best_score is not None else float("-inf"),
        joint=_judge(learner, prepared, names),
        separate=separate,
        n_separate=n_separate,
    )


def _judge(learner: SharedModel, prepared: Prepared, names: Sequence[str]) -> dict[str, dict[str, float]]:
    tasks = [task for task in prepared.tasks if task.name in names]
    device = next(learner.parameters()).device
    return evaluate(learner.adapt(tasks), prepared.test.only(names).to(device), scales=prepared.scales)


def _config(settings: dict[str, Any]) -> TableConfig:
    known = [entry.name for entry in fields(TableConfig)]
    unknown = [name for name in settings if name not in known]
    if unknown:
        raise InputError(f"There is no setting {', '.join(unknown)}; there are {', '.join(known)}.")
    return TableConfig(**settings)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
