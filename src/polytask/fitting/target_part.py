"""The part of a prepared table that some of its targets are trained on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from polytask.core import DataError
from polytask.data.tables.folds import Fold
from polytask.fitting.table_preparation import LargeRows, PreparedTable
from polytask.fitting.target_groups import group_name

__all__ = ["TargetPart", "target_part"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TargetPart:
    """Some of the targets of a table, and the rows with a label of one of them.

    Args:
        prepared: The part, as a table of its own.
        rows: Where its rows are among those of the whole, int64 ``[row of the part]``.
        n_rows: How many rows the whole has.
    """

    prepared: PreparedTable
    rows: np.ndarray
    n_rows: int

    def spread(self, predictions: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Put what is predicted for rows of the part where they are in the whole; NaN in the others."""
        found = {}
        for name, values in predictions.items():
            found[name] = torch.full((self.n_rows, *values.shape[1:]), torch.nan, dtype=values.dtype)
            found[name][torch.from_numpy(self.rows)] = values
        return found


def target_part(prepared: PreparedTable, names: Sequence[str]) -> TargetPart:
    """Take some of the targets, with the rows that have a label of one of them, in the same folds.

    Folds that have no such row on one side are left out; of a table that is read in pieces, none may be.

    Args:
        prepared: The table.
        names: The targets.

    Raises:
        DataError: Too few folds have labels on both sides.
    """
    labelled = torch.stack([prepared.rows.labelled(name) for name in names]).any(0)
    chosen = labelled.nonzero()[:, 0]
    rows = chosen.numpy()
    repeats = [[_among(fold, labelled.numpy()) for fold in folds] for folds in prepared.repeats]
    usable = [tuple(fold for fold in folds if len(fold.train) and len(fold.held_out)) for folds in repeats]
    whole = all(len(ours) == len(folds) for ours, folds in zip(usable, repeats, strict=True))
    if not (whole if prepared.large is not None else any(usable)):
        raise DataError(
            f"The group {group_name(names)} of `groups` has labels in too few folds to train and to judge "
            "networks of its own. Put these targets into a group with others, or label more rows."
        )
    part = replace(
        prepared,
        targets=tuple(target for target in prepared.targets if target.task.name in names),
        rows=prepared.rows.rows(chosen).only(names),
        indices=prepared.indices[rows],
        repeats=tuple(folds for folds in usable if folds),
        groups=None if prepared.groups is None else prepared.groups[rows],
        times=None if prepared.times is None else prepared.times[rows],
        weights=None if prepared.weights is None else _with_mean_1(prepared.weights[chosen]),
        draws=None if prepared.draws is None else prepared.draws.only(chosen),
        target_weights=_weights(prepared.target_weights, names),
        large=None if prepared.large is None else _large(prepared, names),
    )
    return TargetPart(prepared=part, rows=rows, n_rows=len(prepared.rows))


def _among(fold: Fold, labelled: np.ndarray) -> Fold:
    """Keep the labelled rows of a fold, as indices among these."""
    place = np.cumsum(labelled) - 1
    return Fold(
        train=place[fold.train[labelled[fold.train]]],
        held_out=place[fold.held_out[labelled[fold.held_out]]],
    )


def _with_mean_1(weights: Tensor) -> Tensor:
    return weights / weights.mean()


def _weights(weights: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return the weights of some targets, with mean 1 as among all; nothing where they are all alike."""
    ours = {name: weights[name] for name in names if name in weights}
    mean = sum(ours.values()) / max(len(ours), 1)
    return {name: weight / mean for name, weight in ours.items()} if len(set(ours.values())) > 1 else {}


def _large(prepared: PreparedTable, names: Sequence[str]) -> LargeRows | None:
    """Take some of the targets where the table is read in pieces; rows without a label count for nothing."""
    large = prepared.large
    if large is None:
        return None
    places = [index for index, task in enumerate(prepared.tasks) if task.name in names]
    classes = frozenset(index for index, place in enumerate(places) if place in large.rows.classes)
    return replace(
        large, rows=replace(large.rows, targets=large.rows.targets[:, places].contiguous(), classes=classes)
    )
