"""Curricula over sources: the losses decide which of them the next step asks."""

import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from polytask.core import Episode, InputError, TrainingError
from polytask.core.random import numpy_generator
from polytask.data.curriculum import Curriculum
from polytask.data.source import Source
from polytask.data.steps.mixture import (
    episodes_of_turns,
    mixture_problems,
    per_step_problems,
    tasks_by_source,
)
from polytask.data.steps.unequal_draws import draw, inclusion

__all__ = ["SourceCurriculum"]


class SourceCurriculum(Curriculum):
    """Draw sources by shares that follow from the losses so far.

    The draws of a step depend on the seed, the step and the losses before it alone. A source that has its
    turn gives the step it stands before, so each goes through its own epochs without a gap.

    A method says what the shares are and how they follow from losses; what it knows of the sources is in
    `statistics`.

    Args:
        sources: Where each task, or group of tasks, has its steps, by any name.
        per_step: Sources in one step.
        exploration: The part of the shares that all sources divide evenly, in [0, 1].
        seed: Decides whose turn it is.

    Raises:
        InputError: An argument does not fit, or one of the sources is a curriculum itself.
        DataError: Two sources ask the same task.
    """

    def __init__(
        self, sources: Mapping[str, Source], *, per_step: int = 1, exploration: float = 0.05, seed: int = 0
    ) -> None:
        problems = mixture_problems(sources)
        problems += per_step_problems(per_step, len(sources))
        if not 0 <= exploration <= 1:
            problems.append(f"`exploration` must be in [0, 1], got {exploration}")
        if problems:
            raise InputError(f"{type(self).__name__}: " + "; ".join(problems) + ".")
        self.sources = dict(sources)
        self.per_step = per_step
        self.exploration = exploration
        self.seed = seed
        self.statistics: dict[str, list[float]] = {}
        """What the method knows of the sources, as plain numbers."""
        indices = {name: index for index, name in enumerate(sources)}
        self._index = {task: indices[source] for task, source in tasks_by_source(sources).items()}
        self._next = 0
        self._turns = [0] * len(sources)
        self._first: dict[str, float] = {}

    @abstractmethod
    def preferences(self) -> np.ndarray:
        """Return how much each source is wanted for the next step: positive shares that sum to 1."""

    @abstractmethod
    def update(self, losses: Mapping[int, float]) -> None:
        """Take note of a step.

        Args:
            losses: By index of the source, its losses relative to the first ones of the same tasks, averaged.
                Sources that the step did not ask are missing.
        """

    @property
    def inclusion(self) -> dict[str, float]:
        """The probability of every source to be in the next step."""
        return dict(zip(self.sources, self.chances().tolist()))

    def chances(self) -> np.ndarray:
        """Return the probability of every source to be in the next step, ``[source]``."""
        even = self.exploration / len(self.sources)
        return inclusion((1 - self.exploration) * self.preferences() + even, self.per_step)

    def drawn(self) -> tuple[str, ...]:
        """Name the sources whose turn the next step is."""
        return tuple(name for name, now in zip(self.sources, self._draw()) if now)

    def next(self, step: int) -> Sequence[Episode]:
        """Return the episodes of the sources that have their turn; see `Curriculum.next`.

        Raises:
            DataError: Two sources mean different tasks by one name.
        """
        self._check_next(step)
        return episodes_of_turns(self.sources, self._draw(), self._turns)

    def told(self, step: int, losses: Mapping[str, float]) -> None:
        """See `Curriculum.told`.

        Raises:
            InputError: It is another step, or a loss belongs to no task of the sources.
            TrainingError: The first loss of a task is not above 0, so that none can be relative to it.
        """
        self._check_next(step)
        found: dict[int, list[float]] = {}
        for name, loss in losses.items():
            task = self._task(name)
            found.setdefault(self._index[task], []).append(loss / self._first_of(task, loss))
        drawn = self._draw()
        self.update({index: sum(parts) / len(parts) for index, parts in sorted(found.items())})
        self._turns = [turn + int(now) for turn, now in zip(self._turns, drawn)]
        self._next += 1

    def state_dict(self) -> dict[str, Any]:
        """See `Curriculum.state_dict`."""
        return {
            "method": type(self).__name__,
            "sources": list(self.sources),
            "next": self._next,
            "turns": list(self._turns),
            "first": dict(self._first),
            "statistics": {name: list(numbers) for name, numbers in self.statistics.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """See `Curriculum.load_state_dict`."""
        own = (type(self).__name__, list(self.sources))
        if (state["method"], state["sources"]) != own:
            raise InputError(
                f"The state is of {state['method']} over {', '.join(state['sources'])}, but this is {own[0]} "
                f"over {', '.join(own[1])}."
            )
        turns, first, statistics = list(state["turns"]), dict(state["first"]), dict(state["statistics"])
        if not self._possible(state["next"], turns, first, statistics):
            raise InputError(f"The state of this {own[0]} is damaged: {dict(state)!r:.300}")
        self._next, self._turns, self._first = state["next"], turns, first
        self.statistics = {name: list(numbers) for name, numbers in statistics.items()}

    def _possible(
        self, step: Any, turns: list[Any], first: Mapping[Any, Any], statistics: Mapping[Any, Any]
    ) -> bool:
        """Tell whether a state could be one of this curriculum's."""
        n_sources, fits = len(self.sources), statistics.keys() == self.statistics.keys()
        by_source = [name for name, numbers in self.statistics.items() if len(numbers) == n_sources]
        fits = fits and all(len(statistics[name]) == n_sources for name in by_source)
        numbers = [*first.values(), *(number for kept in statistics.values() for number in kept)]
        return (
            fits
            and len(turns) == n_sources
            and all(type(count) is int and count >= 0 for count in (step, *turns))
            and all(type(number) in (int, float) for number in numbers)
            and first.keys() <= self._index.keys()
        )

    def _draw(self) -> np.ndarray:
        """Draw for the next step, bool ``[source]``; the same until the step is done."""
        return draw(self.chances(), numpy_generator(self.seed, "turns", self._next))

    def _check_next(self, step: int) -> None:
        if step != self._next:
            raise InputError(
                f"{type(self).__name__} stands before step {self._next} and knows no step {step}. Start a "
                "run with a new one; a resumed run restores it from the checkpoint."
            )

    def _task(self, name: str) -> str:
        """Return the task of an objective: repeated episodes are numbered, and several processes too."""
        task = name if name in self._index else re.sub(r"(#\d+)?(@\d+)?$", "", name)
        if task not in self._index:
            raise InputError(
                f"{type(self).__name__} knows no task {name!r}; its sources ask {', '.join(self._index)} in "
                "their first steps. Give each task a source that always asks it."
            )
        return task

    def _first_of(self, task: str, loss: float) -> float:
        if task not in self._first:
            if not (loss > 0 and math.isfinite(loss)):
                raise TrainingError(
                    f"The first loss of {task} is {loss}; {type(self).__name__} needs one above 0."
                )
            self._first[task] = loss
        return self._first[task]
