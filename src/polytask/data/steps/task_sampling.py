"""Steps that ask some of the tasks: which ones is drawn anew for every step."""

from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

import numpy as np

from polytask.core import InputError
from polytask.data.source import Source
from polytask.data.steps.mixture import Mixture, mixture_problems, per_step_problems, tasks_by_source
from polytask.data.steps.sampling_law import USUAL_TEMPERATURE, sampling_shares
from polytask.data.steps.turns import DrawnTurns, TurnsInOrder
from polytask.data.steps.unequal_draws import inclusion

__all__ = ["SamplingScheme", "TaskSampling"]

SamplingScheme: TypeAlias = Literal["proportional", "temperature", "uniform", "round robin"]
"""How often each source has its turn; see `TaskSampling`."""


class TaskSampling(Mixture):
    r"""Ask a few of many sources in every step, each source being a task or a group of tasks.

    With :math:`n_s` rows in source :math:`s`, its share :math:`p_s` is by scheme

    .. math::
        \text{proportional: } p_s \propto \min(n_s, K), \qquad
        \text{temperature: } p_s \propto \min(n_s, K)^{1/\tau}, \qquad
        \text{uniform: } p_s \propto 1

    (`polytask.data.steps.sampling_law`), and with ``per_step`` :math:`k` the source is in a step with
    probability :math:`k p_s`, or in all steps where that is above 1. ``"round robin"`` draws nothing: the
    sources have their turns in order. A source that has its turn gives the step it stands before, so each
    goes through its own epochs without a gap.
    Draws are not independent: every few hundred steps each source has had its share, to within a few turns.

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
        InputError: An argument does not fit, or a source is a curriculum.

    References:
        Those of `polytask.data.steps.sampling_law`.
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
        >>> {name: round(share, 3) for name, share in source.inclusion.items()}
        {'a': 0.1, 'b': 0.9}
        >>> [source.drawn(index) for index in range(4)]
        [('b',), ('b',), ('a',), ('b',)]
    """

    def __init__(
        self,
        sources: Mapping[str, Source],
        *,
        n_rows: Mapping[str, int] | None = None,
        scheme: SamplingScheme = "proportional",
        per_step: int = 1,
        temperature: float = USUAL_TEMPERATURE,
        cap: int | None = None,
        seed: int = 0,
    ) -> None:
        problems = _problems(sources, n_rows, scheme, per_step, temperature, cap)
        if problems:
            raise InputError("TaskSampling: " + "; ".join(problems) + ".")
        self.sources = dict(sources)
        self.n_rows = n_rows
        self.scheme = scheme
        self.per_step = per_step
        self.temperature = temperature
        self.cap = cap
        self.seed = seed
        rows = np.array([(n_rows or {}).get(name, 1) for name in sources], dtype=np.float64)
        counts = np.minimum(rows, np.inf if cap is None else cap)
        law = scheme if scheme in ("proportional", "temperature") else "round-robin"
        self._chances = inclusion(sampling_shares(counts, law, temperature), per_step)  # [source]
        in_order = scheme == "round robin"
        super().__init__(
            sources, TurnsInOrder(len(sources), per_step) if in_order else DrawnTurns(self._chances, seed)
        )

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


def _problems(
    sources: Mapping[str, Source],
    n_rows: Mapping[str, int] | None,
    scheme: str,
    per_step: int,
    temperature: float,
    cap: int | None,
) -> list[str]:
    problems = mixture_problems(sources)
    if scheme not in get_args(SamplingScheme):
        problems.append(f"`scheme` is {scheme!r}; use one of {', '.join(get_args(SamplingScheme))}")
    problems += per_step_problems(per_step, len(sources))
    if not temperature > 0:
        problems.append(f"`temperature` must be above 0, got {temperature}")
    if cap is not None and cap < 1:
        problems.append(f"`cap` must be at least 1, got {cap}")
    if scheme in ("proportional", "temperature"):
        without = [name for name in sources if (n_rows or {}).get(name, 0) < 1]
        if without:
            problems.append(f"`n_rows` needs the rows, 1 or more, of {', '.join(without)}")
    return problems
