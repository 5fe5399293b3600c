"""The part of a step that one of several processes works on, and halves of a step."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from polytask.core import Episode, EpisodeStack, InputError

__all__ = ["part_of"]


def part_of(
    episodes: Sequence[Episode], index: int, n_parts: int, *, half: int | None = None
) -> Sequence[Episode]:
    """Return one of several parts of a step; together they are the step, in its order.

    Episodes that learn from support are dealt out whole, all others are cut by the rows of their query.

    Args:
        episodes: The episodes of a step.
        index: Which part, from 0.
        n_parts: How many parts.
        half: 0 keeps what stands at an even place in the step, 1 what stands at an odd one; so a half of the
            step is the same in however many parts it comes.

    Raises:
        InputError: There are fewer episodes with support than parts.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="y", kind="regression")
        >>> step = [Episode(tasks=(task,), query=Batch(inputs=torch.arange(5.0)[:, None]))]
        >>> [part_of(step, position, 2)[0].query.inputs.flatten().tolist() for position in range(2)]
        [[0.0, 1.0, 2.0], [3.0, 4.0]]
    """
    if n_parts == 1 and half is None:
        return episodes
    if isinstance(episodes, EpisodeStack) or any(episode.support is not None for episode in episodes):
        if len(episodes) < n_parts:
            raise InputError(
                f"A step of {len(episodes)} episodes cannot be shared by {n_parts}; "
                "raise the number of episodes."
            )
        places = _places(len(episodes), index, n_parts, half)
        if isinstance(episodes, EpisodeStack):
            return episodes.only(places)
        return [episodes[index] for index in places.tolist()]
    return [
        replace(episode, query=episode.query.rows(_places(len(episode.query), index, n_parts, half)))
        for episode in episodes
    ]


def _places(length: int, index: int, n_parts: int, half: int | None) -> Tensor:
    """Return the places in a step that a part has, long ``[place]``."""
    places = torch.arange(length).tensor_split(n_parts)[index]
    return places if half is None else places[places % 2 == half]
