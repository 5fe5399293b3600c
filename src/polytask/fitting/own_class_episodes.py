"""Episodes of tasks whose classes are their own: what a class is called is drawn anew in each."""

import torch
from torch import Tensor

from polytask.core import Batch, EpisodeStack, InputError, Task, generator
from polytask.data import Source

__all__ = ["OwnClassEpisodes"]


_MOST_DRAWS = 100  # of a step
_APART = 1_000_003  # between the steps of the source that are drawn in its place


class OwnClassEpisodes(Source):
    """Gives the classes of every episode places that are drawn, so that no place means anything.

    The classes that are shown get different places; a row that is asked counts if its class was shown.

    Args:
        source: Of stacked episodes of one task ``y``, whose targets are indices of classes.
        n_classes: How many places there are.
        seed: Decides the places.

    Raises:
        InputError: When drawn: an episode shows more classes than there are places.

    References:
        Santoro, Bartunov, Botvinick, Wierstra, Lillicrap. Meta-Learning with Memory-Augmented Neural
        Networks. ICML 2016, section 3, where labels are shuffled from episode to episode; Hollmann et al.
        TabPFN. ICLR 2023, arXiv:2207.01848, section 4.
    """

    def __init__(self, source: Source, *, n_classes: int, seed: int = 0) -> None:
        self.source = source
        self.n_classes = n_classes
        self.seed = seed
        self.tasks = (Task(name="y", kind="multiclass", n_outputs=n_classes),)

    def step(self, index: int) -> EpisodeStack:
        """See `Source.step`."""
        for attempt in range(_MOST_DRAWS):
            stack = self.source.step(index + attempt * _APART)
            if not isinstance(stack, EpisodeStack) or stack.support is None:
                raise InputError("the episodes of a step must be stacked, and show something")
            draw = generator(self.seed, "places", index, attempt)
            pairs = zip(_labels(stack.support), _labels(stack.query), strict=True)
            episodes = [self._placed(support, query, draw) for support, query in pairs]
            able = [place for place, (_, asked) in enumerate(episodes) if bool(asked[1].any())]
            if able:  # where nothing can be asked, another episode of the step stands twice
                kept = [place if place in able else able[place % len(able)] for place in range(len(episodes))]
                return EpisodeStack(
                    tasks=self.tasks,
                    support=_with(stack.support, kept, [episodes[place][0] for place in kept]),
                    query=_with(stack.query, kept, [episodes[place][1] for place in kept]),
                )
        raise InputError(
            "No class is met twice in a task, so that nothing can be asked. Give more rows of each."
        )

    def _placed(
        self, support: "_Labels", query: "_Labels", draw: torch.Generator
    ) -> tuple["_Labels", "_Labels"]:
        """Give places to the classes of one episode."""
        classes = support[0][support[1]].unique()
        if len(classes) > self.n_classes:
            raise InputError(
                f"a task has {len(classes)} classes, but the network is built for {self.n_classes}"
            )
        places = torch.randperm(self.n_classes, generator=draw)
        found = []
        for target, mask in (support, query):
            same = target.unsqueeze(1) == classes  # [row, class]
            place = (same * places[: len(classes)]).sum(1)
            found.append((place, mask & same.any(1)))
        return found[0], found[1]


_Labels = tuple[Tensor, Tensor]
"""Indices of classes ``[row]``, and which rows count."""


def _labels(batch: Batch) -> list[_Labels]:
    target = batch.targets["y"].long()
    mask = batch.masks.get("y", torch.ones_like(target, dtype=torch.bool))
    return list(zip(target.unbind(), mask.unbind(), strict=True))


def _with(batch: Batch, episodes: list[int], labels: list[_Labels]) -> Batch:
    """Return some episodes of a stacked batch, with other labels."""
    targets, masks = (torch.stack(parts) for parts in zip(*labels, strict=True))
    assert isinstance(batch.inputs, Tensor)  # noqa: S101 - rows are tensors
    return Batch(inputs=batch.inputs[episodes], targets={"y": targets}, masks={"y": masks})
