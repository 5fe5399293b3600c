"""Parkinsons telemonitoring: how far a disease has come, from voices of 42 patients recorded at home."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, DataError, InputError, Task
from polytask.data.steps.joint_examples import JointExamples
from polytask.data.tables.delimited import read_delimited
from polytask.datasets.location import data_folder

__all__ = ["Parkinsons", "ParkinsonsTarget", "parkinsons"]

ParkinsonsTarget = Literal["motor UPDRS", "total UPDRS"]

_PATIENT = "subject#"
_TARGETS: dict[ParkinsonsTarget, str] = {"motor UPDRS": "motor_UPDRS", "total UPDRS": "total_UPDRS"}
_FEATURES = (
    *("age", "sex", "test_time", "Jitter(%)", "Jitter(Abs)", "Jitter:RAP", "Jitter:PPQ5", "Jitter:DDP"),
    *("Shimmer", "Shimmer(dB)", "Shimmer:APQ3", "Shimmer:APQ5", "Shimmer:APQ11", "Shimmer:DDA"),
    *("NHR", "HNR", "RPDE", "DFA", "PPE"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parkinsons:
    """Recordings of voices, two scores of the disease, and the patients; nothing is standardized.

    The tasks can be posed in two ways, `pooled` and `by_patient`. For new patients, divide the first by
    ``tasks_by_group(data.pooled().data, data.patients)``. The scores were measured at three visits alone and
    interpolated in between, so that within a patient they are nearly a broken line over ``test_time``: rows
    of one patient on both sides of a split tell each other's scores. Split by patient.

    Args:
        features: float32 ``[recording, 19]``.
        scores: float32 ``[recording, 2]``: motor UPDRS and total UPDRS, in points.
        patients: The number that the file gives the patient of each recording, long ``[recording]``.
    """

    features: Tensor
    scores: Tensor
    patients: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The file's name of every feature; ``test_time`` is in days since the patient was recruited."""
        return _FEATURES

    def pooled(self) -> JointExamples:
        """Pose two tasks, ``"motor UPDRS"`` and ``"total UPDRS"``, of all patients together."""
        return JointExamples(
            tasks=tuple(Task(name=name, kind="regression", metrics=("r2",)) for name in _TARGETS),
            data=Batch(
                inputs=self.features, targets={name: self._scores_of(name).contiguous() for name in _TARGETS}
            ),
            feature_names=_FEATURES,
        )

    def by_patient(self, target: ParkinsonsTarget = "motor UPDRS") -> JointExamples:
        """Pose a task per patient, ``"patient 1"`` and so on: a recording has a label of its own task alone.

        All tasks share one target tensor; what differs is the mask. As they ask for one quantity, standardize
        them ``together``.

        Args:
            target: Which score.

        Raises:
            InputError: There is no such score.
        """
        numbers, members = self.patients.unique(return_inverse=True)
        masks = functional.one_hot(members, len(numbers)).T.bool()  # [patient, recording]
        names = [f"patient {number}" for number in numbers.tolist()]
        scores = self._scores_of(target).contiguous()
        return JointExamples(
            tasks=tuple(Task(name=name, kind="regression", metrics=("r2",)) for name in names),
            data=Batch(
                inputs=self.features,
                targets=dict.fromkeys(names, scores),
                masks=dict(zip(names, masks, strict=True)),
            ),
            feature_names=_FEATURES,
        )

    def _scores_of(self, target: str) -> Tensor:
        if target not in _TARGETS:
            raise InputError(f"`target` is {target!r}; use one of {', '.join(_TARGETS)}.")
        return self.scores[:, list(_TARGETS).index(target)]


def parkinsons(root: str | Path | None = None) -> Parkinsons:
    """Load Parkinsons telemonitoring: 5,875 recordings of 42 patients over six months.

    The folder ``root / "parkinsons_telemonitoring"`` holds ``parkinsons_updrs.data``.

    Args:
        root: See `data_folder`.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        Tsanas, Little, McSharry, Ramig, "Accurate telemonitoring of Parkinson's disease progression by
        non-invasive speech tests", IEEE Transactions on Biomedical Engineering 57, 2010. UCI Machine Learning
        Repository, dataset 189.
    """
    path = data_folder("parkinsons_telemonitoring", root) / "parkinsons_updrs.data"
    if not path.is_file():
        raise DataError(f"The file {path} is missing; put the official file there.")
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}. Get the official file again.") from error
    table = read_delimited(text, str(path))  # commas, or tabs as some copies have it
    columns = [_PATIENT, *_TARGETS.values(), *_FEATURES]
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise DataError(f"{path} lacks the columns {', '.join(missing)}. Get the official file again.")
    values = table[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    if not np.isfinite(values).all():
        raise DataError(
            f"{path} should hold finite numbers alone, but {int((~np.isfinite(values)).any(1).sum())} of "
            f"{len(values)} recordings do not. Get the official file again."
        )
    first = 1 + len(_TARGETS)
    return Parkinsons(
        features=torch.from_numpy(values[:, first:].astype(np.float32)),
        scores=torch.from_numpy(values[:, 1:first].astype(np.float32)),
        patients=torch.from_numpy(values[:, 0].astype(np.int64)),
    )
