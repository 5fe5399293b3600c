"""The episodes by which a few-shot model of images is judged."""

from polytask.data import ClassificationEpisodes, LabelledExamples
from polytask.models.few_shot_config import FewShotConfig

__all__ = ["class_sizes", "judging_episodes"]

_MOST_QUERIES = 15  # of each class


def judging_episodes(
    examples: LabelledExamples, config: FewShotConfig, *, seed: int
) -> ClassificationEpisodes:
    """Return episodes of held-out classes: the model's way and shot, and as many queries as there are."""
    n_query = min(_MOST_QUERIES, min(class_sizes(examples)) - config.shot)
    return ClassificationEpisodes(examples, n_way=config.way, n_shot=config.shot, n_query=n_query, seed=seed)


def class_sizes(examples: LabelledExamples) -> list[int]:
    """Return the number of examples of every class."""
    return examples.labels.bincount(minlength=examples.n_classes).tolist()
