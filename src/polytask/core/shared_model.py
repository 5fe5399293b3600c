"""The learner of multi-task learning: one model whose tasks are looked up by name."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor, nn

from polytask.core.batch import Batch, Episode, Inputs
from polytask.core.copied_module import module_copy
from polytask.core.errors import InputError
from polytask.core.learner import Learner, Predictor, States
from polytask.core.objectives import Objectives, pool, query_objectives
from polytask.core.private import PerTask
from polytask.core.task import Task

__all__ = ["Representation", "SharedModel", "Sharing", "tap"]


def tap(shared: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Give every task its own view of one shared tensor, the place where it leaves the shared part.

    The gradient of a task's objective at its tap is the gradient at the shared representation; one backward
    pass through the private parts gives it for all tasks at once.

    Args:
        shared: A representation, of any shape.
        names: The tasks.

    Example:
        >>> import torch
        >>> taps = tap(torch.ones(2, 3), ["a", "b"])
        >>> taps["a"] is taps["b"], taps["a"].shape
        (False, torch.Size([2, 3]))
    """
    return {name: shared.view_as(shared) for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """What an architecture hands to the heads.

    Args:
        by_task: ``[batch, feature]`` by task name.
        penalty: A scalar that the architecture wants small; None where it has none.
        taps: Where each task leaves the shared part, see `tap`: every path from a shared parameter to a
            task's answer leads through its tap, and no private parameter lies before it. None for an
            architecture without such a place.
    """

    by_task: Mapping[str, Tensor]
    penalty: Tensor | None = None
    taps: Mapping[str, Tensor] | None = None


class Sharing(nn.Module, ABC):
    """A way of sharing: maps inputs to one representation per task.

    An implementation keeps parameters of one task in a `PerTask`; all others count as shared.
    """

    entries: ClassVar[tuple[Any, ...]] = ()
    """What the catalogue says of this class; see `polytask.architectures.entry.catalogued`."""

    @abstractmethod
    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """Represent inputs ``[batch, ...]`` for the tasks of these names."""


class SharedModel(Learner):
    """An architecture of shared and private layers, and a private head for every task.

    Args:
        tasks: The tasks it answers, looked up by name.
        sharing: Maps inputs to one representation per task.
        heads: A module per task, from the representation to ``[batch, n_outputs]``.

    Raises:
        InputError: A task has no head.

    Example:
        >>> import torch
        >>> from polytask.architectures import HardSharing
        >>> task = Task(name="y", kind="regression")
        >>> model = SharedModel([task], HardSharing(nn.Linear(3, 8)), heads={"y": nn.Linear(8, 1)})
        >>> model.adapt([task])(torch.zeros(5, 3))["y"].shape
        torch.Size([5, 1])
    """

    def __init__(self, tasks: Sequence[Task], sharing: Sharing, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        without = [task.name for task in tasks if task.name not in heads]
        if without:
            raise InputError(f"`heads` has no module for {', '.join(without)}; give every task one.")
        self.tasks = tuple(tasks)
        self.sharing = sharing
        self.heads = PerTask({task.name: heads[task.name] for task in tasks})

    def forward(self, inputs: Inputs, names: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]``: ``[batch, n_outputs]`` by task name."""
        return self._answer(inputs, [task.name for task in self.tasks] if names is None else names)[0]

    def adapt(self, tasks: Sequence[Task], support: Batch | None = None) -> Predictor:
        """Look the tasks up by name; ``support`` is not used. See `Learner.adapt`."""
        return Predictor(tasks=tuple(tasks), function=_Answer(self, tuple(self._known(tasks))))

    def objectives(self, episodes: Sequence[Episode]) -> Objectives:
        """Return one objective per task that has a label; see `Learner.objectives`.

        A task without any label is not run at all: its private parameters get no gradient, not a zero one.
        """
        found, represented = [], []
        for episode in episodes:
            self._known(episode.tasks)
            asked = [task for task in episode.tasks if episode.query.n_labels(task.name)]
            if not asked:
                found.append({})
                continue
            predictions, representation = self._answer(episode.query.inputs, [task.name for task in asked])
            found.append(query_objectives(asked, predictions, episode.query))
            represented.append(representation)
        taps = tuple(each.taps for each in represented if each.taps is not None)
        return replace(
            pool(episodes, found),
            # An architecture's penalty depends on its weights, not on the batch: once per step is enough.
            penalty=represented[0].penalty if represented else None,
            taps=taps if len(taps) == len(represented) else (),
        )

    def _answer(self, inputs: Inputs, names: Sequence[str]) -> tuple[dict[str, Tensor], Representation]:
        represented = self.sharing(inputs, names)
        return {name: self.heads[name](represented.by_task[name]) for name in names}, represented

    def _known(self, tasks: Sequence[Task]) -> list[str]:
        unknown = [task.name for task in tasks if task.name not in self.heads]
        if unknown:
            raise InputError(
                f"The model knows no task {', '.join(map(repr, unknown))}; it has {', '.join(self.heads)}."
            )
        return [task.name for task in tasks]


@dataclass(frozen=True, slots=True)
class _Answer:
    """Answers by a model in evaluation mode; an object, as a function cannot be pickled."""

    model: SharedModel
    names: tuple[str, ...]

    def __call__(self, state: States, inputs: Inputs) -> dict[str, Tensor]:  # a looked-up task has no state
        return module_copy(self.model, training=False)(inputs, self.names)
