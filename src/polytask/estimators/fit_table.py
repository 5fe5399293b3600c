"""Fit a table: several targets, one model, and an honest comparison."""

import time
import warnings
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from polytask.core import DataWarning, ResultWarning, derive_seed
from polytask.core.defaults import usual_defaults
from polytask.core.errors import other_remedy
from polytask.core.files import user_path
from polytask.core.interrupts import interruptible
from polytask.core.settings import SettingsCheck
from polytask.data import read_table
from polytask.data.tables.table import fingerprint
from polytask.fitting.table_ensemble_fit import TableFit, fit_ensemble, run_titles
from polytask.fitting.table_preparation import Columns, PreparedTable, prepare_table
from polytask.fitting.table_surroundings import Surroundings, rehearse
from polytask.fitting.table_verdict import constant_answers, judge, judged_rows, mean_gain
from polytask.models.table_config import TableConfig, check_used, unused_for
from polytask.models.table_model import TableModel
from polytask.models.table_results import FitResults
from polytask.renamed import renamed_settings
from polytask.train.threads import single_threaded

__all__ = ["fit"]

_REMEDY = "Lower `learning_rate`, or look for values far from all others in the targets."
_AGAIN = "call `fit` again with the same `resume_folder`"
_SMALL = 256 * 256  # numbers in a layer of one step, below which threads cost more than they bring
_OLD_NAMES = {"sharing": "architecture", "checkpoint": "resume_folder", "seeds": "repeats"}


def fit(
    table: Any,
    targets: Any,
    *,
    group: str | int | None = None,
    time_column: str | int | None = None,
    weight_column: str | int | None = None,
    drop: Any = (),
    folds: Any = 5,
    repeats: int = 1,
    baselines: bool = True,
    architecture: str = "hard",
    balancing: str = "equal",
    width: int = 64,
    depth: int = 2,
    dropout: float = 0.1,
    epochs: int = 200,
    patience: int = 30,
    learning_rate: float = 3e-3,
    weight_decay: float = 1e-2,
    batch_size: int | None = None,
    bins: int | None = None,
    members: int | None = None,
    soft_strength: float | None = None,
    seed: int = 0,
    time_budget: float | None = None,
    resume_folder: str | Path | None = None,
    accelerator: str = "cpu",
    precision: str = "32-true",
    progress: bool = False,
    **others: Any,
) -> TableModel:
    """Train one model of several targets of a table, and compare it with a separate model for each.

    The labelled rows are dealt into folds. For each fold a network is trained on the others; the model is the
    average of them all, so that every row trains. Every row is judged once, by networks that did not
    see it, and so is every metric, paired row by row with a model for each target alone. Each target stops
    where its own loss on held-out rows is lowest.

    With the default architecture three forms of network are averaged, each target with the weights that its
    held-out rows choose: on standardized numbers, on numbers in bins as well, and a linear one.

    Args:
        table: A CSV or Parquet file, a data frame, or what else `read_table` reads. Missing features and
            missing labels are fine.
        targets: Columns to predict, as ``NAME`` or ``NAME:KIND`` with kind regression, binary or multiclass:
            one, a sequence, or a dictionary of kinds by name.
        group: Rows that share a value of this column are never on both sides.
        time_column: Train on earlier rows and judge by later ones; the model itself is trained on all.
        weight_column: How much each row counts in training; it is no feature.
        drop: Columns that are not to be used; one, or a sequence.
        folds: How many folds; a scikit-learn splitter; or pairs of row positions (training, held out).
        repeats: How often rows are dealt anew: more networks, and steadier figures.
        baselines: Also train a model for each target alone, in the same way.
        architecture: How the targets share, see `polytask.architectures.architecture_names`. All but
            ``"hard"`` are trained fold after fold, each stopped by a further fold.
        balancing: How the targets' losses become one update, see `polytask.balancing.balancer_names`; all but
            ``"equal"`` are trained fold after fold.
        width: Units of each layer.
        depth: Layers.
        dropout: Probability of dropping a unit.
        epochs: Passes over the training rows at most.
        patience: A target stops after so many epochs without a lower loss on held-out rows.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW, decoupled.
        batch_size: Rows a step; None for a number that fits the table, see `TableConfig`.
        bins: Bins of a number at most, of ``"hard"`` (16); 0 for none.
        members: Networks of ``"tabm"`` (16).
        soft_strength: Pull of ``"soft"`` and ``"trace-norm"`` (0.01).
        seed: The same one gives the same model.
        time_budget: Seconds after which training stops with what is best so far; the result then depends on
            the machine. None for as long as it takes.
        resume_folder: A folder; a killed fit that is called again with it continues where it was. A fit of
            another table or with other settings is refused there; ``baselines`` may change.
        accelerator: As in Lightning Fabric: ``"cpu"``, ``"cuda"``, ``"auto"``.
        precision: How to train: ``"32-true"``, ``"64-true"``, ``"bf16-mixed"`` or ``"bf16-true"``; the
            model has 32 bits afterwards.
        progress: Show bars.
        **others: Nothing but names of earlier versions, which warn.

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
        >>> model = fit(table, ["sum", "more:binary"], epochs=20, baselines=False)
        >>> list(model.predict(table.head(2)).columns)
        ['sum', 'more', 'more:p(False)', 'more:p(True)']
    """
    old = renamed_settings(others, _OLD_NAMES)
    settings: dict[str, Any] = {
        "architecture": architecture, "balancing": balancing, "width": width, "depth": depth,
        "dropout": dropout, "epochs": epochs, "patience": patience, "learning_rate": learning_rate,
        "weight_decay": weight_decay, "batch_size": batch_size,
    }  # fmt: skip
    asked = {"bins": bins, "members": members, "soft_strength": soft_strength}
    settings |= {name: value for name, value in asked.items() if value is not None}
    call = {
        "repeats": repeats, "folds": folds, "seed": seed, "baselines": baselines, "progress": progress,
        "accelerator": accelerator, "precision": precision, "resume_folder": resume_folder,
        "time_budget": time_budget,
    }  # fmt: skip
    call |= {name: old.pop(name) for name in list(old) if name in call}
    config = _checked(settings | old, call)
    start = time.perf_counter()
    folder = None if call["resume_folder"] is None else user_path(call["resume_folder"])
    columns = Columns.of(targets, group=group, time=time_column, drop=drop, weight=weight_column)
    frame = read_table(table)
    with usual_defaults():
        prepared = prepare_table(
            frame, columns, folds=folds, repeats=call["repeats"], seed=derive_seed(seed, "table")
        )
    source = _described(frame, columns, seed=seed)
    where = Surroundings(
        accelerator=accelerator,
        precision=precision,
        resume_folder=folder,
        progress=progress,
        identity={
            **source, "precision": precision, "repeats": call["repeats"],
            "folds": [len(fold.held_out) for fold in prepared.repeats[0]], **config.to_json(),
        },
        deadline=None if time_budget is None else time.monotonic() + time_budget,
    )  # fmt: skip
    if folder is not None:
        rehearse(folder, run_titles(prepared, config, separate=baselines), where.identity)
    for note in filter(None, (*prepared.guesses, unused_for([task.name for task in prepared.tasks], config))):
        warnings.warn(note, DataWarning, stacklevel=2)
    small = config.width * (config.batch_size or 64) <= _SMALL
    with (
        usual_defaults(),
        single_threaded(when=small),
        other_remedy(_REMEDY),
        interruptible(folder, again=_AGAIN, keep="`resume_folder`"),
    ):
        fitted = fit_ensemble(
            prepared, config, separate=baselines, seed=derive_seed(seed, "networks"), where=where
        )
        results = _results(prepared, fitted, n_rows=len(frame), seed=seed, start=start)
    if (shortfall := results.shortfall()) is not None:
        warnings.warn(shortfall, ResultWarning, stacklevel=2)
    return TableModel(
        fitted.model, prepared.encoder, prepared.targets, config=config, data=source, results=results
    )


