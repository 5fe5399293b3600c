"""What a report of few-shot learning shows: some episodes of classes never seen, and the worst mistakes."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from polytask.core import EpisodicLearner
from polytask.core.modes import evaluating
from polytask.core.png import png_address, shrunk
from polytask.data import ClassificationEpisodes, LabelledExamples
from polytask.fitting.training_curves import training_curves
from polytask.models.report_details import Episode, Item, ReportDetails

__all__ = ["few_shot_details"]

_SHOWN_EPISODES, _LOOKED_AT = 2, 20
_MOST_CLASSES, _QUERIES = 10, 3
_MOST_MISSES = 12


def few_shot_details(
    learner: EpisodicLearner,
    episodes: ClassificationEpisodes,
    rows: Sequence[Mapping[str, float]],
    *,
    title: str,
) -> ReportDetails:
    """Collect what a report shows of a learner.

    Args:
        learner: Trained.
        episodes: Of classes that it has never seen, one a step; the first ones are shown.
        rows: Figures of its training.
        title: What the learner is called.
    """
    shown, misses = [], []
    with evaluating(learner), torch.no_grad():
        for index in range(_LOOKED_AT):
            support, queries = _answered(learner, episodes, index)
            misses += [one for one in queries if one[0].predicted != one[0].truth]
            if index < _SHOWN_EPISODES:
                shown.append(_pictured(episodes.examples, support, queries))
    misses.sort(key=lambda one: -(one[0].probability or 0.0))
    worst = misses[:_MOST_MISSES]
    return ReportDetails(
        curves=training_curves({title: rows}),
        episodes=tuple(shown),
        misses=tuple(_with_image(episodes.examples, item, row) for item, row in worst),
        notes=(f"Episodes and mistakes are from the first {_LOOKED_AT} of the episodes that were judged.",),
    )


def _answered(
    learner: EpisodicLearner, episodes: ClassificationEpisodes, index: int
) -> tuple[list[tuple[Item, int]], list[tuple[Item, int]]]:
    """Answer an episode: support and queries, each with the number of its example."""
    drawn = episodes.rows(index)[0]  # [way, drawn]
    (episode,) = episodes.step(index)
    device = next((p.device for p in learner.parameters()), torch.device("cpu"))
    episode = episode.to(device)
    (task,) = episode.tasks
    logits: Tensor = learner.adapt(episode.tasks, episode.support)(episode.query.inputs)[task.name]
    shares = logits.float().softmax(-1).cpu()
    examples = episodes.examples
    names = [_class_of(examples, int(row[0])) for row in drawn]
    support = [
        (Item(truth=name), int(row)) for name, own in zip(names, drawn) for row in own[: episodes.n_shot]
    ]
    asked = [(name, int(row)) for name, own in zip(names, drawn) for row in own[episodes.n_shot :]]
    queries = [
        (
            Item(truth=name, predicted=names[int(share.argmax())], probability=round(float(share.max()), 3)),
            row,
        )
        for (name, row), share in zip(asked, shares, strict=True)
    ]
    return support, queries


def _pictured(
    examples: LabelledExamples,
    support: Sequence[tuple[Item, int]],
    queries: Sequence[tuple[Item, int]],
) -> Episode:
    """Keep one labelled example and some queries of each class."""
    names = list(dict.fromkeys(item.truth for item, _ in support))[:_MOST_CLASSES]
    first = [next(one for one in support if one[0].truth == name) for name in names]
    asked = [one for name in names for one in [q for q in queries if q[0].truth == name][:_QUERIES]]
    return Episode(
        support=tuple(_with_image(examples, item, row) for item, row in first),
        queries=tuple(_with_image(examples, item, row) for item, row in asked),
    )


def _class_of(examples: LabelledExamples, row: int) -> str:
    return str(examples.class_names[int(examples.labels[row])])


def _with_image(examples: LabelledExamples, item: Item, row: int) -> Item:
    pixels = examples.inputs[row].cpu()  # [channel, height, width]
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3):
        return item
    if pixels.dtype != torch.uint8:
        pixels = (255 * pixels.float()).clamp(0, 255).to(torch.uint8)
    image = pixels.permute(1, 2, 0).numpy()
    image = 255 - image[..., 0] if image.shape[2] == 1 else image  # drawings lie on dark ground
    return Item(
        truth=item.truth,
        predicted=item.predicted,
        probability=item.probability,
        image=png_address(shrunk(np.ascontiguousarray(image))),
    )
