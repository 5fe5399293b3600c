"""School: the exam scores of pupils in 139 schools of London, a regression task per school."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, DataError, Task
from polytask.datasets.formats.matlab_file import matlab_arrays
from polytask.datasets.location import data_folder

__all__ = ["School", "SchoolSplit", "school"]

_N_SPLITS = 10
_FEATURES = (
    *("year 1985", "year 1986", "year 1987", "% free school meals", "% VR1 band"),
    *("pupil gender 1", "pupil gender 2", "VR band 3", "VR band 1", "VR band 2"),
    *("ESWI", "African", "Arab", "Bangladeshi", "Caribbean", "Greek", "Indian", "Pakistani"),
    *("S.E.Asian", "Turkish", "other ethnic group"),
    *("school gender 1", "school gender 2", "school gender 3"),
    *("maintained", "Church of England", "Roman Catholic"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SchoolSplit:
    """An official split.

    Args:
        train: Indices of pupils, long ``[pupil]``, about three quarters of every school.
        test: The other pupils, long ``[pupil]``.
    """

    train: Tensor
    test: Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class School:
    """Pupils, their exam scores and their schools; nothing is standardized.

    The tasks can be posed in two ways, `by_school` and `pooled`. Both ask for the same quantity, so use
    ``Standardization.fit(..., together=True)`` on the training rows of the first.

    Args:
        features: float32 ``[pupil, 27]``, without the bias.
        scores: Exam scores, float32 ``[pupil]``.
        schools: The school of each pupil, long ``[pupil]``, 0 to ``n_schools - 1``.
        splits: The ten official splits.
    """

    features: Tensor
    scores: Tensor
    schools: Tensor
    splits: tuple[SchoolSplit, ...]

    @property
    def n_schools(self) -> int:
        """How many schools there are."""
        return int(self.schools.max()) + 1

    @property
    def feature_names(self) -> tuple[str, ...]:
        """A name for every feature; which gender the codes 1, 2 and 3 stand for is not certain."""
        return _FEATURES

    @property
    def tasks(self) -> tuple[Task, ...]:
        """A regression task per school: ``"school 1"`` to ``"school 139"``."""
        return tuple(Task(name=name, kind="regression") for name in _names(self.n_schools))

    def by_school(self, rows: Tensor | None = None) -> Batch:
        """Pose a task per school: a pupil has a label of the own school's task alone.

        All tasks share one target tensor; what differs is the mask.

        Args:
            rows: Indices of pupils; None is all of them.
        """
        features, scores, schools = self._chosen(rows)
        member = functional.one_hot(schools, self.n_schools).T.bool()  # [school, pupil]
        names = _names(self.n_schools)
        return Batch(
            inputs=features, targets=dict.fromkeys(names, scores), masks=dict(zip(names, member, strict=True))
        )

    def pooled(self, rows: Tensor | None = None) -> tuple[Task, Batch]:
        """Pose one task, ``"score"``, with inputs ``"features"`` and ``"school"`` (long ``[pupil]``).

        Args:
            rows: Indices of pupils; None is all of them.
        """
        features, scores, schools = self._chosen(rows)
        batch = Batch(inputs={"features": features, "school": schools}, targets={"score": scores})
        return Task(name="score", kind="regression"), batch

    def explained_variance(self, scores: Tensor, rows: Tensor) -> float:
        """Return the metric of the literature, ``100 (1 - SSE / SST)`` over the pupils of all schools.

        Args:
            scores: Predicted scores in their units, ``[row]``.
            rows: Which pupils they are of, long ``[row]``.
        """
        truth = self.scores[rows].double()
        errors = (scores.double() - truth).square().sum()
        return float(100 * (1 - errors / (truth - truth.mean()).square().sum()))

    def _chosen(self, rows: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if rows is None:
            return self.features, self.scores, self.schools
        return self.features[rows], self.scores[rows], self.schools[rows]


def school(root: str | Path | None = None) -> School:
    """Load School from its official files.

    The folder ``root / "school"``, or its subfolder ``data/school``, holds ``school_b.mat`` and the splits
    ``school_1_indexes.mat`` to ``school_10_indexes.mat``.

    Args:
        root: See `data_folder`.

    Raises:
        DataError: A file is missing, damaged or laid out in another way.

    References:
        Goldstein, "Multilevel modelling of survey data", The Statistician 40, 1991. Argyriou, Evgeniou,
        Pontil, "Convex multi-task feature learning", Machine Learning 73, 2008, whose ten splits and encoding
        these are. Ours leaves the constant bias feature to the model.
    """
    folder = data_folder("school", root)
    folder = next((f for f in (folder, folder / "data" / "school") if (f / "school_b.mat").is_file()), folder)
    path = folder / "school_b.mat"
    arrays = matlab_arrays(path, ("x", "y", "task_indexes"))
    features, scores = arrays["x"].T, arrays["y"].ravel()
    starts = arrays["task_indexes"].ravel().astype(np.int64) - 1  # MATLAB counts from 1
    n_pupils = len(scores)
    if features.shape != (n_pupils, len(_FEATURES) + 1) or not (
        len(starts) and starts[0] == 0 and (np.diff(starts) > 0).all() and starts[-1] < n_pupils
    ):
        raise DataError(
            f"{path} holds x {arrays['x'].shape}, y {arrays['y'].shape} and {len(starts)} tasks, but should "
            f"hold x [{len(_FEATURES) + 1}, pupil], y [pupil, 1] and rising starts of the tasks. Get the "
            "official file again."
        )
    return School(
        features=torch.from_numpy(features[:, :-1].astype(np.float32)),
        scores=torch.from_numpy(scores.astype(np.float32)),
        schools=torch.from_numpy(np.repeat(np.arange(len(starts)), np.diff(starts, append=n_pupils))),
        splits=tuple(
            _split(folder / f"school_{number}_indexes.mat", n_pupils) for number in range(1, _N_SPLITS + 1)
        ),
    )


def _split(path: Path, n_pupils: int) -> SchoolSplit:
    arrays = matlab_arrays(path, ("tr", "tst"))
    train, test = (arrays[name].ravel().astype(np.int64) - 1 for name in ("tr", "tst"))
    if not np.array_equal(np.sort(np.concatenate([train, test])), np.arange(n_pupils)):
        raise DataError(
            f"{path} does not put each of the {n_pupils} pupils into `tr` or `tst` once ({len(train)} and "
            f"{len(test)} entries). Get the split of the same version of the data."
        )
    return SchoolSplit(train=torch.from_numpy(train), test=torch.from_numpy(test))


def _names(n_schools: int) -> list[str]:
    return [f"school {number}" for number in range(1, n_schools + 1)]