def _described(frame: Any, columns: Columns, *, seed: int) -> dict[str, object]:
    """Say where a model comes from."""
    return {
        "fingerprint": fingerprint(frame),
        "rows": len(frame),
        "targets": list(columns.targets),
        "group": columns.group,
        "time_column": columns.time,
        "weight_column": columns.weight,
        "drop": list(columns.drop),
        "seed": seed,
    }


def _results(
    prepared: PreparedTable, fitted: TableFit, *, n_rows: int, seed: int, start: float
) -> FitResults:
    """Judge what was trained."""
    blocks_of = derive_seed(seed, "blocks")
    folds = prepared.repeats[0]
    return FitResults(
        tasks=judge(prepared, fitted.joint, fitted.separate, constant_answers(prepared), seed=blocks_of),
        delta_m=mean_gain(prepared, fitted.joint, fitted.separate, seed=blocks_of),
        n_folds=len(folds),
        n_repeats=len(prepared.repeats),
        n_parameters={
            "joint": sum(parameter.numel() for parameter in fitted.model.parameters()),
            "separate": fitted.n_separate,
        },
        rows={
            "table": n_rows,
            "labelled": len(prepared.rows),
            "judged": judged_rows(prepared.rows, [fitted.joint]),
        },
        seconds=time.perf_counter() - start,
        messages=prepared.messages,
        steps=fitted.steps,
    )


def _checked(settings: Mapping[str, Any], call: Mapping[str, Any]) -> TableConfig:
    """Build the configuration; what is wrong with it or with the call comes in one message."""
    check = SettingsCheck()
    known = [entry.name for entry in fields(TableConfig)]
    check.names(settings, known)
    check_used(check, settings)
    check.whole("repeats", call["repeats"], least=1)
    check.whole("seed", call["seed"], least=0)
    if isinstance(call["folds"], int | float):
        check.whole("folds", call["folds"], least=2)
    if call["time_budget"] is not None:
        check.number("time_budget", call["time_budget"], above=0)
    check.flag("baselines", call["baselines"])
    check.flag("progress", call["progress"])
    check.accelerator("accelerator", call["accelerator"])
    check.precision("precision", call["precision"])
    check.folder("resume_folder", call["resume_folder"])
    return check.finish(
        lambda: TableConfig(**{name: value for name, value in settings.items() if name in known})
    )
