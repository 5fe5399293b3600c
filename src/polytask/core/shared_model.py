"""The learner of multi-task learning: one model, with parts that all tasks share and parts of one alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import quote, unquote

import torch
from torch import Tensor, nn

from polytask.core.batch import Batch, Episode, Inputs, query_objectives
from polytask.core.copied_module import module_copy
from polytask.core.errors import InputError
from polytask.core.learner import Learner, Predictor, States
from polytask.core.task import Objectives, Task

__all__ = [
    "PerTask",
    "Representation",
    "SharedModel",
    "Sharing",
    "private_parameters",
    "shared_parameters",
    "tap",
]


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


class PerTask(nn.Module):
    """One module per task: its parameters are private to that task.

    Everything else in a model is shared. A private parameter always receives its own task's unscaled
    gradient; balancing concerns the shared ones only. Any name is allowed, dots included.

    Args:
        modules: The modules by task name.

    Example:
        >>> heads = PerTask({"body.mass": nn.Linear(2, 1), "type": nn.Linear(2, 3)})
        >>> list(heads), heads["type"].out_features
        (['body.mass', 'type'], 3)
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(_key(name), module)

    def __getitem__(self, name: str) -> nn.Module:
        return self._modules[_key(name)]  # pyright: ignore[reportReturnType] - never None, see __init__

    def __iter__(self) -> Iterator[str]:
        return (_name(key) for key in self._modules)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _key(name) in self._modules

    def __len__(self) -> int:
        return len(self._modules)


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
        found, counts, represented = [], [], []
        for episode in episodes:
            self._known(episode.tasks)
            counts.append({task.name: episode.query.n_values(task.name) for task in episode.tasks})
            asked = [task for task in episode.tasks if counts[-1][task.name]]
            if not asked:
                found.append({})
                continue
            predictions, representation = self._answer(episode.query.inputs, [task.name for task in asked])
            found.append(query_objectives(asked, predictions, episode.query))
            represented.append(representation)
        taps = tuple(each.taps for each in represented if each.taps is not None)
        return _pooled(
            found,
            counts,
            # An architecture's penalty depends on its weights, not on the batch: once per step is enough.
            penalty=represented[0].penalty if represented else None,
            taps=taps if len(taps) == len(represented) else (),
        )

    def _answer(self, inputs: Inputs, names: Sequence[str]) -> tuple[dict[str, Tensor], Representation]:
        represented, heads = self.sharing(inputs, names), self.heads
        return {name: heads[name](represented.by_task[name]) for name in names}, represented

    def _known(self, tasks: Sequence[Task]) -> list[str]:
        unknown = [task.name for task in tasks if task.name not in self.heads]
        if unknown:
            raise InputError(
                f"The model knows no task {', '.join(map(repr, unknown))}; it has {', '.join(self.heads)}."
            )
        return [task.name for task in tasks]


def _pooled(
    objectives: Sequence[Mapping[str, Tensor]],
    counts: Sequence[Mapping[str, int]],
    *,
    penalty: Tensor | None,
    taps: tuple[Mapping[str, Tensor], ...],
) -> Objectives:
    """Join the objectives of several episodes: one per task, averaged over its labels.

    Args:
        objectives: For each episode of a step, scalars by task name; a task without label may be left out.
        counts: For each episode, the labelled values of every task that was asked.
        penalty: See `Objectives`.
        taps: Likewise.
    """
    asked: dict[str, list[tuple[Tensor, int]]] = {}
    for found, n_values in zip(objectives, counts, strict=True):
        for name, count in n_values.items():
            known = asked.setdefault(name, [])
            if count and name in found:
                known.append((found[name], count))
    present = {name: known for name, known in asked.items() if known}
    return Objectives(
        values=torch.stack([_mean(known) for known in present.values()]) if present else torch.zeros(0),
        names=tuple(present),
        counts=tuple(sum(n_values for _, n_values in known) for known in present.values()),
        absent=tuple(name for name, known in asked.items() if not known),
        penalty=penalty,
        taps=taps,
    )


def _mean(known: Sequence[tuple[Tensor, int]]) -> Tensor:
    """Return the mean of scalars, each counted as often as is said."""
    if len(known) == 1:
        return known[0][0]
    total = sum(count for _, count in known)
    return torch.stack([value * count for value, count in known]).sum() / total


@dataclass(frozen=True, slots=True)
class _Answer:
    """Answers by a model in evaluation mode; an object, as a function cannot be pickled."""

    model: SharedModel
    names: tuple[str, ...]

    def __call__(self, state: States, inputs: Inputs) -> dict[str, Tensor]:  # a looked-up task has no state
        return module_copy(self.model, training=False)(inputs, self.names)


def private_parameters(module: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the trainable private parameters of every task, by task name."""
    private: dict[str, list[nn.Parameter]] = {}
    for parameter, owners in _owners(module):
        if len(owners) == 1 and (owner := next(iter(owners))) is not None:
            private.setdefault(owner, []).append(parameter)
    return private


def shared_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Return the trainable parameters that belong to no single task.

    A parameter that two tasks reach, or that is also used outside `PerTask`, is tied, hence shared.
    """
    return [parameter for parameter, owners in _owners(module) if owners == {None} or len(owners) > 1]


def _owners(module: nn.Module) -> list[tuple[nn.Parameter, set[str | None]]]:
    """Pair each trainable parameter with the tasks that own it; None stands for shared code."""
    found: dict[int, tuple[nn.Parameter, set[str | None]]] = {}
    visited: set[tuple[int, str | None]] = set()

    def walk(part: nn.Module, owner: str | None) -> None:
        if (id(part), owner) in visited:  # many may hold one module, and modules each other
            return
        visited.add((id(part), owner))
        for parameter in part.parameters(recurse=False):
            if parameter.requires_grad:
                found.setdefault(id(parameter), (parameter, set()))[1].add(owner)
        for key, child in part._modules.items():  # `named_children` leaves out a module's second name
            if child is not None:
                walk(child, _name(key) if isinstance(part, PerTask) and owner is None else owner)

    walk(module, None)
    return list(found.values())


@lru_cache(maxsize=2**12)  # asked for at every step
def _key(name: str) -> str:
    """Encode a task's name as a module's name: no dots, no clash with attributes."""
    return "task:" + quote(name, safe=" ").replace(".", "%2E")


def _name(key: str) -> str:
    return unquote(key.removeprefix("task:"))
