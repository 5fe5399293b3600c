"""The part of a step that one of several processes works on, and halves of a step."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from polytask.core import Episode, InputError

__all__ = ["part_of"]


def part_of(episodes: Sequence[Episode], position: int, n_parts: int) -> list[Episode]:
    """Return one of several parts of a step; together they are the step, in its order.

    Episodes that learn from support are dealt out whole, all others are cut by the rows of their query.

    Args:
        episodes: The episodes of a step.
        position: Which part, from 0.
        n_parts: How many parts.

    Raises:
        InputError: There are fewer episodes with support than parts.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="y", kind="regression")
        >>> step = [Episode(tasks=(task,), query=Batch(inputs=torch.arange(5.0)[:, None]))]
        >>> [part_of(step, position, 2)[0].query.inputs.flatten().tolist() for position in range(2)]
        [[0.0, 1.0, 2.0], [3.0, 4.0]]
    """
    if n_parts == 1:
        return list(episodes)
    if any(episode.support is not None for episode in episodes):
        if len(episodes) < n_parts:
            raise InputError(
                f"A step of {len(episodes)} episodes cannot be shared by {n_parts}; "
                "raise the number of episodes."
            )
        rows = torch.arange(len(episodes)).tensor_split(n_parts)[position]
        return [episodes[index] for index in rows.tolist()]
    return [
        replace(
            episode,
            query=episode.query.rows(torch.arange(len(episode.query)).tensor_split(n_parts)[position]),
        )
        for episode in episodes
    ]
