"""Examples with the targets of several tasks, the raw material of joint training."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, DataError, Task
from polytask.data.steps.standardization import Standardization

__all__ = ["JointExamples", "labelled_target"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JointExamples:
    """Examples with the targets of several tasks; nothing is standardized.

    Args:
        tasks: The tasks; each has a target in ``data``.
        data: The examples, with masks where labels are missing. Inputs that are one matrix of floats may hold
            NaN for a missing value.
        feature_names: A name for every column of the inputs; empty where inputs have no columns.

    Raises:
        DataError: A task has no target, or the names do not fit the inputs.

    Example:
        >>> data = Batch(inputs=torch.tensor([[1.0], [3.0], [9.0]]), targets={"y": torch.arange(3.0)})
        >>> found = JointExamples(tasks=(Task(name="y", kind="regression"),), data=data)
        >>> found.standardized(train=torch.tensor([0, 1]))[0].inputs.flatten()
        tensor([-1.,  1.,  7.])
    """

    tasks: tuple[Task, ...]
    data: Batch
    feature_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        without = [task.name for task in self.tasks if task.name not in self.data.targets]
        if without:
            raise DataError(f"There is no target of {', '.join(without)}; drop the task.")
        inputs = self.data.inputs
        if self.feature_names and (
            not isinstance(inputs, Tensor) or inputs.shape[1:] != (len(self.feature_names),)
        ):
            raise DataError(f"There are {len(self.feature_names)} feature names, but not as many inputs.")

    def __len__(self) -> int:
        return len(self.data)

    def standardized(
        self, train: Tensor | Sequence[int] | np.ndarray, *, together: bool = False
    ) -> tuple[Batch, Standardization]:
        """Standardize all examples with constants of the training rows alone.

        Args:
            train: Indices of the training rows.
            together: Whether all regression targets share one mean and scale; see `Standardization.fit`.

        Returns:
            All examples, of which ``.rows(...)`` takes parts, and the constants, which restore units.
        """
        rows = torch.as_tensor(train, dtype=torch.long)
        fitted = Standardization.fit(self.tasks, self.data.rows(rows), together=together)
        return fitted.apply(self.data), fitted

    def only(self, names: Sequence[str]) -> "JointExamples":
        """Keep these tasks, in this order.

        Raises:
            DataError: A task is unknown.
        """
        by_name = {task.name: task for task in self.tasks}
        unknown = [name for name in names if name not in by_name]
        if unknown:
            raise DataError(
                f"There is no task {', '.join(map(repr, unknown))}; there is {', '.join(by_name)}."
            )
        return JointExamples(
            tasks=tuple(by_name[name] for name in names),
            data=self.data.only(names),
            feature_names=self.feature_names,
        )


def labelled_target(values: np.ndarray) -> tuple[Tensor, Tensor]:
    """Turn values with NaN where a label is missing into a target, 0 there, and its mask; of one shape.

    Example:
        >>> labelled_target(np.array([1.5, np.nan]))
        (tensor([1.5000, 0.0000]), tensor([ True, False]))
    """
    known = ~np.isnan(values)
    return torch.from_numpy(np.where(known, values, 0).astype(np.float32)), torch.from_numpy(known)
