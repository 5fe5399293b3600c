"""Classification episodes of changing shape: ways, shots, balance, and classes of one group."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, DataError, Episode, Task
from polytask.core.random import numpy_generator
from polytask.core.settings import SettingsCheck
from polytask.data.episodes.class_episodes import unit_interval
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.source import Source

__all__ = ["VariedEpisodes"]


class VariedEpisodes(Source):
    """Classification episodes whose numbers of classes and of examples are drawn anew for every step.

    All episodes of a step have the same way, so that the head of a model fits; their shots are drawn by step,
    or by class where they may be unbalanced.

    Args:
        examples: What to draw from.
        n_way: Fewest and most classes of an episode.
        n_shot: Fewest and most support examples of a class.
        n_query: Query examples of a class.
        n_episodes: Episodes per step.
        balanced: Whether all classes of a step have equally many support examples.
        within_groups: Whether the classes of an episode are of one group, e.g. one alphabet. A group is drawn
            in proportion to its classes; groups smaller than the way are left out. ``"tree"`` takes the names
            of groups for paths in a hierarchy, such as ``"animal/dog"``: the classes of an episode lie below
            one node, from the root down to a whole path, and all nodes with enough classes are drawn alike,
            so that fine and coarse distinctions are asked for.
        seed: Decides every step.
        transform: See `ClassificationEpisodes`.

    Raises:
        DataError: A number is out of range, or classes or examples are too few.

    Example:
        >>> examples = LabelledExamples(
        ...     inputs=torch.zeros(100, 2), labels=torch.arange(100) % 10,
        ...     class_names=tuple("abcdefghij"), class_groups=("left",) * 4 + ("right",) * 6)
        >>> source = VariedEpisodes(examples, n_way=(2, 5), n_shot=(1, 4), n_query=2, balanced=False)
        >>> (episode,) = source.step(0)
        >>> episode.tasks[0].n_outputs, episode.support.targets["class"].bincount()
        (3, tensor([2, 1, 1]))

    References:
        Triantafillou et al. Meta-Dataset: A Dataset of Datasets for Learning to Learn from Few Examples. ICLR
        2020, arXiv:1903.03096, section 3.2, has the idea of both; ways and shots are drawn otherwise here,
        and no node is too large.
    """

    def __init__(
        self,
        examples: LabelledExamples,
        *,
        n_way: tuple[int, int],
        n_shot: tuple[int, int],
        n_query: int = 10,
        n_episodes: int = 1,
        balanced: bool = True,
        within_groups: bool | Literal["tree"] = False,
        seed: int = 0,
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.examples = examples
        self.n_way = n_way
        self.n_shot = n_shot
        self.n_query = n_query
        self.n_episodes = n_episodes
        self.balanced = balanced
        self.within_groups = within_groups
        self.seed = seed
        self.transform = transform or unit_interval
        labels = examples.labels.numpy(force=True)
        self._rows = [np.flatnonzero(labels == c) for c in range(examples.n_classes)]
        if within_groups not in (True, False, "tree"):
            raise DataError(
                f"VariedEpisodes: `within_groups` is {within_groups!r}; use True, False or 'tree'."
            )
        self._groups = _nodes(examples) if within_groups == "tree" else _groups(examples, within_groups)
        problems = self._problems()
        if problems:
            raise DataError("VariedEpisodes: " + "; ".join(problems) + ".")

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return ``n_episodes`` episodes of one way; see `Source.step`."""
        draw = numpy_generator(self.seed, "step", index)
        way = int(draw.integers(self.n_way[0], self.n_way[1] + 1))
        task = Task(name="class", kind="multiclass", n_outputs=way)
        low, high = self.n_shot
        shots = draw.integers(low, high + 1, size=way if not self.balanced else 1)
        shots = np.broadcast_to(shots, way)  # of every class
        return tuple(self._episode(task, shots, draw) for _ in range(self.n_episodes))

    def _episode(self, task: Task, shots: np.ndarray, draw: np.random.Generator) -> Episode:
        large = [group for group in self._groups if len(group) >= task.n_outputs]
        sizes = np.array([1 if self.within_groups == "tree" else len(group) for group in large])
        group = large[draw.choice(len(large), p=sizes / sizes.sum())]
        classes = draw.choice(group, task.n_outputs, replace=False)
        drawn = [
            draw.choice(self._rows[c], shot + self.n_query, replace=False) for c, shot in zip(classes, shots)
        ]
        support = self._batch([rows[:shot] for rows, shot in zip(drawn, shots)])
        query = self._batch([rows[shot:] for rows, shot in zip(drawn, shots)])
        return Episode(tasks=(task,), support=support, query=query)

    def _batch(self, rows: list[np.ndarray]) -> Batch:
        device = self.examples.inputs.device
        index = torch.from_numpy(np.concatenate(rows)).to(device)
        labels = torch.arange(len(rows), device=device).repeat_interleave(
            torch.tensor([len(part) for part in rows], device=device)
        )
        return Batch(inputs=self.transform(self.examples.inputs[index]), targets={"class": labels})

    def _problems(self) -> list[str]:
        problems = []
        for name, (low, high), least in (("n_way", self.n_way, 2), ("n_shot", self.n_shot, 1)):
            if not least <= low <= high:
                problems.append(f"`{name}` must be (fewest, most) from {least} on, got {(low, high)}")
        check = SettingsCheck()
        check.whole("n_query", self.n_query, least=1)
        check.whole("n_episodes", self.n_episodes, least=1)
        problems += check.problems
        if problems:
            return problems
        largest = max((len(group) for group in self._groups), default=0)
        if self.n_way[1] > largest:
            where = "the largest group has" if self.within_groups else "there are"
            problems.append(f"`n_way` goes up to {self.n_way[1]}, but {where} {largest} classes; lower it")
        needed = self.n_shot[1] + self.n_query
        small = [c for c, rows in enumerate(self._rows) if len(rows) < needed]
        if small:
            named = ", ".join(f"{self.examples.class_names[c]!r} ({len(self._rows[c])})" for c in small[:5])
            problems.append(
                f"`n_shot` and `n_query` need {needed} examples of a class, fewer have {named}; lower them "
                "or leave those classes out with `examples.of_classes(...)`"
            )
        return problems


def _groups(examples: LabelledExamples, apart: bool) -> list[np.ndarray]:
    """Return the classes of each group, or all of them where groups do not count."""
    names = examples.class_groups if apart else ("all",) * examples.n_classes
    return [np.flatnonzero(np.array(names) == name) for name in dict.fromkeys(names)]


def _nodes(examples: LabelledExamples) -> list[np.ndarray]:
    """Return the classes below each node of the tree that the groups' names spell; each set once."""
    below: dict[tuple[str, ...], list[int]] = {}
    for index, name in enumerate(examples.class_groups):
        path = tuple(name.split("/"))
        for depth in range(len(path) + 1):
            below.setdefault(path[:depth], []).append(index)
    # A node with a single child has the same classes as that child.
    return [np.array(classes) for classes in dict.fromkeys(map(tuple, below.values()))]
