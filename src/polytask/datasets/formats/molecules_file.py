"""Molecules as fingerprints, with many assays of which most are missing: files of one layout."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, DataError, InputError, Task
from polytask.data.steps.joint_examples import JointExamples, labelled_target
from polytask.data.tables.problems import examples
from polytask.datasets.location import data_folder, how_to_make
from polytask.datasets.registry import DATASETS

__all__ = ["Molecules", "read_molecules"]

_Kind = Literal["binary", "regression"]
_N_BITS = 1024


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Molecules:
    """Molecules, and what was measured of them; nothing is standardized.

    The tasks can be posed in two ways: `by_assay` and `joined`. Inputs are float32 ``[molecule, bit]`` of 0
    and 1, which need no standardization; for the targets of a regression use `JointExamples.standardized` or
    `Standardization.fit` with the training rows.

    Args:
        packed: Fingerprints, uint8 ``[molecule, 128]``: eight bits a byte, the highest one first.
        labels: float32 ``[molecule, assay]``, NaN where nothing was measured.
        assays: Names of the assays.
        kind: What every assay is.
    """

    packed: np.ndarray
    labels: np.ndarray
    assays: tuple[str, ...]
    kind: _Kind

    def __len__(self) -> int:
        return len(self.labels)

    def fingerprints(self) -> Tensor:
        """Unpack the fingerprints: float32 ``[molecule, 1024]``, 0 or 1."""
        return torch.from_numpy(np.unpackbits(self.packed, axis=1)).float()

    def n_labels(self) -> np.ndarray:
        """Count the labels of every assay, ``[assay]``."""
        return (~np.isnan(self.labels)).sum(0)

    def by_assay(self, assays: Sequence[str] | None = None, *, min_labels: int = 1) -> JointExamples:
        """Pose a task per assay, with a mask; molecules stay in their order.

        Args:
            assays: Which assays, in this order; None is all of them.
            min_labels: An assay with fewer labels is left out, as a task without any cannot be learned.

        Raises:
            InputError: ``min_labels`` is below 1.
            DataError: An assay is unknown, or none has as many labels.
        """
        if min_labels < 1:
            raise InputError(f"`min_labels` must be at least 1, got {min_labels}.")
        counts = self.n_labels()
        columns = [column for column in self._columns(assays) if counts[column] >= min_labels]
        if not columns:
            raise DataError(f"No assay has {min_labels} labels; lower `min_labels`.")
        values, known = labelled_target(self.labels[:, columns])
        names = [self.assays[column] for column in columns]
        # A row per task: picking molecules then reads memory in one stretch.
        targets, masks = values.T.contiguous(), known.T.contiguous()  # [task, molecule]
        return JointExamples(
            tasks=tuple(Task(name=name, kind=self.kind, metrics=self._metrics()) for name in names),
            data=Batch(
                inputs=self.fingerprints(),
                targets=dict(zip(names, targets, strict=True)),
                masks=dict(zip(names, masks, strict=True)),
            ),
        )

    def joined(self, assays: Sequence[str] | None = None) -> JointExamples:
        """Pose one task, ``"assays"``, with an output per assay: fast, but one objective for all of them.

        Its mask is ``[molecule, assay]``; its kind is multilabel or regression.

        Args:
            assays: Which assays, in this order; None is all of them.

        Raises:
            DataError: An assay is unknown.
        """
        columns = self._columns(assays)
        values, known = labelled_target(self.labels[:, columns])
        names = tuple(self.assays[column] for column in columns)
        kind = "multilabel" if self.kind == "binary" and len(names) > 1 else self.kind
        values, known = (values, known) if len(names) > 1 else (values[:, 0], known[:, 0])
        task = Task(name="assays", kind=kind, n_outputs=len(names), metrics=self._metrics(), labels=names)
        batch = Batch(inputs=self.fingerprints(), targets={"assays": values}, masks={"assays": known})
        return JointExamples(tasks=(task,), data=batch)

    def _metrics(self) -> tuple[str, ...]:
        return ("auroc",) if self.kind == "binary" else ("r2",)

    def _columns(self, assays: Sequence[str] | None) -> list[int]:
        if assays is None:
            return list(range(len(self.assays)))
        indices = {name: index for index, name in enumerate(self.assays)}
        unknown = [name for name in assays if name not in indices]
        if unknown or not assays:
            raise DataError(
                f"There is no assay {examples(unknown) or 'asked for'}; there are {examples(self.assays)}."
            )
        return [indices[name] for name in dict.fromkeys(assays)]


def read_molecules(name: str, kind: _Kind, root: str | Path | None) -> Molecules:
    """Read ``root / "mol_fps" / "<name>_ecfp4_1024.npz"``.

    The file has arrays ``fp`` (uint8 ``[molecule, 128]``, packed Morgan fingerprints of radius 2), ``y``
    (float ``[molecule, assay]``, NaN where missing) and ``tasks`` (names).

    Args:
        name: What the name of the file begins with.
        kind: What every assay is.
        root: See `data_folder`.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.
    """
    path = data_folder("mol_fps", root) / f"{name}_ecfp4_{_N_BITS}.npz"
    if not path.is_file():
        raise DataError(f"The file {path} is missing.{how_to_make(DATASETS[name])}")
    try:
        # Opened here, since `np.load` leaves the file of a damaged archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            packed, labels, assays = arrays["fp"], arrays["y"], arrays["tasks"]
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read as fingerprints: {error}. It should hold fp, y and tasks; get it again."
        ) from error
    shape = (len(packed), assays.size)
    if packed.dtype != np.uint8 or packed.shape[1:] != (_N_BITS // 8,) or labels.shape != shape:
        raise DataError(
            f"{path}: fp is {packed.dtype} {packed.shape}, y {labels.shape} and tasks {assays.shape}, but "
            f"they should be uint8 [molecule, {_N_BITS // 8}], [molecule, assay] and [assay]. Get it again."
        )
    if kind == "binary" and not (np.isnan(labels) | (labels == 0) | (labels == 1)).all():
        raise DataError(f"{path}: y should hold 0, 1 and NaN alone; get it again.")
    if np.isinf(labels).any():
        raise DataError(f"{path}: y holds infinite values; get it again.")
    names = tuple(str(assay) for assay in assays)
    return Molecules(packed=packed, labels=labels.astype(np.float32), assays=names, kind=kind)
