"""How far off answers on held-out tasks were, and where intervals go beyond what these tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from polytask.core import InputError
from polytask.data.tables.problems import some_rows
from polytask.models.score_distribution import few_units_note, reaches

__all__ = ["SpreadNotes", "TaskSpread", "read_spreads", "spread_tensors"]

_LEVELS = torch.linspace(0, 1, 201, dtype=torch.float64)
_FAR = 4.0  # times the known rows of tasks that were judged; a full task has 5/4 of what it was judged with


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TaskSpread:
    """How far labels of new tasks were from what was predicted, by how many of their rows were known.

    Args:
        n_rows: How many, rising, float64 ``[trial]``.
        scale: The root mean square of the distances in predicted standard deviations ``[trial]``.
        quantiles: Of the distances, at levels from 0 to 1 ``[trial, 201]``; each task counts as much.
        n_tasks: How many tasks were judged, int64 ``[trial]``; None in models of before.

    Raises:
        InputError: Sizes do not fit.
    """

    n_rows: Tensor
    scale: Tensor
    quantiles: Tensor
    n_tasks: Tensor | None = None

    def __post_init__(self) -> None:
        sizes = {len(self.n_rows), len(self.scale), len(self.quantiles)}
        sizes |= set() if self.n_tasks is None else {len(self.n_tasks)}
        if len(sizes) > 1 or not len(self.n_rows) or self.quantiles.shape[1:] != _LEVELS.shape:
            raise InputError("the distances of the tasks have sizes that do not fit")

    @classmethod
    def of(cls, away: Mapping[float, tuple[np.ndarray, np.ndarray]]) -> Self:
        """Summarize distances and the task of each, by number of known rows.

        Example:
            >>> spread = TaskSpread.of({0: (np.array([1.0, 3.0, 1.0, 3.0]), np.array([0, 0, 1, 1]))})
            >>> spread.radius(torch.tensor([0, 7]), 0.9).tolist()
            [3.0, 3.0]
        """
        counts, scales, quantiles, n_tasks = [], [], [], []
        for n_rows, (distances, tasks) in sorted(away.items()):
            shares = 1 / np.bincount(tasks)[tasks]
            order = np.argsort(distances)
            reached = np.cumsum(shares[order]) / shares.sum()
            places = np.searchsorted(reached, _LEVELS.numpy() - 1e-9).clip(max=len(order) - 1)
            counts.append(float(n_rows))
            scales.append(float(np.sqrt((shares * distances**2).sum() / shares.sum())))
            quantiles.append(torch.from_numpy(distances[order][places]))
            n_tasks.append(len(np.unique(tasks)))
        return cls(
            n_rows=torch.tensor(counts, dtype=torch.float64),
            scale=torch.tensor(scales, dtype=torch.float64),
            quantiles=torch.stack(quantiles).double(),
            n_tasks=torch.tensor(n_tasks, dtype=torch.int64),
        )

    def factor(self, n_rows: Tensor) -> Tensor:
        """Return by what predicted standard deviations are multiplied, ``[row]``, for so many known rows."""
        return self._between(self.scale, n_rows)

    def radius(self, n_rows: Tensor, level: float) -> Tensor:
        """Return the distance, in predicted standard deviations, in which a share of the labels lies."""
        place = level * (len(_LEVELS) - 1)
        low = min(int(place), len(_LEVELS) - 2)
        at = torch.lerp(self.quantiles[:, low], self.quantiles[:, low + 1], place - low)
        return self._between(at, n_rows)

    def fewest_tasks(self, n_rows: Tensor) -> int | None:
        """Return how many tasks told how far off answers are, where these were fewest; None if not known.

        Args:
            n_rows: How many rows are known of the tasks that are asked about, ``[row]``.
        """
        if self.n_tasks is None or not len(n_rows):
            return None
        above = torch.searchsorted(self.n_rows, n_rows.double()).clamp(max=len(self.n_rows) - 1)
        exact = self.n_rows[above] <= n_rows.double()
        below = torch.where(exact, above, (above - 1).clamp(min=0))
        return int(torch.minimum(self.n_tasks[above], self.n_tasks[below]).min())

    def beyond(self, n_rows: Tensor) -> Tensor:
        """Tell of which tasks far more rows are known than of those that were judged, bool ``[row]``."""
        return n_rows.double() + 1 > _FAR * (self.n_rows[-1] + 1)

    def tensors(self) -> dict[str, Tensor]:
        """Return what there is by name, from which it is built again."""
        found = {"n_rows": self.n_rows, "scale": self.scale, "quantiles": self.quantiles}
        return found if self.n_tasks is None else {**found, "n_tasks": self.n_tasks}

    def _between(self, values: Tensor, n_rows: Tensor) -> Tensor:
        known = np.log1p(self.n_rows.numpy())
        return torch.from_numpy(np.interp(np.log1p(n_rows.double().numpy()), known, values.numpy()))


def spread_tensors(spreads: Sequence[TaskSpread | None]) -> dict[str, Tensor]:
    """Return the tensors of several targets by name; those of the first are named as if it were alone."""
    return {
        f"{index}.{name}" if index else name: tensor
        for index, spread in enumerate(spreads)
        if spread is not None
        for name, tensor in spread.tensors().items()
    }


def read_spreads(tensors: Mapping[str, Tensor], n_targets: int) -> list[TaskSpread | None]:
    """Read what `spread_tensors` gave; nothing of no tensor."""
    found: list[TaskSpread | None] = []
    for index in range(n_targets if tensors else 0):
        start = f"{index}." if index else ""
        named = {
            name.removeprefix(start): tensor
            for name, tensor in tensors.items()
            if (name.startswith(start) if index else "." not in name)
        }
        found.append(TaskSpread(**named) if named else None)
    return found


class SpreadNotes:
    """Gathers, piece by piece, where intervals go beyond what held-out tasks tell.

    Args:
        level: The share of labels that shall lie in an interval; None where none are asked for.
    """

    def __init__(self, level: float | None) -> None:
        self.level = level
        self._few: dict[str, int] = {}
        self._beyond: dict[str, tuple[int, float]] = {}

    def add(self, name: str, spread: TaskSpread, n_rows: Tensor) -> None:
        """Look at more rows.

        Args:
            name: The target.
            spread: How far off its answers were.
            n_rows: How many rows are known of the task of each row, ``[row]``.
        """
        fewest = spread.fewest_tasks(n_rows)
        if self.level is not None and fewest is not None and not reaches(self.level, fewest):
            self._few[name] = min(fewest, self._few.get(name, fewest))
        if self.level is not None and (n_beyond := int(spread.beyond(n_rows).sum())):
            self._beyond[name] = (n_beyond + self._beyond.get(name, (0, 0.0))[0], float(spread.n_rows[-1]))

    def messages(self) -> list[str]:
        """Say it in words.

        Example:
            >>> notes = SpreadNotes(0.9)
            >>> notes.add("sold", TaskSpread.of({0: (np.ones(4), np.arange(4))}), torch.tensor([0, 0]))
            >>> notes.messages()[0][:86]
            "A level of 0.9 takes 9 held-out tasks with a label, but there are fewer of 'sold' (4):"
        """
        few = [f"{name!r} ({count})" for name, count in self._few.items()]
        found = [few_units_note(few, self.level, "tasks")] if few and self.level is not None else []
        for name, (n_beyond, most) in self._beyond.items():
            found.append(
                f"{name!r}: {some_rows(n_beyond)} {'is' if n_beyond == 1 else 'are'} of tasks of which far "
                f"more rows are known than of any held-out task, {most:.0f}: intervals are as wide, in "
                "predicted standard deviations, as with so many."
            )
        return found
