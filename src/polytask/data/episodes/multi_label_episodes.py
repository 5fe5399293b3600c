"""Episodes in which an example may have several labels, or none."""

from collections.abc import Callable, Sequence
from numbers import Integral

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, DataError, Episode, Task
from polytask.core.random import numpy_generator
from polytask.core.settings import SettingsCheck
from polytask.data.episodes.class_episodes import unit_interval
from polytask.data.source import Source

__all__ = ["MultiLabelEpisodes"]

_TRIES = 100


class MultiLabelEpisodes(Source):
    """An episode asks of every example which of some drawn labels it has.

    The support has ``n_shot`` or more examples of every label, the query ``n_query`` or more: examples with
    several of the labels count for each of them. No example is in both. Besides, each may have examples with
    none of the labels.

    Args:
        inputs: ``[example, ...]``; images as for `LabelledExamples`.
        labels: 1 where an example has a label, else 0, ``[example, label]``.
        known: Where it is known whether an example has a label, bool ``[example, label]``; None means
            everywhere.
        n_labels: Labels of an episode.
        n_shot: Fewest support examples of a label.
        n_query: Fewest query examples of a label.
        n_without: Examples with none of the labels, all known, in the support and again in the query; as many
            as there are, where there are fewer.
        n_episodes: Episodes per step.
        pool: The labels to draw from, by column: training and evaluation take other ones. None is all.
        seed: Decides every step.
        transform: See `ClassificationEpisodes`.

    Raises:
        DataError: A number is out of range, shapes differ, or a label of the pool has too few examples; in
            `step`, if labels drawn together share so many examples that support and query cannot be told
            apart, a hundred times.

    Example:
        >>> labels = (torch.rand(200, 6, generator=torch.Generator().manual_seed(0)) < 0.3).float()
        >>> source = MultiLabelEpisodes(torch.rand(200, 4), labels, n_labels=3, n_shot=2, n_query=4, seed=0)
        >>> (episode,) = source.step(0)
        >>> episode.tasks[0].kind, bool((episode.support.targets["labels"].sum(0) >= 2).all())
        ('multilabel', True)

    References:
        Simon, Koniusz, Harandi. Meta-Learning for Multi-Label Few-Shot Classification. WACV 2022, has
        episodes of this kind; the order of drawing, rarest label first, is ours.
    """

    def __init__(
        self,
        inputs: Tensor,
        labels: Tensor,
        *,
        known: Tensor | None = None,
        n_labels: int,
        n_shot: int,
        n_query: int = 5,
        n_without: int = 0,
        n_episodes: int = 1,
        pool: Sequence[int] | None = None,
        seed: int = 0,
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.inputs, self.labels, self.known = inputs, labels, known
        self.n_labels, self.n_shot, self.n_query = n_labels, n_shot, n_query
        self.n_without, self.n_episodes = n_without, n_episodes
        self.seed = seed
        self.transform = transform or unit_interval
        self.task = Task(name="labels", kind="multilabel", n_outputs=max(n_labels, 1))
        problems = self._shapes()
        if not problems:
            certain = np.ones(labels.shape, dtype=bool) if known is None else known.numpy(force=True)
            self._certain = certain
            self._has = (labels.numpy(force=True) == 1) & certain  # [example, label]
            self.pool = list(range(labels.shape[1])) if pool is None else list(pool)
            problems = self._numbers()
        if problems:
            raise DataError("MultiLabelEpisodes: " + "; ".join(problems) + ".")

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return ``n_episodes`` episodes; see `Source.step`."""
        draw = numpy_generator(self.seed, "step", index)
        return tuple(self._episode(draw) for _ in range(self.n_episodes))

    def _episode(self, draw: np.random.Generator) -> Episode:
        for _ in range(_TRIES):
            columns = draw.choice(self.pool, self.n_labels, replace=False)
            rows = self._rows(columns, draw)
            if rows is not None:
                support, query = (self._batch(part, columns) for part in rows)
                return Episode(tasks=(self.task,), support=support, query=query)
        raise DataError(
            f"{_TRIES} times, {self.n_labels} labels drawn together had too few examples for a support of "
            f"{self.n_shot} and a query of {self.n_query} of each that share none. Lower the numbers, or "
            "leave rare labels out of `pool`."
        )

    def _rows(self, columns: np.ndarray, draw: np.random.Generator) -> list[np.ndarray] | None:
        """Return the rows of support and query, or None where they cannot be filled."""
        has = self._has[:, columns]  # [example, drawn label]
        free = np.ones(len(has), dtype=bool)
        order = has.sum(0).argsort(kind="stable")  # rare labels have the least choice, and go first
        parts: list[np.ndarray] = []
        for wanted in (self.n_shot, self.n_query):
            taken: list[int] = []
            for column in order:
                missing = wanted - int(has[taken, column].sum())
                left = np.flatnonzero(has[:, column] & free)
                if missing > len(left):
                    return None
                if missing > 0:
                    chosen = draw.choice(left, missing, replace=False)
                    free[chosen] = False
                    taken += chosen.tolist()
            without = np.flatnonzero(~has.any(1) & self._certain[:, columns].all(1) & free)
            chosen = draw.choice(without, min(self.n_without, len(without)), replace=False)
            free[chosen] = False
            parts.append(np.array([*taken, *chosen.tolist()], dtype=np.int64))
        return parts

    def _batch(self, rows: np.ndarray, columns: np.ndarray) -> Batch:
        device = self.inputs.device
        index, chosen = torch.from_numpy(rows).to(device), torch.from_numpy(columns).to(device)
        masks = {} if self.known is None else {"labels": self.known[index][:, chosen].bool()}
        targets = {"labels": torch.from_numpy(self._has[rows][:, columns]).float().to(device)}
        return Batch(inputs=self.transform(self.inputs[index]), targets=targets, masks=masks)

    def _shapes(self) -> list[str]:
        problems = []
        if self.labels.ndim != 2 or len(self.labels) != len(self.inputs):
            problems.append(
                f"`labels` must be [example, label] for {len(self.inputs)} inputs, got "
                f"{tuple(self.labels.shape)}"
            )
        elif self.known is not None and self.known.shape != self.labels.shape:
            problems.append(
                f"`known` must have the shape of `labels`, {tuple(self.labels.shape)}, got "
                f"{tuple(self.known.shape)}"
            )
        return problems

    def _numbers(self) -> list[str]:
        asked = (
            ("n_labels", self.n_labels, 1),
            ("n_shot", self.n_shot, 1),
            ("n_query", self.n_query, 1),
            ("n_without", self.n_without, 0),
            ("n_episodes", self.n_episodes, 1),
        )
        check = SettingsCheck()
        for name, value, least in asked:
            check.whole(name, value, least=least)
        problems = check.problems
        if not all(isinstance(value, Integral) for _, value, _ in asked):
            return problems
        out = [column for column in self.pool if not 0 <= column < self.labels.shape[1]]
        if out:
            return [*problems, f"`pool` names columns {out}, but there are {self.labels.shape[1]} labels"]
        if self.n_labels > len(set(self.pool)):
            problems.append(f"`n_labels` is {self.n_labels}, but the pool has {len(set(self.pool))}")
        needed = self.n_shot + self.n_query
        counts = {column: int(self._has[:, column].sum()) for column in self.pool}
        few = [f"{column} ({count})" for column, count in counts.items() if count < needed]
        if few:
            problems.append(
                f"`n_shot` and `n_query` need {needed} examples of a label, fewer have {', '.join(few[:5])}; "
                "lower them or leave those out of `pool`"
            )
        return problems
