"""What training one task does to another, as a table of pairs."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd
from torch import Tensor

from polytask.core import DataWarning, InputError

__all__ = ["Affinity", "group_gain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Affinity:
    """What training one task does to another; more is better.

    To group tasks by it: ``group_tasks(similarity_gains(affinity.matrix), affinity.names, ...)``; with
    ``neutral=0`` where 0 means no gain, as it does for `transfer_gains`.

    Args:
        names: The tasks, in the order of rows and columns.
        matrix: ``[from task, to task]``, the row gives and the column receives; NaN where a pair was never
            seen together.
        n_seen: In how many steps, or runs, each pair was measured, long ``[from task, to task]``.
        overlap: Of the rows with a label of either task, the share that has both, ``[task, task]``; NaN
            where there was no such row. None where it was not counted.

    Raises:
        InputError: A table does not fit the names.

    Example:
        >>> import torch
        >>> matrix = torch.tensor([[1.0, 0.3], [-0.2, 1.0]])
        >>> found = Affinity(names=("depth", "edges"), matrix=matrix, n_seen=torch.full((2, 2), 50))
        >>> found("depth", "edges")
        0.3...
        >>> print(found.format())
        from \\ to  depth  edges
        depth       1.00   0.30
        edges      -0.20   1.00
    """

    names: tuple[str, ...]
    matrix: Tensor
    n_seen: Tensor
    overlap: Tensor | None = None

    def __post_init__(self) -> None:
        shape = (len(self.names), len(self.names))
        tables = {"matrix": self.matrix, "n_seen": self.n_seen, "overlap": self.overlap}
        problems = [
            f"`{name}` has shape {tuple(table.shape)}, not {shape} for {len(self.names)} names"
            for name, table in tables.items()
            if table is not None and table.shape != shape
        ]
        if len(set(self.names)) != len(self.names):
            problems.append(f"`names` repeats a name: {', '.join(self.names)}")
        if problems:
            raise InputError("Affinity: " + "; ".join(problems) + ".")

    def __call__(self, giver: str, receiver: str) -> float:
        """Return what one task does to another.

        Raises:
            InputError: A task is unknown.
        """
        row, column = self.indices([giver, receiver])
        return float(self.matrix[row, column])

    def indices(self, names: Sequence[str]) -> list[int]:
        """Return the rows of tasks.

        Raises:
            InputError: A task is unknown.
        """
        unknown = [name for name in names if name not in self.names]
        if unknown:
            raise InputError(f"There is no task {', '.join(unknown)}; there are {', '.join(self.names)}.")
        return [self.names.index(name) for name in names]

    def little_overlap(self, *, below: float = 0.3) -> tuple[tuple[str, str], ...]:
        """Return the pairs of tasks whose share of common rows is small; none where it was not counted.

        Gradients on different rows also differ because the rows do. On molecular data gradient affinities
        were found to be noise below an overlap of 30 %, and reliable above 40 %; the figures are those of one
        preprint, and its measure of overlap may be another one than here.

        References:
            Jasper Zhang, Bryan Cheng, "Information-Theoretic Requirements for Gradient-Based Task Affinity
            Estimation in Multi-Task Learning", preprint 2026, arXiv:2604.07848.
        """
        if self.overlap is None:
            return ()
        share = self.overlap.tolist()
        pairs = combinations(range(len(self.names)), 2)
        # A pair without any row has no overlap either; NaN < 0.3 would be False.
        return tuple((self.names[a], self.names[b]) for a, b in pairs if not share[a][b] >= below)

    def to_frame(self) -> pd.DataFrame:
        """Return the matrix as a table, givers as index and receivers as columns."""
        return pd.DataFrame(self.matrix.numpy(force=True), index=list(self.names), columns=list(self.names))

    def format(self, digits: int = 2, *, scale: float = 1.0) -> str:
        """Write the table for people; an affinity that is unknown is a dash.

        Args:
            digits: After the point.
            scale: What the values are multiplied with; lookahead affinities are small.
        """
        corner = "from \\ to"
        body = [[_written(value * scale, digits) for value in row] for row in self.matrix.tolist()]
        first = max(len(each) for each in (corner, *self.names))
        widths = [max(len(name), *map(len, column)) for name, column in zip(self.names, zip(*body))]
        lines = [
            "  ".join([head.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths))])
            for head, cells in zip((corner, *self.names), (self.names, *body))
        ]
        doubtful = ", ".join(f"{a} and {b}" for a, b in self.little_overlap())
        return "\n".join([*lines, f"Less than 30 % common rows: {doubtful}."] if doubtful else lines)


def group_gain(affinity: Affinity, group: Sequence[str]) -> dict[str, float]:
    r"""Predict what every task of a group gains in it: the higher-order approximation.

    .. math:: g(t \mid G) = \frac{1}{|G| - 1} \sum_{u \in G \setminus t} A_{ut}

    Args:
        affinity: Of pairs: `transfer_gains` in the paper; an affinity from gradients does as well.
        group: The tasks of the group.

    Returns:
        By task; pairs never seen are left out of the mean, and the gain is NaN where none is left. A task
        alone gains 0.

    Raises:
        InputError: A task is unknown, repeated, or the group is empty.

    Example:
        >>> import torch
        >>> matrix = torch.tensor([[0.0, 4.0, 1.0], [2.0, 0.0, 1.0], [6.0, -8.0, 0.0]])
        >>> affinity = Affinity(names=("a", "b", "c"), matrix=matrix, n_seen=torch.ones(3, 3))
        >>> group_gain(affinity, ["a", "b", "c"])
        {'a': 4.0, 'b': -2.0, 'c': 1.0}

    References:
        Trevor Standley, Amir Zamir, Dawn Chen, Leonidas Guibas, Jitendra Malik, Silvio Savarese, "Which Tasks
        Should Be Learned Together in Multi-task Learning?", ICML 2020, arXiv:1905.07553. Deviation: they
        average the losses of the pairs, here the gains over training alone are averaged.
    """
    if not group or len(set(group)) != len(group):
        raise InputError(f"`group` needs different tasks, at least one; got {list(group)}.")
    indices = affinity.indices(group)
    gains = {}
    for name, index in zip(group, indices):
        from_others = affinity.matrix[[other for other in indices if other != index], index]
        gains[name] = float(from_others.nanmean()) if len(indices) > 1 else 0.0
    return gains


def warn_of_little_overlap(affinity: Affinity) -> None:
    """Warn where tasks have too few rows in common for gradients to be compared."""
    doubtful = affinity.little_overlap()
    if doubtful:
        shown = ", ".join(f"{a} and {b}" for a, b in doubtful[:5])
        more = f" and {len(doubtful) - 5} more pairs" if len(doubtful) > 5 else ""
        warnings.warn(
            f"Less than 30 % of the labelled rows are common to {shown}{more}; affinities from gradients may "
            "be noise there. `transfer_gains` does not depend on it.",
            DataWarning,
            stacklevel=3,
        )


def _written(value: float, digits: int) -> str:
    return "–" if math.isnan(value) else f"{value:.{digits}f}"
