"""SARCOS, in small files of our own, and in the real ones where they are."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from polytask.core import DataError
from polytask.data import JointSource
from polytask.datasets import sarcos_test

needs_data = pytest.mark.skipif(
    not (Path(os.environ.get("POLYTASK_DATA") or "/nonexistent") / "sarcos_test").is_dir(),
    reason="POLYTASK_DATA names no folder with sarcos_test",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sarcos_test").mkdir()
    return tmp_path / "sarcos_test"


def test_the_last_columns_of_sarcos_are_torques(folder):
    table = np.arange(5 * 28, dtype=np.float64).reshape(5, 28)
    savemat(folder / "sarcos_inv_test.mat", {"sarcos_inv_test": table})
    found = sarcos_test(folder.parent)
    assert found.data.inputs.shape == (5, 21)
    assert found.data.targets["torque 1"].tolist() == table[:, 21].tolist()
    assert found.feature_names[7] == "velocity 1"


def test_another_table_is_not_taken_for_sarcos(folder):
    savemat(folder / "sarcos_inv_test.mat", {"sarcos_inv_test": np.zeros((5, 27))})
    with pytest.raises(DataError, match=r"holds an array \(5, 27\)"):
        sarcos_test(folder.parent)


@needs_data
def test_the_real_moments_are_ready_for_joint_training():
    found = sarcos_test()
    assert len(found) == 4449
    batch, _ = found.standardized(torch.arange(3000))
    step = JointSource(found.tasks, batch, batch_size=64, seed=0).step(0)
    assert len(step[0].tasks) == 7
