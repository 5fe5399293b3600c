"""Steps that are made of the steps of several sources."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral

import numpy as np

from polytask.core import DataError, Episode, Task
from polytask.data.curriculum import Curriculum
from polytask.data.source import Source
from polytask.data.steps.turns import Turns

__all__ = ["Mixture", "episodes_of_turns", "mixture_problems", "per_step_problems", "tasks_by_source"]


class Mixture(Source):
    """Every step has the episodes of the sources whose turn it is.

    A source that has its turn gives the step it stands before, so each goes through its own steps, and its
    own epochs, without a gap.

    Args:
        sources: Where steps come from, by any name; see `mixture_problems`.
        turns: Whose turn every step is.
    """

    def __init__(self, sources: Mapping[str, Source], turns: Turns) -> None:
        self._by_name = dict(sources)
        self._turns = turns

    def step(self, index: int) -> Sequence[Episode]:
        """Return the episodes of the sources that have their turn, in their order; see `Source.step`.

        Raises:
            DataError: Two sources mean different tasks by one name.
        """
        drawn, turns = self._turns.at(index)
        return episodes_of_turns(self._by_name, drawn, turns.tolist())

    def drawn(self, index: int) -> tuple[str, ...]:
        """Name the sources whose turn the ``index``-th step is."""
        drawn, _ = self._turns.at(index)
        return tuple(name for name, chosen in zip(self._by_name, drawn) if chosen)


def episodes_of_turns(
    sources: Mapping[str, Source], drawn: np.ndarray, turns: Sequence[int]
) -> Sequence[Episode]:
    """Ask the sources whose turn it is.

    Args:
        sources: All sources.
        drawn: Whose turn it is, bool ``[source]``.
        turns: How many turns each had before, ``[source]``.

    Raises:
        DataError: Two sources mean different tasks by one name. Tasks that are learned from support are not
            looked up by name and may share one.
    """
    steps = {name: sources[name].step(turn) for name, turn, now in zip(sources, turns, drawn) if now}
    if len(steps) == 1:
        return next(iter(steps.values()))
    _check_names(steps)
    return tuple(episode for step in steps.values() for episode in step)


def mixture_problems(sources: Mapping[str, object]) -> list[str]:
    """Say why steps cannot be made of these sources, if so."""
    if not sources:
        return ["`sources` is empty; give at least one source"]
    curricula = [name for name, source in sources.items() if isinstance(source, Curriculum)]
    if not curricula:
        return []
    return [
        f"{', '.join(curricula)} follows from losses, and would be told none in here; give a curriculum to "
        "`train` itself, and let it draw the other sources"
    ]


def per_step_problems(per_step: int, n_sources: int) -> list[str]:
    """Say why so many of the sources cannot have their turn in one step, if so."""
    if not n_sources or (isinstance(per_step, Integral) and 1 <= per_step <= n_sources):
        return []
    return [f"`per_step` must be a whole number between 1 and the {n_sources} sources, got {per_step!r}"]


def tasks_by_source(sources: Mapping[str, Source]) -> dict[str, str]:
    """Return the name of the source of every task, by the task's name, from the first step of each.

    Raises:
        DataError: Two sources ask the same task.
    """
    found: dict[str, str] = {}
    for source_name, source in sources.items():
        for name in {task.name: None for episode in source.step(0) for task in episode.tasks}:
            if name in found:
                raise DataError(
                    f"The sources {found[name]!r} and {source_name!r} both ask task {name!r}; give every "
                    "task one source, or the tasks names of their own."
                )
            found[name] = source_name
    return found


def _check_names(steps: Mapping[str, Iterable[Episode]]) -> None:
    """Refuse tasks that would be looked up by one name but are not the same."""
    meant: dict[str, tuple[Task, str]] = {}
    for name, step in steps.items():
        for task in (task for episode in step if episode.support is None for task in episode.tasks):
            first, where = meant.setdefault(task.name, (task, name))
            if task != first:
                raise DataError(
                    f"Sources {where} and {name} mean different tasks by {task.name!r}: {first} and "
                    f"{task}. Rename one of them."
                )
