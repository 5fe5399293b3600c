"""The encoded rows of a comparison and their folds, as arrays of numbers that a file holds."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from polytask.compare.table_rows import TableRows
from polytask.core import Batch
from polytask.data import TableEncoder
from polytask.data.tables.folds import Fold
from polytask.data.tables.target_column import TargetColumn

__all__ = ["arrays_of", "rows_of_arrays"]


def arrays_of(rows: TableRows, repeats: Sequence[Sequence[Fold]]) -> dict[str, np.ndarray]:
    """Return everything about rows as arrays of numbers, by names that `rows_of_arrays` knows.

    Args:
        rows: ``[row]``.
        repeats: The folds of each repeat.
    """
    arrays = {"features": rows.features}
    for index, task in enumerate(rows.tasks):
        arrays[f"target{index}"] = rows.batch.targets[task.name].numpy()
        arrays[f"mask{index}"] = rows.batch.masks[task.name].numpy()
    optional = {"groups": rows.groups, "times": rows.times, "weights": rows.weights}
    arrays |= {name: values for name, values in optional.items() if values is not None}
    for repeat, folds in enumerate(repeats):
        for index, fold in enumerate(folds):
            arrays[f"train{repeat}-{index}"] = fold.train
            arrays[f"held{repeat}-{index}"] = fold.held_out
    return arrays


def rows_of_arrays(
    arrays: Mapping[str, np.ndarray], targets: tuple[TargetColumn, ...], encoder: TableEncoder
) -> tuple[TableRows, tuple[tuple[Fold, ...], ...]]:
    """Return the rows, and the folds of each repeat, of what `arrays_of` wrote.

    Args:
        arrays: By name.
        targets: In the order in which they were written.
        encoder: That made the features.
    """
    values: dict[str, Tensor] = {}
    masks: dict[str, Tensor] = {}
    for index, target in enumerate(targets):
        values[target.task.name] = torch.from_numpy(arrays[f"target{index}"])
        masks[target.task.name] = torch.from_numpy(arrays[f"mask{index}"])
    batch = Batch(inputs=torch.from_numpy(arrays["features"]), targets=values, masks=masks)
    repeats: dict[int, dict[int, Fold]] = {}
    for name in arrays:
        if name.startswith("train"):
            repeat, index = map(int, name.removeprefix("train").split("-"))
            repeats.setdefault(repeat, {})[index] = Fold(
                train=arrays[name], held_out=arrays[f"held{repeat}-{index}"]
            )
    rows = TableRows(
        batch=batch,
        targets=targets,
        encoder=encoder,
        groups=arrays.get("groups"),
        times=arrays.get("times"),
        weights=arrays.get("weights"),
    )
    return rows, tuple(tuple(folds[index] for index in sorted(folds)) for _, folds in sorted(repeats.items()))
