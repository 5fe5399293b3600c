"""Similarity of tasks by what a linear model of each predicts; also of many tasks, and on different rows."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Batch, InputError, Task

__all__ = ["function_similarity"]

_PENALTIES = (0.1, 1.0, 10.0, 100.0, 1000.0)
_LEAST = 1e-9  # variance of a prediction that is constant but for rounding


def function_similarity(tasks: Sequence[Task], data: Batch) -> Tensor:
    r"""Compare tasks by the functions of their inputs that ridge regressions learn.

    .. math:: s_{ab} = \sqrt{\frac{\lVert S_{ab} \rVert_F^2}{\lVert S_{aa} \rVert_F \lVert S_{bb} \rVert_F}}

    where :math:`S` are the covariances of what the regressions predict for *all* rows. So tasks may be
    labelled on different rows: schools, patients. Each regression is fitted on its task's rows, with the
    penalty of the lowest leave-one-out error; classes are regressed on as indicators. Between tasks of one
    output this is the absolute correlation. It costs a singular value decomposition for each set of rows.

    Args:
        tasks: The tasks; each needs a label in ``data``.
        data: Examples; inputs ``[row, feature]`` without gaps.

    Returns:
        ``[task, task]`` in double precision, between 0 and 1, and 1 on the diagonal; NaN where a task's
        regression predicts a constant. For groups see `polytask.relate.similarity_gains`.

    Raises:
        InputError: A task has no label.

    Example:
        >>> inputs = torch.eye(3).repeat(4, 1)
        >>> first = torch.tensor([1.0, 0.0, -1.0]).repeat(4)
        >>> half = torch.arange(12) < 6  # the two tasks have no row in common
        >>> data = Batch(
        ...     inputs=inputs, targets={"a": first, "b": -2 * first}, masks={"a": half, "b": ~half}
        ... )
        >>> tasks = [Task(name=name, kind="regression") for name in "ab"]
        >>> round(function_similarity(tasks, data)[0, 1].item(), 6)
        1.0

    References:
        Arthur Hoerl, Robert Kennard, "Ridge Regression: Biased Estimation for Nonorthogonal Problems",
        Technometrics 12, 1970. The comparison by predictions is our own; for its formula see
        `polytask.relate.similarity.label_similarity`.
    """
    without = [task.name for task in tasks if not data.n_labels(task.name)]
    if without:
        raise InputError(f"`data` has no label of {', '.join(without)}; add some or drop the task.")
    inputs = cast(Tensor, data.inputs).double()
    predictions, owners = [], []
    solved: dict[bytes, _Rows] = {}  # tasks of the same rows share what costs most
    for index, task in enumerate(tasks):
        known = data.labelled(task.name).cpu()
        key = known.numpy().tobytes()
        if key not in solved:
            solved[key] = _Rows(inputs[known])
        predicted = inputs @ solved[key].coefficients(_columns(task, data.targets[task.name][known]))
        predictions.append(predicted - predicted.mean(0))
        owners += [index] * predicted.shape[1]
    together = torch.cat(predictions, dim=1)  # [row, output]
    squares = ((together.T @ together) / len(together)).square()  # [output, output]
    member = functional.one_hot(torch.tensor(owners), len(tasks)).double()  # [output, task]
    norms = (member.T @ squares @ member).sqrt()  # [task, task]
    own = torch.where(norms.diagonal() > _LEAST, norms.diagonal(), torch.nan)
    similarity = (norms / torch.outer(own, own).sqrt()).clamp(max=1.0)
    return similarity.fill_diagonal_(1.0)


class _Rows:
    """The rows of some tasks, decomposed.

    Args:
        inputs: ``[row, feature]``.
    """

    def __init__(self, inputs: Tensor) -> None:
        self.left, self.values, right = torch.linalg.svd(inputs - inputs.mean(0), full_matrices=False)
        self.right = right.T  # [feature, rank]

    def coefficients(self, labels: Tensor) -> Tensor:
        """Return those of the ridge regression with the lowest leave-one-out error, ``[feature, output]``."""
        centred = labels - labels.mean(0)
        projected = self.left.T @ centred  # [rank, output]
        best, lowest = torch.zeros(len(self.right), labels.shape[1], dtype=labels.dtype), torch.inf
        for penalty in _PENALTIES:
            kept = self.values.square() / (self.values.square() + penalty)
            errors = centred - self.left @ (kept[:, None] * projected)
            leverage = (self.left.square() @ kept) + 1 / len(labels)
            # The residual of a row that is left out, in closed form.
            loss = float((errors / (1 - leverage).clamp(min=1e-6)[:, None]).square().mean())
            if loss < lowest:
                shrunk = self.values / (self.values.square() + penalty)
                best, lowest = self.right @ (shrunk[:, None] * projected), loss
        return best


def _columns(task: Task, labels: Tensor) -> Tensor:
    """Return labels as numbers, ``[row, output]``."""
    if task.kind == "multiclass":
        labels = functional.one_hot(labels.long(), task.n_outputs)
    return labels.double().reshape(len(labels), -1)
