"""The score of a learner on test episodes."""

from dataclasses import dataclass

from polytask.core.interval import Interval
from polytask.core.names import counted

__all__ = ["EpisodeScore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeScore:
    """How well a learner answers the queries of new tasks.

    Args:
        interval: Mean over episodes with its 95 % interval.
        metric: ``"accuracy"`` (0 to 1) for classification, ``"mse"`` for regression.
        transductive: True if the answer to one query may depend on the other queries, for example through
            batch statistics. Figures of the two kinds cannot be compared.
        values: The scores of the episodes that have one.
        undefined: How many episodes had no labelled query, and are left out.
    """

    interval: Interval
    metric: str
    transductive: bool
    values: tuple[float, ...]
    undefined: int = 0

    def __str__(self) -> str:
        accuracy = self.metric == "accuracy"
        figure = self.interval.format(2 if accuracy else 4, scale=100 if accuracy else 1)
        kind = "transductive" if self.transductive else "inductive"
        n_episodes = counted(self.interval.n, "episode")
        return f"{self.metric} {figure}{' %' if accuracy else ''} ({kind}, {n_episodes})"
