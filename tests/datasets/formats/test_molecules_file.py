"""Molecules with many assays, in small files of our own, and in the real ones where they are."""

import os
from pathlib import Path

import numpy as np
import pytest

from polytask.core import DataError
from polytask.datasets import chembl5, tox21, toxcast

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "mol_fps").is_dir(),
    reason="POLYTASK_DATA names no folder with mol_fps",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mol_fps").mkdir()
    return tmp_path / "mol_fps"


def write_molecules(folder: Path, **changed: np.ndarray) -> Path:
    arrays = {
        "fp": np.full((3, 128), 128, dtype=np.uint8),
        "y": np.array([[0, np.nan], [1, 1], [np.nan, np.nan]]),
        "tasks": np.array(["NR-AR", "SR-p53"]),
    }
    np.savez(folder / "tox21_ecfp4_1024.npz", **(arrays | changed))
    return folder.parent


def test_assays_are_tasks_with_masks(folder):
    found = tox21(write_molecules(folder))
    posed = found.by_assay()
    assert [task.name for task in posed.tasks] == ["NR-AR", "SR-p53"]
    assert posed.data.masks["SR-p53"].tolist() == [False, True, False]
    assert posed.data.inputs[:, :9].tolist() == [[1, 0, 0, 0, 0, 0, 0, 0, 1]] * 3
    assert [task.name for task in found.by_assay(min_labels=2).tasks] == ["NR-AR"]
    assert found.joined().tasks[0].n_outputs == 2


def test_an_unknown_assay_is_refused(folder):
    with pytest.raises(DataError, match="no assay 'NR-X'"):
        tox21(write_molecules(folder)).by_assay(["NR-X"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fp": np.zeros((3, 64), dtype=np.uint8)}, "they should be"),
        ({"y": np.full((3, 2), 2.0)}, "0, 1 and NaN alone"),
        ({"tasks": np.array(["one"])}, "they should be"),
    ],
)
def test_fingerprints_that_do_not_fit_are_refused(folder, changed, message):
    with pytest.raises(DataError, match=message):
        tox21(write_molecules(folder, **changed))


def test_a_missing_file_of_molecules_is_named(folder):
    with pytest.raises(DataError, match=r"tox21_ecfp4_1024\.npz is missing"):
        tox21(folder.parent)


@needs_data
def test_the_real_molecules_are_as_many_as_published():
    molecules = tox21()
    assert molecules.labels.shape == (8006, 12)
    assert float(np.isnan(molecules.labels).mean()) == pytest.approx(0.17, abs=0.01)
    assert toxcast().labels.shape == (8597, 617)
    assert chembl5().labels.shape == (23_871, 691)
