"""A generated world of many small tasks: numbers that follow from a few hidden factors, shared or not."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from polytask.core import DataError
from polytask.core.random import numpy_generator

__all__ = ["FactorWorld", "factor_world"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FactorWorld:
    """Rows to learn from, rows to be judged by, and what is true of both.

    Args:
        table: Inputs ``x0``, ``x1`` ... and targets ``y0``, ``y1`` ...; every row has a label of one target.
        test: The same columns; every target is known in every row, without noise.
        targets: The names of the targets.
        directions: What the hidden factors look at, ``[task, input, factor]``; one for all kindred tasks.
        strengths: What the factors do to each target, ``[task, factor]``.
    """

    table: pd.DataFrame
    test: pd.DataFrame
    targets: tuple[str, ...]
    directions: np.ndarray
    strengths: np.ndarray

    def inputs(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the inputs of some rows, ``[row, input]``."""
        return frame.drop(columns=[name for name in self.targets if name in frame]).to_numpy(float)

    def factors(self, frame: pd.DataFrame, task: int) -> np.ndarray:
        """Return the hidden factors of some rows for one task, ``[row, factor]``: what an oracle knows.

        Args:
            frame: Rows with the inputs.
            task: The index of the target.
        """
        return np.tanh(self.inputs(frame) @ self.directions[task])


def factor_world(
    *,
    n_tasks: int = 60,
    n_inputs: int = 24,
    n_factors: int = 3,
    n_labels: int = 16,
    n_test: int = 500,
    kindred: bool = True,
    noise: float = 0.2,
    seed: int = 0,
) -> FactorWorld:
    """Make a world in which ``y_t = v_t . tanh(A_t' x) + noise``.

    The inputs are standard normal, ``A_t`` is normal with deviation 1.5 / sqrt(inputs), ``v_t`` is standard
    normal. Kindred tasks share one ``A``: what a task cannot learn from its few labels, all can learn
    together. Without kinship each task has an ``A_t`` of its own, and nothing is to be had from others.

    Args:
        n_tasks: Targets.
        n_inputs: Inputs.
        n_factors: Hidden factors.
        n_labels: Labels of each target, in rows that have no other.
        n_test: Rows to be judged by.
        kindred: Whether the tasks share the factors.
        noise: Standard deviation of what is added to a label.
        seed: The same one gives the same world.

    Raises:
        DataError: A number is out of range.

    Example:
        >>> world = factor_world(n_tasks=4, n_labels=5)
        >>> world.table.shape, int(world.table[list(world.targets)].notna().sum().sum())
        ((20, 28), 20)

    References:
        Jonathan Baxter, "A Model of Inductive Bias Learning", JAIR 12, 2000 (arXiv:1106.0245): tasks that
        share their features need fewer labels each.
    """
    counts = {
        "n_tasks": n_tasks,
        "n_inputs": n_inputs,
        "n_factors": n_factors,
        "n_labels": n_labels,
        "n_test": n_test,
    }
    wrong = [f"`{name}` must be at least 1, got {count}" for name, count in counts.items() if count < 1]
    if noise < 0:
        wrong.append(f"`noise` must be at least 0, got {noise}")
    if wrong:
        raise DataError("factor_world: " + "; ".join(wrong) + ".")
    draw = numpy_generator(seed, "factor world")
    directions = draw.normal(size=(n_tasks, n_inputs, n_factors)) * 1.5 / np.sqrt(n_inputs)
    if kindred:
        directions[:] = directions[0]
    strengths = draw.normal(size=(n_tasks, n_factors))
    inputs = draw.normal(size=(n_tasks * n_labels + n_test, n_inputs))
    factors = np.tanh(np.einsum("ri,tif->rtf", inputs, directions))
    truth = np.einsum("rtf,tf->rt", factors, strengths)  # [row, task]
    frame = pd.DataFrame(
        np.concatenate([inputs, truth], axis=1),
        columns=[*(f"x{i}" for i in range(n_inputs)), *(f"y{t}" for t in range(n_tasks))],
    )
    targets = tuple(f"y{t}" for t in range(n_tasks))
    n_rows = n_tasks * n_labels
    owner = np.arange(n_rows) // n_labels
    noisy = truth[:n_rows] + noise * draw.normal(size=(n_rows, n_tasks))
    labels = np.where(owner[:, None] == np.arange(n_tasks), noisy, np.nan)
    table = frame.iloc[:n_rows].copy()
    table[list(targets)] = labels
    return FactorWorld(
        table=table,
        test=frame.iloc[n_rows:].reset_index(drop=True),
        targets=targets,
        directions=directions,
        strengths=strengths,
    )
