"""From a table that is read in pieces to compact rows, and to the sample of them by which a model is judged.

All labelled rows train. A sample of them judges: it decides where targets stop, what networks weigh, how sure
they are and how good. It is drawn at random among the labelled rows of each target, so that a target with few
labels is judged by all of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import Batch, DataError, InputError
from polytask.core.names import counted
from polytask.data.tables.compact_filling import fill_rows
from polytask.data.tables.compact_rows import CompactRows
from polytask.data.tables.large_table import LARGE_ROWS, LargeTable
from polytask.data.tables.leaks import repeated_rows_message
from polytask.data.tables.problems import problem_error
from polytask.data.tables.survey import Survey, survey_table
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.target_kinds import parse_target
from polytask.data.tables.target_labels import target_messages
from polytask.data.tables.targets import target_series
from polytask.data.tables.text_features import HASHED
from polytask.fitting.large_folds import DealtRows, check_units, deal_rows
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import LargeRows, PreparedTable, unfolded_message

__all__ = ["prepare_large_table"]

MOST_JUDGED = 200_000
"""Labels of each target that judge, at most."""

_FEWEST_JUDGED = 20_000
_JUDGED_NUMBERS = 2**23  # features of the rows that judge, together
_AT_ONCE = 2**16  # rows


def prepare_large_table(
    table: LargeTable, columns: Columns, *, folds: Any = None, repeats: int = 1, seed: int
) -> PreparedTable:
    """Encode a table that is read in pieces, deal its labelled rows, and draw those that judge.

    Args:
        table: The table.
        columns: What its columns are.
        folds: How many; None for 3.
        repeats: How often rows are dealt anew.
        seed: Decides sample, order, and folds.

    Returns:
        The table; its ``rows`` and ``repeats`` are those that judge.

    Raises:
        DataError: The table cannot be used; the message names column, problem and remedy.
    """
    if columns.fold is not None and folds is not None:
        raise InputError("Give either `folds` or `fold_column`: a column has as many folds as values.")
    if columns.text_encoder not in (None, HASHED):
        raise InputError(
            f"`text_encoder={columns.text_encoder!r}` does not go with a table of {len(table):,} rows, which "
            f"is read in pieces. Leave it out, or give at most {LARGE_ROWS:,} rows."
        )
    names = pd.DataFrame(columns=pd.Index(table.names, dtype=object))
    features = columns.features(names)
    _check_targets(names, columns.targets)
    survey = survey_table(table, features, columns.targets, seed=seed)
    targets = survey.targets
    roles = {"group": columns.group, "time": columns.time}
    rows, report = fill_rows(
        table, survey.encoder, targets, **roles, weight=columns.weight, fold=columns.fold, seed=seed
    )
    problems = [
        *_label_problems(rows, targets),
        *check_units(rows, [target.task.name for target in targets], **roles),
    ]
    if problems:
        raise problem_error(problems)
    dealt = deal_rows(rows, **roles, column=columns.fold, folds=folds, repeats=repeats, seed=seed)
    judging = _judging(rows, n_features=survey.encoder.n_features)
    batch = _judging_batch(rows, targets, judging)
    messages = [
        *target_messages(
            survey.labels,
            targets,
            asked=columns.targets,
            counts=_class_counts(rows, targets),
            n_rows=table.n_rows,
        ),
        *_unfolded(rows, columns.fold),
        *_leaks(rows, dealt, judging.rows),
        *report.messages(),
        _sampled(rows, survey, len(batch)),
    ]
    return PreparedTable(
        encoder=survey.encoder,
        targets=targets,
        rows=batch,
        indices=rows.indices[judging.rows].astype(np.int64),
        repeats=dealt.folds(judging.rows),
        groups=None if rows.groups is None else rows.groups[judging.rows].astype(np.int64),
        times=None if rows.times is None else rows.times[judging.rows],
        weights=None if rows.weights is None else rows.weights[torch.from_numpy(judging.rows)],
        given_folds=columns.fold is not None,
        messages=tuple(messages),
        large=LargeRows(rows=rows, dealt=dealt),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Judging:
    """The rows that judge: positions, and of each target the position where its sample ends."""

    rows: np.ndarray
    ends: tuple[int, ...]


def _judging(rows: CompactRows, *, n_features: int) -> _Judging:
    """Take the first labels of each target: rows are in random order."""
    wanted = int(np.clip(_JUDGED_NUMBERS // n_features, min(_FEWEST_JUDGED, MOST_JUDGED), MOST_JUDGED))
    known = [~np.isnan(column) for column in rows.targets.numpy().T]
    ends = []
    for one in known:
        count, end = 0, 0
        while count < wanted and end < len(rows):
            places = np.flatnonzero(one[end : end + _AT_ONCE])[: wanted - count]
            count += len(places)
            end = end + int(places[-1]) + 1 if count == wanted else min(end + _AT_ONCE, len(rows))
        ends.append(end)
    judges = np.zeros(max(ends), dtype=bool)
    for one, end in zip(known, ends, strict=True):
        judges[:end] |= one[:end]
    return _Judging(rows=np.flatnonzero(judges), ends=tuple(ends))


def _judging_batch(rows: CompactRows, targets: Sequence[TargetColumn], judging: _Judging) -> Batch:
    """Return the rows that judge as they are where a table is in memory, each label where it counts."""
    chosen = torch.from_numpy(judging.rows)
    values: dict[str, Tensor] = {}
    masks: dict[str, Tensor] = {}
    for index, (target, end) in enumerate(zip(targets, judging.ends, strict=True)):
        labels = rows.targets[:, index][chosen]
        mask = ~labels.isnan() & (chosen < end)
        labels = torch.where(mask, labels, 0.0)
        name = target.task.name
        values[name], masks[name] = (labels.long() if target.task.kind == "multiclass" else labels), mask
    inputs = torch.cat([rows.inputs(part) for part in chosen.split(_AT_ONCE)])
    return Batch(inputs=inputs, targets=values, masks=masks)


def _unfolded(rows: CompactRows, column: str | None) -> list[str]:
    n_free = 0 if rows.folds is None else int((rows.folds < 0).sum())
    return unfolded_message(n_free, column)


def _check_targets(names: pd.DataFrame, targets: Sequence[str]) -> None:
    problems = []
    for text in targets:
        try:
            target_series(names, parse_target(text, names.columns)[0])
        except DataError as error:
            problems.append(str(error))
    if problems:
        raise problem_error(problems)


def _label_problems(rows: CompactRows, targets: Sequence[TargetColumn]) -> list[str]:
    return [
        f"Target {target.task.name!r} has no label at all. Fill the column, or leave the target out."
        for index, target in enumerate(targets)
        if bool(rows.targets[:, index].isnan().all())
    ] + [
        f"All labels of {target.task.name!r} have a weight of 0 in the column of `weight_column`. Raise "
        "some, or leave the target out."
        for index, target in enumerate(targets)
        if rows.weights is not None and not bool((rows.weights * ~rows.targets[:, index].isnan()).any())
    ]


def _class_counts(rows: CompactRows, targets: Sequence[TargetColumn]) -> Mapping[str, Counter[str]]:
    """Count the rows of every class."""
    found = {}
    for index, target in enumerate(targets):
        labels = rows.targets[:, index].numpy()
        codes = labels[~np.isnan(labels)].astype(np.int64) if target.classes else np.zeros(0, dtype=np.int64)
        counts = np.bincount(codes, minlength=len(target.classes)).tolist()
        found[target.task.name] = Counter(dict(zip(target.classes, counts, strict=True)))
    return found


def _leaks(rows: CompactRows, dealt: DealtRows, judging: np.ndarray) -> list[str]:
    """Look for rows that judge the last fold and are in its training rows, too."""
    last = dealt.n_folds - 1
    test = judging[dealt.judges(0, last, judging)]
    hashes = np.concatenate(
        [rows.row_hashes(part) for part in np.array_split(test, 1 + len(test) // _AT_ONCE)]
    )
    ordered = np.unique(hashes)
    trained = np.zeros(len(ordered), dtype=bool)
    for start in range(0, len(rows), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        found = rows.row_hashes(part)[dealt.trains(0, last, part)]
        places = np.searchsorted(ordered, found).clip(max=max(len(ordered) - 1, 0))
        trained[places[ordered[places] == found] if len(ordered) else places[:0]] = True
    return repeated_rows_message(trained[np.searchsorted(ordered, hashes)])


def _sampled(rows: CompactRows, survey: Survey, n_judging: int) -> str:
    """Say what a sample decides."""
    if n_judging == len(rows) and survey.n_sample >= len(rows):
        return f"The table is read in pieces, as it has {counted(len(rows), 'row')} with a label."
    return (
        f"The table is read in pieces, as it has {len(rows):,} rows with a label. Kinds of columns, medians "
        f"and notes come from a sample of {survey.n_sample:,} rows; figures, bins and calibration from "
        f"{n_judging:,} held-out rows. All rows are trained on."
    )
