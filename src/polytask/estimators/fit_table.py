"""Fit a table: several targets, one model, and an honest comparison."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack, overload

from polytask.data import read_table
from polytask.data.tables.large_table import open_table
from polytask.estimators.fit_options import FitOptions
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.planned_fit import PlannedFit
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_fit import fit_table, plan_fit
from polytask.fitting.task_table_fit import fit_task_table, pooled_columns
from polytask.models.table_model import TableModel
from polytask.models.task_table_model import TaskTableModel
from polytask.relate import related_groups
from polytask.renamed import renamed_settings
from polytask.train.progress import phase, run_line

__all__ = ["fit", "plan"]

_OLD_NAMES = {"sharing": "architecture", "checkpoint": "resume_folder", "seeds": "repeats"}


@overload
def fit(
    table: Any, targets: Any, *, task_column: None = None, **settings: Unpack[FitOptions]
) -> TableModel: ...
@overload
def fit(
    table: Any, targets: Any, *, task_column: str | int, **settings: Unpack[FitOptions]
) -> TaskTableModel: ...
def fit(
    table: Any,
    targets: Any,
    *,
    task_column: str | int | None = None,
    group: str | int | None = None,
    time_column: str | int | None = None,
    weight_column: str | int | None = None,
    fold_column: str | int | None = None,
    text_encoder: str | None = None,
    drop: Any = (),
    groups: Any = None,
    folds: Any = None,
    repeats: int = 1,
    baselines: bool = True,
    class_weights: Any = None,
    target_weights: Mapping[str, float] | None = None,
    metrics: Mapping[str, str] | None = None,
    task_sampling: str | None = None,
    sampling_temperature: float | None = None,
    architecture: str = "hard",
    balancing: str = "equal",
    heads: str | None = None,
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
    progress: bool | None = None,
    **others: Any,
) -> TableModel | TaskTableModel:
    """Train one model of several targets of a table, and compare it with a separate model for each.

    The labelled rows are dealt into folds. For each fold a network is trained on the others; the model is the
    average of them all, so that every row trains. Every row is judged once, by networks that did not
    see it, and so is every metric, paired row by row with a model for each target alone. Each target stops
    where its own loss on held-out rows is lowest.

    With the default architecture several forms of network are averaged, each target with the weights that its
    held-out rows choose: on standardized numbers, with small weights, on numbers in bins too, and a linear
    one.

    Args:
        table: A CSV or Parquet file, several Parquet files, a data frame, or what else `read_table` reads.
            Missing features and missing labels are fine. More than a million rows are read in pieces, see
            ``docs/large-tables.md``.
        targets: Columns to predict, as ``NAME`` or ``NAME:KIND`` with kind regression, log, binary or
            multiclass: one, a sequence, or a dictionary of kinds by name. ``log`` is for positive numbers
            that are learned on a log scale, and answered in their units (see `TargetColumn.units`).
        task_column: Tells which task a row belongs to: a shop, a patient, a school. Tasks differ from what
            all have in common as far as their rows tell, and new tasks are learned from few rows; see
            `polytask.models.TaskTableModel`, which is returned then. It is no feature.
        group: Rows that share a value of this column are never on both sides.
        time_column: Train on earlier rows and judge by later ones; the model itself is trained on all.
        weight_column: How much each row counts in training; it is no feature.
        fold_column: Rows that share a value of this column are a fold, instead of ``folds``; rows without one
            train in every fold. It is no feature.
        text_encoder: Reads columns of text, beside their hashed words: ``"minilm"``, or the wider
            ``"minilm-3-layers"``, for which weights have to be here (`polytask.encoders.pretrained`); the
            model needs the same weights where it is used. ``"hashed-text"`` for hashed words alone; None for
            ``"minilm"`` if its weights are here and a column has at most 10,000 different texts.
        drop: Columns that are not to be used; one, or a sequence.
        groups: Which targets are trained together, as ``[["a", "b"], ["c"]]`` or ``"a,b;c"``: each group gets
            networks of its own, and the model answers all targets. ``"auto"`` for the groups that
            `polytask.relate` finds in the labelled rows with the same ``seed``. None for all together.
        folds: How many folds, None for 5 (3 above 20,000 labelled rows); a scikit-learn splitter; or pairs
            of row positions (training, held out).
        repeats: How often rows are dealt anew: more networks, and steadier figures.
        baselines: Also train a model for each target alone, in the same way; not for targets that are alone
            in their group.
        class_weights: How much an error on each class costs: ``"balanced"`` for all targets of classes; or by
            target that, or a weight by class, as ``{"sold": {"yes": 5}}`` with 1 for the others. Answers are
            those of lowest expected cost; probabilities stay those of the table, see
            `polytask.fitting.class_weights`.
        target_weights: How much targets count in the loss of what they share, by name; 1 for the others. What
            matters is their ratio. ``balancing`` other than ``"equal"`` chooses weights itself.
        metrics: Which metric judges a target, by name, as ``{"sold": "auroc", "cost": "mae"}``: for gains and
            verdicts, and for `TableModel.importance`. Training and stopping go by the loss. There are, for
            numbers rmse, mae, r2; for two classes accuracy, auroc, f1, balanced_accuracy, average_precision,
            log_loss, brier; for several accuracy, balanced_accuracy, f1, log_loss, brier.
        task_sampling: How often the tasks of ``task_column`` are drawn for batches, which ``results.drawn``
            counts; without it, how much targets count that have unlike numbers of labels: rows carry
            several, so that these losses are weighed, see `polytask.fitting.task_shares`.
            ``"proportional"`` to their labels, ``"round-robin"`` for all alike, or ``"temperature"`` in
            between. Or, from epoch to epoch: ``"loss"``, most what has been learned least, and
            ``"progress"``, most what is learned fastest. None for every row once an epoch, and targets alike.
        sampling_temperature: Of ``"temperature"``: labels to the power of one over it; None for 5.
        architecture: How the targets share, see `polytask.architectures.architecture_names`. All but
            ``"hard"`` are trained fold after fold, each stopped by a further fold.
        balancing: How the targets' losses become one update, see `polytask.balancing.balancer_names`; all but
            ``"equal"`` are trained fold after fold.
        heads: ``"shared"`` for one head of all targets of a kind, where each has a representation of its own
            (all architectures but ``"hard"`` and ``"tabm"``); ``"own"`` for one each; None for what the
            architecture has. See `TableConfig`.
        width: Units of each layer.
        depth: Layers.
        dropout: Probability of dropping a unit.
        epochs: Passes over the training rows at most.
        patience: A target stops after so many epochs without a lower loss on held-out rows.
        learning_rate: Of AdamW.
        weight_decay: Of AdamW, decoupled.
        batch_size: Rows a step; None for a number that fits the table, see `TableConfig`.
        bins: Bins of a number at most, of ``"hard"`` (48); 0 for none.
        members: Networks of ``"tabm"`` (16).
        soft_strength: Pull of ``"soft"`` and ``"trace-norm"`` (0.01).
        seed: The same one gives the same model.
        time_budget: Seconds after which training stops with what is best so far; the result then depends on
            the machine. Groups share it evenly. None for as long as it takes.
        resume_folder: A folder; a killed fit that is called again with it continues where it was. A fit of
            another table or with other settings is refused there; ``baselines`` may change.
        accelerator: As in Lightning Fabric: ``"cpu"``, ``"cuda"``, ``"auto"``.
        precision: How to train: ``"32-true"``, ``"64-true"``, ``"bf16-mixed"`` or ``"bf16-true"``; the
            model has 32 bits afterwards.
        progress: Show one line for the whole run: its phase, the time left; None where a person watches.
        **others: Nothing but names of earlier versions, which warn.

    Returns:
        The model; its ``results`` hold the comparison. Targets for which the model is not clearly better
        than a constant answer are named there, and in a `ResultWarning`. What was noteworthy about the data,
        such as columns that are of no use and kinds that were guessed, is told before training starts, in a
        `DataWarning` each.

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
    settings = {
        "architecture": architecture, "balancing": balancing, "heads": heads, "width": width, "depth": depth,
        "dropout": dropout, "epochs": epochs, "patience": patience, "learning_rate": learning_rate,
        "weight_decay": weight_decay, "batch_size": batch_size, "bins": bins, "members": members,
        "soft_strength": soft_strength, "repeats": repeats, "folds": folds, "seed": seed,
        "baselines": baselines, "groups": groups, "class_weights": class_weights,
        "target_weights": target_weights, "metrics": metrics,
        "task_sampling": task_sampling, "sampling_temperature": sampling_temperature, "progress": progress,
        "accelerator": accelerator, "precision": precision, "resume_folder": resume_folder,
        "time_budget": time_budget,
    }  # fmt: skip
    checked = FitSettings.checked(settings | renamed_settings(others, _OLD_NAMES), find_groups=related_groups)
    columns = Columns.of(
        targets, group=group, time=time_column, drop=drop, weight=weight_column, fold=fold_column,
        text_encoder=text_encoder,
    )  # fmt: skip
    with run_line("fit", shown=checked.progress):
        phase("reading")
        if task_column is None:
            return fit_table(open_table(table), columns, checked, stacklevel=3)
        return fit_task_table(read_table(table), columns, checked, str(task_column), stacklevel=3)


def plan(
    table: Any,
    targets: Any,
    *,
    group: str | int | None = None,
    time_column: str | int | None = None,
    weight_column: str | int | None = None,
    fold_column: str | int | None = None,
    task_column: str | int | None = None,
    text_encoder: str | None = None,
    drop: Any = (),
    **settings: Any,
) -> PlannedFit:
    """Read and check everything that `fit` is given, and tell what it would do; nothing is trained.

    Args:
        table: As for `fit`.
        targets: As for `fit`.
        group: As for `fit`.
        time_column: As for `fit`.
        weight_column: As for `fit`.
        fold_column: As for `fit`.
        task_column: As for `fit`; what is planned is the pooled model of all tasks.
        text_encoder: As for `fit`.
        drop: As for `fit`.
        **settings: The others of `fit`.

    Raises:
        InputError: What `fit` would refuse.
    """
    checked = FitSettings.checked(settings, find_groups=related_groups)
    columns = Columns.of(
        targets, group=group, time=time_column, drop=drop, weight=weight_column, fold=fold_column,
        text_encoder=text_encoder,
    )  # fmt: skip
    if task_column is not None:
        columns = pooled_columns(columns, str(task_column))
    return plan_fit(open_table(table), columns, checked)
