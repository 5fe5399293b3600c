"""N-way K-shot episodes from examples of many classes."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, DataError, EpisodeStack, Task
from polytask.core.random import numpy_generator
from polytask.core.settings import SettingsCheck
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.source import Source

__all__ = ["ClassificationEpisodes"]

_N_NAMES = 5  # how many small classes a message names


class ClassificationEpisodes(Source):
    """N-way K-shot classification: new classes, newly numbered, in every episode.

    An episode draws ``n_way`` classes without replacement and numbers them in random order; of each it draws
    ``n_shot`` support and ``n_query`` other examples. Rows are grouped by class, in the order of the labels.

    Args:
        examples: What to draw from.
        n_way: Classes per episode.
        n_shot: Support examples per class.
        n_query: Query examples per class.
        n_episodes: Episodes per step.
        seed: Decides every step.
        transform: Maps the drawn inputs ``[example, ...]`` of a step to what the learner gets; must treat
            every example alike and draw nothing at random. None turns uint8 into float32 in [0, 1] and leaves
            the rest as it is.

    Raises:
        DataError: A number is out of range, there are fewer classes than ``n_way``, or a class has fewer
            examples than ``n_shot + n_query``.

    Example:
        >>> examples = LabelledExamples(
        ...     inputs=torch.zeros(100, 1, 8, 8, dtype=torch.uint8), labels=torch.arange(100) % 10,
        ...     class_names=tuple("abcdefghij"), class_groups=("letter",) * 10)
        >>> source = ClassificationEpisodes(examples, n_way=5, n_shot=1, n_query=4, n_episodes=2)
        >>> first, second = source.step(0)
        >>> first.support.inputs.shape, first.support.targets["class"]
        (torch.Size([5, 1, 8, 8]), tensor([0, 1, 2, 3, 4]))
    """

    def __init__(
        self,
        examples: LabelledExamples,
        *,
        n_way: int,
        n_shot: int,
        n_query: int = 15,
        n_episodes: int = 1,
        seed: int = 0,
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        labels = examples.labels.numpy(force=True)
        n_examples = np.bincount(labels, minlength=examples.n_classes)  # [class]
        problems = _problems(examples, n_examples, n_way, n_shot, n_query, n_episodes)
        if problems:
            raise DataError("ClassificationEpisodes: " + "; ".join(problems) + ".")
        self.examples = examples
        self.n_way = n_way
        self.n_shot = n_shot
        self.n_query = n_query
        self.n_episodes = n_episodes
        self.seed = seed
        self.transform = transform or unit_interval
        self.task = Task(name="class", kind="multiclass", n_outputs=n_way)
        self.tasks = (self.task,)
        # The examples of class c are the rows `_by_class[_starts[c] :][: _n_examples[c]]`.
        self._by_class = labels.argsort(kind="stable")  # [example]
        self._n_examples = n_examples
        self._starts = n_examples.cumsum() - n_examples  # [class]

    def step(self, index: int) -> EpisodeStack:
        """Return ``n_episodes`` episodes; see `Source.step`."""
        rows = self.rows(index)  # [episode, way, drawn]
        support, query = rows[..., : self.n_shot], rows[..., self.n_shot :]
        device = self.examples.inputs.device
        drawn = torch.from_numpy(np.concatenate([support.reshape(-1), query.reshape(-1)])).to(device)
        # `index_select` is many times faster than indexing by a tensor.
        inputs = self.transform(self.examples.inputs.index_select(0, drawn))
        n_support = support.size
        return EpisodeStack(
            tasks=self.tasks,
            support=self._batch(inputs[:n_support], self.n_shot),
            query=self._batch(inputs[n_support:], self.n_query),
        )

    def rows(self, index: int) -> np.ndarray:
        """Return the examples of a step, int ``[episode, way, drawn]``: of each class first the support."""
        return self._rows(numpy_generator(self.seed, "step", index))

    def _batch(self, inputs: Tensor, n_of_class: int) -> Batch:
        """Put inputs ``[episode * way * drawn, ...]`` and their labels into a batch of all episodes."""
        # Every step gets its own labels, so that a change in place cannot reach another step.
        labels = torch.arange(self.n_way, device=inputs.device).repeat_interleave(n_of_class)
        return Batch(
            inputs=inputs.unflatten(0, (self.n_episodes, len(labels))),
            targets={"class": labels.repeat(self.n_episodes, 1)},
        )

    def _rows(self, draw: np.random.Generator) -> np.ndarray:
        """Draw the examples of all episodes, ``[episode, way, drawn]``: first the support, then the query."""
        n_classes = np.full(self.n_episodes, self.examples.n_classes)
        classes = _distinct(n_classes, self.n_way, draw)  # [episode, way]
        n_drawn = self.n_shot + self.n_query
        indices = _distinct(self._n_examples[classes.reshape(-1)], n_drawn, draw)  # [episode * way, drawn]
        return self._by_class[indices.reshape(*classes.shape, n_drawn) + self._starts[classes][..., None]]


def _problems(
    examples: LabelledExamples, n_examples: np.ndarray, n_way: int, n_shot: int, n_query: int, n_episodes: int
) -> list[str]:
    check = SettingsCheck()
    check.whole("n_way", n_way, least=2)
    check.whole("n_shot", n_shot, least=1)
    check.whole("n_query", n_query, least=1)
    check.whole("n_episodes", n_episodes, least=1)
    problems = check.problems
    if problems:
        return problems
    if examples.n_classes < n_way:
        problems.append(f"`n_way` is {n_way}, but there are {examples.n_classes} classes; lower `n_way`")
    small = np.flatnonzero(n_examples < n_shot + n_query)
    if small.size:
        named = ", ".join(f"{examples.class_names[c]!r} ({n_examples[c]})" for c in small[:_N_NAMES])
        more = f" and {small.size - _N_NAMES} more" if small.size > _N_NAMES else ""
        problems.append(
            f"`n_shot` + `n_query` is {n_shot + n_query}, but these classes have fewer: "
            f"{named}{more}; lower `n_shot` or `n_query`, or leave those classes out with "
            "`examples.of_classes(...)`"
        )
    return problems


def _distinct(n_values: np.ndarray, n_drawn: int, draw: np.random.Generator) -> np.ndarray:
    """Draw distinct integers in random order for many rows at once.

    Floyd's sampling: the cost depends on the number drawn, not on the number to draw from.

    Args:
        n_values: Row i draws from ``range(n_values[i])``; ``[row]``.
        n_drawn: How many to draw; at most the smallest of ``n_values``.
        draw: The source of randomness.

    Returns:
        ``[row, drawn]``.

    References:
        Bentley, Floyd, "Programming pearls: a sample of brilliance", Communications of the ACM 30(9), 1987.
    """
    drawn = np.empty((len(n_values), n_drawn), dtype=np.int64)
    for index in range(n_drawn):
        last = n_values - n_drawn + index  # [row]
        value = draw.integers(0, last + 1)  # [row]
        taken = (drawn[:, :index] == value[:, None]).any(axis=1)
        drawn[:, index] = np.where(taken, last, value)
    # A sample of Floyd's is a uniform set, but not in uniform order.
    return draw.permuted(drawn, axis=1)


def unit_interval(inputs: Tensor) -> Tensor:
    return inputs.float().div_(255) if inputs.dtype == torch.uint8 else inputs
