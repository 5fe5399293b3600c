"""SARCOS: the torques of a robot arm from its motion, seven regression tasks."""

from pathlib import Path

import numpy as np
import torch

from polytask.core import Batch, DataError, Task
from polytask.data.steps.joint_examples import JointExamples
from polytask.datasets.formats.matlab_file import matlab_arrays
from polytask.datasets.location import data_folder

__all__ = ["sarcos_test"]

_N_JOINTS = 7


def sarcos_test(root: str | Path | None = None) -> JointExamples:
    """Load the test part of SARCOS: 4,449 moments of an arm with seven joints.

    The folder ``root / "sarcos_test"`` holds ``sarcos_inv_test.mat``. Split its rows yourself: nearly all of
    them also stand in the official training part, so that scores of models trained there say little.

    Args:
        root: See `data_folder`.

    Returns:
        Inputs float32 ``[moment, 21]``, the position, velocity and acceleration of every joint; tasks
        ``"torque 1"`` to ``"torque 7"``. Nothing is standardized.

    Raises:
        DataError: The file is missing, damaged or laid out in another way.

    References:
        Rasmussen, Williams, "Gaussian Processes for Machine Learning", MIT Press, 2006, section 2.5.
    """
    path = data_folder("sarcos_test", root) / "sarcos_inv_test.mat"
    table = matlab_arrays(path, ("sarcos_inv_test",))["sarcos_inv_test"]
    if table.ndim != 2 or table.shape[1] != 4 * _N_JOINTS or not np.isfinite(table).all():
        raise DataError(
            f"{path} holds an array {table.shape}, but should hold finite numbers [moment, 28]. Get the "
            "official file again."
        )
    values = torch.from_numpy(table.astype(np.float32))
    joints = range(1, _N_JOINTS + 1)
    names = [f"torque {joint}" for joint in joints]
    torques = values[:, 3 * _N_JOINTS :].T.contiguous()
    return JointExamples(
        tasks=tuple(Task(name=name, kind="regression", metrics=("r2",)) for name in names),
        data=Batch(inputs=values[:, : 3 * _N_JOINTS], targets=dict(zip(names, torques, strict=True))),
        feature_names=tuple(
            f"{what} {joint}" for what in ("position", "velocity", "acceleration") for joint in joints
        ),
    )
