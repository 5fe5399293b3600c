"""One learner made of several networks: the tasks of a grouping."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, InputError, Learner, Objectives, PerTask, Predictor, Task
from polytask.core.batch import Inputs
from polytask.core.learner import States
from polytask.relate.grouping import Grouping

__all__ = ["GroupedModel"]


class GroupedModel(Learner):
    """A network for every group of tasks; each task is answered by the one that serves it.

    The networks have no parameter in common: every one learns from the objectives of its own group. Where a
    task helps in a group that does not serve it, it has an objective there too, called ``"task@group"`` by
    the group's position, and a head of its own. For disjoint groups the objectives are the tasks. The network
    of a task that is alone is private to it.

    A balancer that compares gradients finds those of different networks orthogonal. To balance within a
    network and no further, train the networks one by one; each is a learner, too. For disjoint groups of the
    same trunk `polytask.architectures.BranchingTree` with a single depth is the same model, as a `Sharing`.

    Args:
        tasks: All tasks of the grouping.
        grouping: Which tasks each network learns, and which it serves; see `group_tasks`.
        build: Makes the learner of a group from its tasks.

    Raises:
        InputError: The grouping has other tasks, what was built is no learner, or two objectives would have
            one name.

    Example:
        >>> from polytask.core import SharedModel
        >>> from polytask.relate.grouping import group_tasks
        >>> from polytask.architectures import HardSharing
        >>> tasks = [Task(name=name, kind="regression") for name in "abc"]
        >>> grouping = group_tasks([[0, 1, -1], [1, 0, -1], [-1, -1, 0]], "abc", budget=2)
        >>> def build(group):
        ...     heads = {task.name: nn.Linear(8, 1) for task in group}
        ...     return SharedModel(group, HardSharing(nn.Linear(3, 8)), heads)
        >>> model = GroupedModel(tasks, grouping, build)
        >>> model.adapt(tasks)(torch.zeros(5, 3))["c"].shape, len(model.networks)
        (torch.Size([5, 1]), 2)
    """

    def __init__(
        self, tasks: Sequence[Task], grouping: Grouping, build: Callable[[Sequence[Task]], Learner]
    ) -> None:
        super().__init__()
        by_name = {task.name: task for task in tasks}
        if set(by_name) != set(grouping.served_by):
            raise InputError(
                f"The tasks are {', '.join(by_name) or 'none'}, but the grouping's are "
                f"{', '.join(grouping.served_by)}; give the same."
            )
        self.tasks = tuple(tasks)
        self.grouping = grouping
        built = [build([by_name[name] for name in group]) for group in grouping.groups]
        wrong = [type(network).__name__ for network in built if not isinstance(network, Learner)]
        if wrong:
            raise InputError(f"`build` must return a learner, but gave {', '.join(wrong)}.")
        alone = {group[0]: each for group, each in zip(grouping.groups, built) if len(group) == 1}
        self.private = PerTask(alone)
        self.shared = nn.ModuleList([each for group, each in zip(grouping.groups, built) if len(group) > 1])
        if len(set(self.objective_names)) < len(self.objective_names):
            raise InputError(f"Rename a task: two objectives share a name in {self.objective_names}.")

    @property
    def networks(self) -> tuple[Learner, ...]:
        """The learners in the order of the groups."""
        shared = iter(self.shared)
        groups = self.grouping.groups
        found = (self.private[group[0]] if len(group) == 1 else next(shared) for group in groups)
        return tuple(cast(Learner, network) for network in found)

    @property
    def objective_names(self) -> tuple[str, ...]:
        """The names of all objectives: the tasks, and those that help as ``"task@group"``."""
        groups = enumerate(self.grouping.groups)
        return tuple(self._named(name, position) for position, group in groups for name in group)

    def adapt(self, tasks: Sequence[Task], support: Batch | None = None) -> Predictor:
        """Ask for every task the network that serves it. See `Learner.adapt`."""
        self._check_known(tasks)
        asked: dict[int, list[Task]] = {}
        for task in tasks:
            asked.setdefault(self.grouping.served_by[task.name], []).append(task)
        networks = self.networks
        predictors = [networks[position].adapt(own, support) for position, own in asked.items()]
        if any(predictor.state for predictor in predictors):
            raise InputError("The networks of a grouping must know their tasks by name, without a state.")
        return Predictor(tasks=tuple(tasks), function=_Answer(tuple(tasks), tuple(predictors)))

    def objectives(self, episodes: Sequence[Episode]) -> Objectives:
        """Return the objectives of every network on its own tasks; see `Learner.objectives`."""
        for episode in episodes:
            self._check_known(episode.tasks)
        found = []
        for position, (network, group) in enumerate(zip(self.networks, self.grouping.groups, strict=True)):
            own = [part for episode in episodes if (part := _of_tasks(episode, group)) is not None]
            if own:
                found.append((self._renamed(network.objectives(own), position), len(group) > 1))
        return _joined(found)

    def _named(self, name: str, position: int) -> str:
        return name if self.grouping.served_by[name] == position else f"{name}@{position}"

    def _renamed(self, objectives: Objectives, position: int) -> Objectives:
        """Mark the objectives of tasks that only help."""

        def named(names: Iterable[str]) -> tuple[str, ...]:
            return tuple(self._named(name, position) for name in names)

        return replace(
            objectives,
            names=named(objectives.names),
            absent=named(objectives.absent),
            taps=tuple(dict(zip(named(taps), taps.values())) for taps in objectives.taps),
        )

    def _check_known(self, tasks: Sequence[Task]) -> None:
        unknown = [task.name for task in tasks if task.name not in self.grouping.served_by]
        if unknown:
            raise InputError(
                f"The model knows no task {', '.join(map(repr, unknown))}; it has "
                f"{', '.join(self.grouping.served_by)}."
            )


@dataclass(frozen=True, slots=True)
class _Answer:
    """Answers each task by the predictor that serves it; an object, as a function cannot be pickled."""

    tasks: tuple[Task, ...]
    predictors: tuple[Predictor, ...]

    def __call__(self, state: States, inputs: Inputs) -> dict[str, Tensor]:  # the tasks are known by name
        answers = {name: each for predictor in self.predictors for name, each in predictor(inputs).items()}
        return {task.name: answers[task.name] for task in self.tasks}


def _of_tasks(episode: Episode, group: Sequence[str]) -> Episode | None:
    """Keep a group's tasks of an episode; None where it has none."""
    tasks = tuple(task for task in episode.tasks if task.name in group)
    if not tasks:
        return None
    support = None if episode.support is None else episode.support.only(group)
    return Episode(tasks=tasks, query=episode.query.only(group), support=support)


def _joined(parts: Sequence[tuple[Objectives, bool]]) -> Objectives:
    """Put the objectives of separate networks side by side; with each, whether its network is shared."""
    found = [part for part, _ in parts]
    if not found:
        return Objectives(values=torch.zeros(0), names=(), counts=())
    penalties = [part.penalty for part in found if part.penalty is not None]
    counts = [part.counts for part in found if part.counts is not None]
    # A private network has nothing shared to leave; of the others all need taps, or none counts.
    leaving = [part for part, shared in parts if shared and len(part)]
    tapped = all(part.taps for part in leaving)
    return Objectives(
        values=torch.cat([part.values for part in found if len(part)] or [found[0].values]),
        names=tuple(name for part in found for name in part.names),
        penalty=torch.stack(penalties).sum() if penalties else None,
        absent=tuple(name for part in found for name in part.absent),
        counts=tuple(count for own in counts for count in own) if len(counts) == len(found) else None,
        taps=tuple(taps for part in leaving for taps in part.taps) if tapped else (),
    )
