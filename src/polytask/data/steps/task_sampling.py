"""Steps that ask some of the tasks: which ones is drawn anew for every step."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import numpy as np

from polytask.core import DataError, Episode, InputError, numpy_generator
from polytask.data.source import Source
from polytask.data.steps.feedback import Feedback
from polytask.data.steps.unequal_draws import draw, inclusion

__all__ = ["SamplingScheme", "TaskSampling", "tasks_by_source"]

SamplingScheme: TypeAlias = Literal["proportional", "temperature", "uniform", "round robin"]
"""How often each source has its turn; see `TaskSampling`."""

_BLOCK = 512  # steps planned at once


class TaskSampling(Source):
    r"""Ask a few of many sources in every step, each source being a task or a group of tasks.

    With :math:`n_s` rows in source :math:`s`, its share :math:`p_s` is by scheme

    .. math::
        \text{proportional: } p_s \propto \min(n_s, K), \qquad
        \text{temperature: } p_s \propto \min(n_s, K)^{1/\tau}, \qquad
        \text{uniform: } p_s \propto 1

    and with ``per_step`` :math:`k` the source is in a step with probability :math:`k p_s`, or in all steps
    where that is above 1. ``"round robin"`` draws nothing: the sources have their turns in order. A source
    that has its turn gives the step it stands before, so each goes through its own epochs without a gap.

    To keep the expected objective that of all tasks, train with
    `polytask.balancing.InverseProbability(balancer, source.inclusion_by_task())`.

    Args:
        sources: Where each task, or group of tasks, has its steps, by any name.
        n_rows: Rows of every source, for the schemes that look at them.
        scheme: How shares come from rows.
        per_step: Sources in one step, :math:`k`.
        temperature: :math:`\tau` of the scheme ``"temperature"``: 1 is proportional, infinity uniform.
        cap: :math:`K`, beyond which rows do not count; None for no such limit.
        seed: Decides whose turn it is.

    Raises:
        InputError: An argument does not fit, or a source learns from training, which only happens where
            `polytask.train.train` is given it directly.

    References:
        Jacob Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
        Understanding", NAACL 2019, arXiv:1810.04805, whose released multilingual model has
        :math:`1/\tau = 0.7`.
        Naveen Arivazhagan et al., "Massively Multilingual Neural Machine Translation in the Wild: Findings
        and Challenges", 2019, arXiv:1907.05019 (temperature, with :math:`\tau = 5`).
        Colin Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
        Transformer", JMLR 2020, arXiv:1910.10683 (the cap).
        Deviation: there each example is drawn for itself, here a step has whole batches of different sources.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> from polytask.data.steps.joint import JointSource
        >>> def of(name, n_rows):
        ...     data = Batch(inputs=torch.zeros(n_rows, 1), targets={name: torch.zeros(n_rows)})
        ...     return JointSource([Task(name=name, kind="regression")], data, batch_size=4, seed=0)
        >>> source = TaskSampling({"a": of("a", 10), "b": of("b", 90)}, n_rows={"a": 10, "b": 90})
        >>> source.inclusion, [source.drawn(index) for index in range(4)]
        ({'a': 0.1, 'b': 0.9}, [('b',), ('b',), ('b',), ('b',)])
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        n_rows: Mapping[str, int] | None = None,
        scheme: SamplingScheme = "proportional",
        per_step: int = 1,
        temperature: float = 5.0,
        cap: int | None = None,
        seed: int = 0,
    ) -> None:
        problems = _problems(sources, n_rows, scheme, per_step, temperature, cap)
        if problems:
            raise InputError("TaskSampling: " + "; ".join(problems) + ".")
        self.sources = dict(sources)
        self.scheme = scheme
        self.per_step = per_step
        self.seed = seed
        exponent = {"proportional": 1.0, "temperature": 1 / temperature}.get(scheme, 0.0)
        rows = np.array([(n_rows or {}).get(name, 1) for name in sources], dtype=np.float64)
        shares = np.minimum(rows, np.inf if cap is None else cap) ** exponent
        self._chances = inclusion(shares / shares.sum(), per_step)  # [source]
        self._block = -1
        self._before = np.zeros(len(sources), dtype=np.int64)  # turns before the block, [source]
        self._drawn = np.zeros((_BLOCK, len(sources)), dtype=bool)  # the block's draws, [step, source]

    @property
    def inclusion(self) -> dict[str, float]:
        """The probability of every source to be in a step; in round robin the share of steps it is in."""
        return dict(zip(self.sources, self._chances.tolist()))

    def inclusion_by_task(self) -> dict[str, float]:
        """Return the probability of every task to be asked in a step, by the task's name.

        Raises:
            DataError: Two sources ask the same task.
        """
        chances = self.inclusion
        return {task: chances[source] for task, source in tasks_by_source(self.sources).items()}

    def drawn(self, index: int) -> tuple[str, ...]:
        """Name the sources whose turn the ``index``-th step is."""
        row = self._planned(index)
        return tuple(name for name, chosen in zip(self.sources, self._drawn[row]) if chosen)

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return the episodes of the sources that have their turn; see `Source.step`."""
        row = self._planned(index)
        turns = self._before + self._drawn[:row].sum(0)  # [source]
        chosen = zip(self.sources.values(), turns.tolist(), self._drawn[row])
        return tuple(episode for source, turn, now in chosen if now for episode in source.step(turn))

    def _planned(self, index: int) -> int:
        """Make the plan of the block that holds a step, and return the step's row in it."""
        block, row = divmod(index, _BLOCK)
        if block < self._block or self._block < 0:
            self._block, self._before = 0, np.zeros_like(self._before)
            self._drawn = self._draws(0)
        while self._block < block:
            self._before = self._before + self._drawn.sum(0)
            self._block += 1
            self._drawn = self._draws(self._block)
        return row

    def _draws(self, block: int) -> np.ndarray:
        if self.scheme != "round robin":
            return draw(self._chances, _BLOCK, numpy_generator(self.seed, "turns", block))
        first = block * _BLOCK * self.per_step
        turns = (first + np.arange(_BLOCK * self.per_step)) % len(self.sources)
        drawn = np.zeros((_BLOCK, len(self.sources)), dtype=bool)
        drawn[np.arange(_BLOCK).repeat(self.per_step), turns] = True
        return drawn


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


def _problems(
    sources: Mapping[str, Source],
    n_rows: Mapping[str, int] | None,
    scheme: str,
    per_step: int,
    temperature: float,
    cap: int | None,
) -> list[str]:
    problems = []
    if scheme not in get_args(SamplingScheme):
        problems.append(f"`scheme` is {scheme!r}; use one of {', '.join(get_args(SamplingScheme))}")
    if not 1 <= per_step <= len(sources):
        problems.append(f"`per_step` must be between 1 and the {len(sources)} sources, got {per_step}")
    if not temperature > 0:
        problems.append(f"`temperature` must be above 0, got {temperature}")
    if cap is not None and cap < 1:
        problems.append(f"`cap` must be at least 1, got {cap}")
    if scheme in ("proportional", "temperature"):
        without = [name for name in sources if (n_rows or {}).get(name, 0) < 1]
        if without:
            problems.append(f"`n_rows` needs the rows, 1 or more, of {', '.join(without)}")
    learning = [name for name, source in sources.items() if isinstance(source, Feedback)]
    if learning:
        problems.append(f"{', '.join(learning)} learns from training, and would be told nothing in here")
    return problems
