"""A sample of all tasks seen so far, from which episodes are drawn again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from polytask.core import Batch, Episode, InputError, Task, generator

__all__ = ["TaskReplay"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Labelled examples of one meeting with some tasks."""

    tasks: tuple[Task, ...]
    examples: Batch


class TaskReplay:
    """Keeps labelled examples of a bounded number of tasks; every task seen has the same chance to be kept.

    An episode of a kept task is a new cut of its examples into support and query each time. Multiclass tasks
    that come alone are cut class by class: every class that has two examples or more is in both parts.

    Args:
        capacity: Tasks kept at most.
        support_share: Of a task's examples, those in the support.
        seed: Decides what is kept, and every cut.

    Raises:
        InputError: The capacity is below 1, or the share not within (0, 1).

    Example:
        >>> replay = TaskReplay(capacity=2)
        >>> task = Task(name="y", kind="regression")
        >>> for value in (1.0, 2.0, 3.0):
        ...     replay.add([task], Batch(inputs=torch.zeros(4, 1), targets={"y": torch.full((4,), value)}))
        >>> len(replay), replay.n_seen
        (2, 3)
        >>> episode = replay.episode(0, draw=0)
        >>> len(episode.support), len(episode.query)
        (2, 2)

    References:
        Vitter. Random Sampling with a Reservoir. ACM Transactions on Mathematical Software 11(1), 1985,
        algorithm R.
    """

    def __init__(self, *, capacity: int = 500, support_share: float = 0.5, seed: int = 0) -> None:
        problems = []
        if capacity < 1:
            problems.append(f"`capacity` must be at least 1, got {capacity}")
        if not 0 < support_share < 1:
            problems.append(f"`support_share` must lie within (0, 1), got {support_share}")
        if problems:
            raise InputError("TaskReplay: " + "; ".join(problems) + ".")
        self.capacity = capacity
        self.support_share = support_share
        self.seed = seed
        self.n_seen = 0
        self._kept: list[_Seen] = []

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, tasks: Sequence[Task], examples: Batch) -> None:
        """Keep a task's labelled examples, perhaps in place of another task's.

        Raises:
            InputError: A task has fewer than two labelled examples, so that no episode can be cut from them.
        """
        check_cuttable(tasks, examples)
        seen = _Seen(tasks=tuple(tasks), examples=examples.only(task.name for task in tasks))
        if len(self._kept) < self.capacity:
            self._kept.append(seen)
        else:
            draw = generator(self.seed, "place", self.n_seen)
            place = int(torch.randint(self.n_seen + 1, (1,), generator=draw))
            if place < self.capacity:
                self._kept[place] = seen
        self.n_seen += 1

    def episode(self, index: int, *, draw: int) -> Episode:
        """Cut the kept task at a index into support and query; ``draw`` numbers the cuts."""
        seen = self._kept[index]
        return self.cut(seen.tasks, seen.examples, index, draw)

    def cut(self, tasks: Sequence[Task], examples: Batch, *path: str | int) -> Episode:
        """Cut examples into support and query; the path says which of all random cuts it is."""
        draw = generator(self.seed, "cut", *path)
        order = torch.randperm(len(examples), generator=draw)
        known = torch.stack([examples.labelled(task.name).cpu() for task in tasks]).any(0)  # [row]
        labelled = order[known[order]].tolist()
        if len(tasks) == 1 and tasks[0].kind == "multiclass":
            groups = _by_class(labelled, examples.targets[tasks[0].name].tolist())
        else:
            groups = [labelled]
        chosen = {row for group in groups for row in group[: _part(len(group), self.support_share)]}
        support = torch.tensor(sorted(chosen))
        query = torch.tensor(sorted(set(labelled) - chosen))
        return Episode(tasks=tuple(tasks), support=examples.rows(support), query=examples.rows(query))

    def sample(self, n_episodes: int, *, draw: int) -> list[Episode]:
        """Return episodes of different kept tasks, as many as asked for or as there are."""
        order = torch.randperm(len(self), generator=generator(self.seed, "tasks", draw))
        return [self.episode(index, draw=draw) for index in order[:n_episodes].tolist()]

    def state_dict(self) -> dict[str, Any]:
        """Return what is kept; tasks as they are, tensors not copied."""
        return {"n_seen": self.n_seen, "kept": [(seen.tasks, seen.examples) for seen in self._kept]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up what `state_dict` returned."""
        self.n_seen = state["n_seen"]
        self._kept = [_Seen(tasks=tuple(tasks), examples=examples) for tasks, examples in state["kept"]]


def check_cuttable(tasks: Sequence[Task], examples: Batch) -> None:
    """Say which tasks have too few labelled examples to be cut in two.

    Raises:
        InputError: A task has fewer than two, or there is no task.
    """
    if not tasks:
        raise InputError("There is no task to learn from.")
    few = [task.name for task in tasks if examples.n_labels(task.name) < 2]
    if few:
        raise InputError(
            f"To learn from a task it needs two labelled examples, one to adapt by and one to judge by; "
            f"{', '.join(few)} has fewer."
        )
    for task in tasks:
        if len(tasks) == 1 and task.kind == "multiclass":
            counts = examples.targets[task.name][examples.labelled(task.name)].bincount(
                minlength=task.n_outputs
            )
            missing = (counts == 0).nonzero().flatten().tolist()
            if missing:
                raise InputError(
                    f"Task {task.name!r} has no example of the classes {', '.join(map(str, missing))}; give "
                    "one of every class, or a task with fewer classes."
                )
            if int(counts.max()) < 2:
                raise InputError(
                    f"Task {task.name!r} has one example of each class: none is left to judge by. Give a "
                    "second one of some class."
                )


def _by_class(rows: list[int], labels: list[int]) -> list[list[int]]:
    """Group rows by their label, in the order of rows."""
    groups: dict[int, list[int]] = {}
    for row in rows:
        groups.setdefault(labels[row], []).append(row)
    return list(groups.values())


def _part(n_rows: int, share: float) -> int:
    """Return how many of the rows go into the support: one at least, and all but one at most."""
    return max(1, min(round(share * n_rows), n_rows - 1))
