"""Heart disease at four hospitals, which did not all make the same examinations."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, DataError, InputError, Task
from polytask.data.steps.joint_examples import JointExamples
from polytask.datasets.location import data_folder

__all__ = ["HeartSites", "HeartTarget", "heart_sites"]

HeartTarget = Literal["disease", "severity"]

_SITES = ("cleveland", "hungarian", "switzerland", "va")
_FEATURES = (
    *("age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak"),
    *("slope", "ca", "thal"),
)
_MISSING = ("", "?", "-9", "-9.0")
_NOT_ZERO = ("trestbps", "chol")
"""Blood pressure and cholesterol; the files write 0 where they were not measured."""
_N_DEGREES = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeartSites:
    """Patients of four hospitals and the narrowing of their vessels; nothing is standardized.

    The tasks can be posed in two ways, `pooled` and `by_site`. An input that was not measured is NaN;
    Switzerland measured no cholesterol at all, and Cleveland alone nearly everything. `Standardization` puts
    the mean in place of a NaN and adds a feature that says so.

    Args:
        features: float32 ``[patient, 13]``, NaN where missing.
        severity: ``num`` of the files, 0 (no disease) to 4, long ``[patient]``.
        sites: The hospital of each patient, long ``[patient]``, an index of ``site_names``.
    """

    features: Tensor
    severity: Tensor
    sites: Tensor

    def __len__(self) -> int:
        return len(self.severity)

    @property
    def site_names(self) -> tuple[str, ...]:
        """The hospitals, as the files name them."""
        return _SITES

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The name of every feature in the documentation of the files."""
        return _FEATURES

    def pooled(self) -> JointExamples:
        """Pose two tasks of all patients: ``"disease"`` (binary) and ``"severity"`` (five classes)."""
        return JointExamples(
            tasks=(_task("disease", "disease"), _task("severity", "severity")),
            data=Batch(inputs=self.features, targets=self._targets()),
            feature_names=_FEATURES,
        )

    def by_site(self, target: HeartTarget = "disease") -> JointExamples:
        """Pose a task per hospital, named as it is: a patient has a label of the own hospital's task alone.

        All tasks share one target tensor; what differs is the mask.

        Args:
            target: ``"disease"`` (binary) or ``"severity"`` (five classes).

        Raises:
            InputError: There is no such target.
        """
        targets = self._targets()
        if target not in targets:
            raise InputError(f"`target` is {target!r}; use one of {', '.join(targets)}.")
        masks = functional.one_hot(self.sites, len(_SITES)).T.bool()  # [site, patient]
        return JointExamples(
            tasks=tuple(_task(site, target) for site in _SITES),
            data=Batch(
                inputs=self.features,
                targets=dict.fromkeys(_SITES, targets[target]),
                masks=dict(zip(_SITES, masks, strict=True)),
            ),
            feature_names=_FEATURES,
        )

    def _targets(self) -> dict[str, Tensor]:
        return {"disease": (self.severity > 0).float(), "severity": self.severity}


def heart_sites(root: str | Path | None = None) -> HeartSites:
    """Load heart disease: 920 patients of Cleveland, Hungary, Switzerland and the VA of Long Beach.

    The folder ``root / "heart_sites"`` holds ``processed.cleveland.data``, ``processed.hungarian.data``,
    ``processed.switzerland.data`` and ``processed.va.data``. A missing value is ``?``, nothing at all, or -9;
    blood pressure and cholesterol of 0 are missing as well.

    Args:
        root: See `data_folder`.

    Raises:
        DataError: A file is missing, damaged or laid out in another way.

    References:
        Detrano, Janosi, Steinbrunn, Pfisterer, Schmid, Sandhu, Guppy, Lee, Froelicher, "International
        application of a new probability algorithm for the diagnosis of coronary artery disease", American
        Journal of Cardiology 64, 1989. UCI Machine Learning Repository, dataset 45.
    """
    folder = data_folder("heart_sites", root)
    tables = [_read(folder / f"processed.{site}.data") for site in _SITES]
    values = np.concatenate(tables)  # [patient, 14]
    features = values[:, :-1].astype(np.float32)
    for name in _NOT_ZERO:
        column = features[:, _FEATURES.index(name)]
        column[column == 0] = np.nan
    return HeartSites(
        features=torch.from_numpy(features),
        severity=torch.from_numpy(values[:, -1].astype(np.int64)),
        sites=torch.from_numpy(np.repeat(np.arange(len(_SITES)), [len(table) for table in tables])),
    )


def _task(name: str, target: HeartTarget) -> Task:
    if target == "disease":
        return Task(name=name, kind="binary")
    return Task(name=name, kind="multiclass", n_outputs=_N_DEGREES)


def _read(path: Path) -> np.ndarray:
    """Read 13 features and the severity of the patients of a hospital, float64 ``[patient, 14]``."""
    if not path.is_file():
        raise DataError(f"The file {path} is missing; put the official file there.")
    try:
        text = path.read_bytes().decode("utf-8")
        rows = [row for row in csv.reader(io.StringIO(text), skipinitialspace=True) if row]
        values = [[np.nan if cell.strip() in _MISSING else float(cell) for cell in row] for row in rows]
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}. Get the official file again.") from error
    widths = sorted({len(row) for row in values})
    if widths != [len(_FEATURES) + 1]:
        raise DataError(
            f"{path} has rows of {widths or 'no'} values, but each should have {len(_FEATURES) + 1}. Get the "
            "official file again."
        )
    table = np.array(values, dtype=np.float64)
    if np.isinf(table).any() or not np.isin(table[:, -1], np.arange(_N_DEGREES)).all():
        raise DataError(
            f"{path}: the last value of a row should be 0 to {_N_DEGREES - 1}, and none infinite. Get the "
            "official file again."
        )
    return table
