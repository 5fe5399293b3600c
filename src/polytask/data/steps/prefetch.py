"""Steps made ahead of time by other processes."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch.utils.data import DataLoader, Dataset

from polytask.core import Episode, InputError
from polytask.data.source import Source

__all__ = ["steps_ahead"]


def steps_ahead(
    source: Source, *, start: int = 0, stop: int, n_workers: int = 2, n_ahead: int = 4
) -> Iterator[Sequence[Episode]]:
    """Iterate over the steps of a source, made by worker processes while the last one is used.

    A step depends on the source's seed and its index alone, so that workers never repeat each other's
    episodes, and the steps are the same, in the same order, for any number of workers.

    Args:
        source: Must be able to travel to another process.
        start: The first step.
        stop: The step after the last.
        n_workers: Processes; 0 makes the steps here.
        n_ahead: Steps that each worker keeps ready.

    Raises:
        InputError: A number is out of range.

    Example:
        >>> from polytask.data.episodes.functions import FunctionEpisodes, Sinusoids
        >>> source = FunctionEpisodes(Sinusoids(), n_support=2, n_query=3, n_episodes=4, seed=0)
        >>> [len(step) for step in steps_ahead(source, stop=3, n_workers=0)]
        [4, 4, 4]
    """
    if not 0 <= start <= stop or n_workers < 0 or n_ahead < 1:
        raise InputError(
            "`start` and `stop` must be 0 or more in this order, `n_workers` 0 or more and `n_ahead` at "
            f"least 1, got {start}, {stop}, {n_workers}, {n_ahead}."
        )
    if start == stop:
        return iter(())
    ahead: dict[str, Any] = {"prefetch_factor": n_ahead} if n_workers else {}
    loader = DataLoader(
        _Steps(source, start, stop), batch_size=None, num_workers=n_workers, collate_fn=_as_made, **ahead
    )
    return iter(loader)


def _as_made(step: Sequence[Episode]) -> Sequence[Episode]:
    """Return a step as it is: what torch does by itself takes an `EpisodeStack` apart."""
    return step


class _Steps(Dataset[Sequence[Episode]]):
    def __init__(self, source: Source, start: int, stop: int) -> None:
        self.source = source
        self.start = start
        self.stop = stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, index: int) -> Sequence[Episode]:
        return self.source.step(self.start + index)
