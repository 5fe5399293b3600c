"""Mulan's multi-target regression tables."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from polytask.core import Batch, DataError, Task
from polytask.data.steps.joint_examples import JointExamples, labelled_target
from polytask.datasets.formats.arff_file import ArffColumn, read_arff
from polytask.datasets.location import data_folder

__all__ = ["MULAN_TABLES", "mulan_table"]

MULAN_TABLES: Mapping[str, int] = {
    "andro": 6,
    "atp1d": 6,
    "atp7d": 6,
    "edm": 2,
    "enb": 2,
    "jura": 3,
    "oes10": 16,
    "oes97": 16,
    "osales": 12,
    "rf1": 8,
    "rf2": 8,
    "scm1d": 16,
    "scm20d": 16,
    "scpf": 3,
    "sf1": 3,
    "sf2": 3,
    "slump": 3,
    "wq": 14,
}
"""The number of targets of each table; they are its last columns."""


def mulan_table(name: str, root: str | Path | None = None) -> JointExamples:
    """Load a multi-target regression table from its official ARFF file.

    The folder ``root / "mulan_multitarget"``, or its subfolder ``data/multi-target``, holds ``<name>.arff``.
    Nominal features become a feature for each declared category; missing inputs are NaN, missing labels
    masked. Nothing is standardized: use `JointExamples.standardized` with the training rows, which also
    fills missing inputs.

    Args:
        name: One of `MULAN_TABLES`, e.g. ``"enb"``.
        root: See `data_folder`.

    Returns:
        Inputs float32 ``[row, feature]``, and a regression task per target, named like its column.

    Raises:
        DataError: The table is unknown, or its file is missing, damaged or has a nominal target.

    References:
        Spyromitros-Xioufis, Tsoumakas, Groves, Vlahavas, "Multi-target regression via input space expansion:
        treating targets as inputs", Machine Learning 104, 2016, arXiv:1211.6581.
    """
    if name not in MULAN_TABLES:
        raise DataError(f"There is no table {name!r}; there is {', '.join(MULAN_TABLES)}.")
    folder = data_folder("mulan_multitarget", root)
    path = folder / f"{name}.arff"
    path = path if path.is_file() else folder / "data" / "multi-target" / f"{name}.arff"
    columns = read_arff(path)
    n_targets = MULAN_TABLES[name]
    if len(columns) <= n_targets:
        raise DataError(f"{path} has {len(columns)} columns, {n_targets} of them targets; get it again.")
    features, asked = columns[:-n_targets], columns[-n_targets:]
    nominal = [column.name for column in asked if column.categories]
    if nominal:
        raise DataError(f"{path}: the targets {', '.join(nominal)} are no numbers; get the file again.")
    labelled = {column.name: labelled_target(column.values) for column in asked}
    return JointExamples(
        tasks=tuple(Task(name=target, kind="regression") for target in labelled),
        data=Batch(
            inputs=torch.from_numpy(np.concatenate([_encoded(c) for c in features], axis=1)),
            targets={target: values for target, (values, _) in labelled.items()},
            masks={target: mask for target, (_, mask) in labelled.items() if not mask.all()},
        ),
        feature_names=tuple(feature for column in features for feature in _feature_names(column)),
    )


def _encoded(column: ArffColumn) -> np.ndarray:
    """Encode a column, float32 ``[row, feature]``; NaN where missing."""
    values = column.values[:, None]
    if column.categories:
        values = np.where(np.isnan(values), np.nan, values == np.arange(len(column.categories)))
    return values.astype(np.float32)


def _feature_names(column: ArffColumn) -> list[str]:
    return [f"{column.name}={category}" for category in column.categories] or [column.name]
