import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch import Tensor

from polytask.core import DataError
from polytask.data.steps.joint import JointSource
from polytask.datasets.school_exams import School, school

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "school").is_dir(),
    reason="POLYTASK_DATA names no folder with school",
)

STARTS = np.array([[1], [4], [6]], dtype=np.uint16)  # schools of 3, 2 and 3 pupils
SCORES = np.array([[10, 20, 30, 40, 50, 60, 70, 80]], dtype=np.uint8).T
INPUTS = np.concatenate([np.arange(27 * 8).reshape(27, 8), np.ones((1, 8))]).astype(np.uint8)
TRAIN, TEST = np.array([[1, 2, 4, 6, 8]], dtype=np.uint16), np.array([[3, 5, 7]], dtype=np.uint16)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "school" / "data" / "school"
    folder.mkdir(parents=True)
    write_pupils(folder)
    for number in range(1, 11):
        write_split(folder, number)
    return folder


def write_pupils(folder: Path, **changed: np.ndarray) -> None:
    savemat(folder / "school_b.mat", {"x": INPUTS, "y": SCORES, "task_indexes": STARTS, **changed})


def write_split(folder: Path, number: int, train: np.ndarray = TRAIN, test: np.ndarray = TEST) -> None:
    savemat(folder / f"school_{number}_indexes.mat", {"tr": train, "tst": test})


def read(folder: Path) -> School:
    return school(folder.parents[2])


def test_pupils_are_read_as_they_were_written(folder):
    data = read(folder)
    assert torch.equal(data.features, torch.from_numpy(INPUTS[:27].T.astype(np.float32)))
    assert data.scores.tolist() == [10, 20, 30, 40, 50, 60, 70, 80]
    assert data.schools.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]


def test_the_files_may_lie_at_the_top_of_the_folder(folder):
    for file in folder.iterdir():
        file.rename(folder.parents[1] / file.name)
    assert len(read(folder).scores) == 8


def test_splits_count_from_zero(folder):
    splits = read(folder).splits
    assert len(splits) == 10
    assert splits[9].train.tolist() == [0, 1, 3, 5, 7]
    assert splits[9].test.tolist() == [2, 4, 6]


def test_a_pupil_has_a_label_of_the_own_school_alone(folder):
    data = read(folder)
    batch = data.by_school(torch.tensor([0, 4, 2]))
    assert [task.name for task in data.tasks] == ["school 1", "school 2", "school 3"]
    assert batch.masks["school 1"].tolist() == [True, False, True]
    assert batch.masks["school 2"].tolist() == [False, True, False]
    assert not batch.masks["school 3"].any()
    assert batch.targets["school 2"].tolist() == [10, 50, 30]


def test_a_task_per_school_is_ready_for_joint_training(folder):
    data = read(folder)
    source = JointSource(data.tasks, data.by_school(), batch_size=8, seed=0)
    assert source.step(0)[0].query.n_labels("school 2") == 2


def test_pooled_pupils_carry_their_school(folder):
    task, batch = read(folder).pooled(torch.tensor([1, 7]))
    assert isinstance(batch.inputs, dict)
    schools = batch.inputs["school"]
    assert isinstance(schools, Tensor)
    assert schools.tolist() == [0, 2]
    assert batch.targets[task.name].tolist() == [20, 80]


def test_explained_variance_is_zero_for_the_mean_and_100_for_the_truth(folder):
    data, rows = read(folder), torch.tensor([0, 3, 7])
    assert data.explained_variance(data.scores[rows], rows) == 100
    assert data.explained_variance(data.scores[rows].mean().expand(3), rows) == pytest.approx(0)


def test_a_feature_has_a_name(folder):
    data = read(folder)
    assert len(set(data.feature_names)) == data.features.shape[1]


def test_a_missing_file_is_named(folder):
    (folder / "school_3_indexes.mat").unlink()
    with pytest.raises(DataError, match=r"school_3_indexes.mat is missing"):
        read(folder)


@pytest.mark.parametrize("content", [b"", b"no file of MATLAB at all" * 20])
def test_a_damaged_file_is_reported(folder, content):
    (folder / "school_b.mat").write_bytes(content)
    with pytest.raises(DataError, match=r"school_b.mat is damaged or no MATLAB file"):
        read(folder)


def test_a_truncated_file_is_reported(folder):
    path = folder / "school_b.mat"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"school_b.mat"):
        read(folder)


def test_a_file_without_scores_is_reported(folder):
    savemat(folder / "school_b.mat", {"x": INPUTS, "task_indexes": STARTS})
    with pytest.raises(DataError, match="no variable 'y'"):
        read(folder)


@pytest.mark.parametrize(
    "changed",
    [
        {"x": INPUTS[:20]},
        {"y": SCORES[:5]},
        {"task_indexes": STARTS[::-1]},
        {"task_indexes": STARTS * 5},
        {"task_indexes": np.array([[1], [4], [9]], dtype=np.uint16)},
    ],
)
def test_another_layout_is_refused(folder, changed):
    write_pupils(folder, **changed)
    with pytest.raises(DataError, match=r"should hold x \[28, pupil\]"):
        read(folder)


@pytest.mark.parametrize("test", [TEST[:, :2], TEST + 2, np.array([[3, 5, 7, 1]])])
def test_a_split_of_other_data_is_refused(folder, test):
    write_split(folder, 5, test=test)
    with pytest.raises(DataError, match=r"school_5_indexes.mat does not put each of the 8 pupils"):
        read(folder)


def shared_and_own_ridge(data: School, train: Tensor, test: Tensor, *, shared: float, own: float) -> Tensor:
    """Predict by ``(w + w_school) x``, both penalized; each ``w_school`` is eliminated in closed form."""
    mean, scale = data.features[train].double().mean(0), data.features[train].double().std(0)
    inputs = torch.cat([(data.features.double() - mean) / scale, torch.ones(len(data.scores), 1)], 1)
    center = data.scores[train].double().mean()
    n_features = inputs.shape[1]
    eye = torch.eye(n_features, dtype=torch.float64)
    gram, cross, eliminated = shared * eye, torch.zeros(n_features, dtype=torch.float64), []
    for number in range(data.n_schools):
        rows = train[data.schools[train] == number]
        g, c = inputs[rows].T @ inputs[rows], inputs[rows].T @ (data.scores[rows].double() - center)
        solved = torch.linalg.solve(g + own * eye, torch.cat([g, c[:, None]], 1))
        gram, cross = gram + g - g @ solved[:, :-1], cross + c - g @ solved[:, -1]
        eliminated.append(solved)
    weights = torch.linalg.solve(gram, cross)
    by_school = torch.stack([weights + e[:, -1] - e[:, :-1] @ weights for e in eliminated])
    return (inputs[test] * by_school[data.schools[test]]).sum(1) + center


@needs_data
def test_shared_and_own_ridge_explain_38_percent_of_the_real_variance():
    data = school()
    figures = [
        data.explained_variance(
            shared_and_own_ridge(data, split.train, split.test, shared=1.0, own=160.0), split.test
        )
        for split in data.splits
    ]
    assert sum(figures) / len(figures) == pytest.approx(38.1, abs=0.3)


@needs_data
def test_the_real_set_has_the_published_counts():
    data = school()
    assert data.features.shape == (15_362, 27)
    assert data.n_schools == 139
    assert [len(split.test) for split in data.splits] == [3_890] * 10
