"""What learning to learn found on classes it has never seen."""

from dataclasses import dataclass
from typing import Any

from polytask.evaluate import EpisodeScore

__all__ = ["FewShotResults"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotResults:
    """The figures of a few-shot learner.

    Args:
        source: Where the classes come from.
        learner: The method.
        way: Classes of an episode.
        shot: Labelled examples of each class.
        score: Accuracy on episodes of unseen classes.
        floor: Accuracy of the nearest class mean of raw pixels on the same episodes.
        n_classes: Classes by part: train, validation, test.
        n_parameters: Trained numbers.
        seconds: Wall time of training.
    """

    source: str
    learner: str
    way: int
    shot: int
    score: EpisodeScore
    floor: EpisodeScore
    n_classes: dict[str, int]
    n_parameters: int
    seconds: float

    @property
    def n_episodes(self) -> int:
        """How many episodes were judged."""
        return self.score.interval.n

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "source": self.source,
            "learner": self.learner,
            "way": self.way,
            "shot": self.shot,
            "episodes": self.n_episodes,
            "accuracy": _json(self.score),
            "pixel_nearest_mean": _json(self.floor),
            "n_classes": self.n_classes,
            "n_parameters": self.n_parameters,
            "seconds": round(self.seconds, 2),
        }


def _json(score: EpisodeScore) -> dict[str, Any]:
    interval = score.interval.to_json()
    return {
        "mean": interval["mean"],
        "half_width": interval["half_width"],
        "transductive": score.transductive,
    }
