"""What learning to learn found on classes it has never seen."""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from polytask.core import Interval, mean_interval
from polytask.core.episode_score import EpisodeScore

__all__ = ["FewShotResults", "FewShotVerdict", "LearnerTrial"]

FewShotVerdict: TypeAlias = Literal["helped", "hurt", "no clear difference"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerTrial:
    """How a learner fared on validation classes after a short training, beside others.

    Args:
        learner: The method.
        accuracy: On episodes of validation classes, the same for all.
        steps: Of training.
        seconds: Wall time of training and judging.
        chosen: Whether it was trained in full.
    """

    learner: str
    accuracy: Interval
    steps: int
    seconds: float
    chosen: bool

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "learner": self.learner,
            "accuracy": _interval(self.accuracy),
            "steps": self.steps,
            "seconds": round(self.seconds, 2),
            "chosen": self.chosen,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotResults:
    """The figures of a few-shot learner.

    Args:
        source: Where the classes come from.
        learner: The method.
        way: Classes of an episode.
        shot: Labelled examples of each class.
        score: Accuracy on episodes of unseen classes.
        baseline: Accuracy of the nearest class mean of raw pixels on the same episodes.
        n_classes: Classes by part: train, validation, test.
        n_parameters: Trained numbers.
        seconds: Wall time of training.
        trials: By which the learner was chosen; none where it was given.
    """

    source: str
    learner: str
    way: int
    shot: int
    score: EpisodeScore
    baseline: EpisodeScore
    n_classes: dict[str, int]
    n_parameters: int
    seconds: float
    trials: tuple[LearnerTrial, ...] = ()

    @property
    def n_episodes(self) -> int:
        """How many episodes were judged."""
        return self.score.interval.n

    @property
    def gain(self) -> Interval:
        """Accuracy above that of raw pixels, episode by episode."""
        pairs = zip(self.score.values, self.baseline.values, strict=True)
        return mean_interval([ours - theirs for ours, theirs in pairs])

    @property
    def verdict(self) -> FewShotVerdict:
        """Whether training helped: the interval of the gain lies above 0, below 0, or around it."""
        gain = self.gain
        return "helped" if gain.low > 0 else "hurt" if gain.high < 0 else "no clear difference"

    @property
    def warning(self) -> str | None:
        """A sentence for people where training did not help; None where it did."""
        if self.verdict == "helped":
            return None
        worse = "is worse than" if self.verdict == "hurt" else "is not clearly better than"
        chance = "; that is chance" if not self.score.interval.low > 1 / self.way else ""
        return (
            f"What {self.learner} learned {worse} comparing raw pixels with the nearest class mean: "
            f"{_percent(self.score)} against {_percent(self.baseline)} right on unseen classes{chance}. More "
            "classes or images, more steps or another learner may help; more test episodes make the figures "
            "more certain."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "source": self.source,
            "learner": self.learner,
            "way": self.way,
            "shot": self.shot,
            "episodes": self.n_episodes,
            "accuracy": _json(self.score),
            "pixel_nearest_mean": _json(self.baseline),
            "gain": _interval(self.gain),
            "verdict": self.verdict,
            "n_classes": self.n_classes,
            "n_parameters": self.n_parameters,
            "seconds": round(self.seconds, 2),
            **({"trials": [trial.to_json() for trial in self.trials]} if self.trials else {}),
        }


def _json(score: EpisodeScore) -> dict[str, Any]:
    return {**_interval(score.interval), "transductive": score.transductive}


def _interval(interval: Interval) -> dict[str, Any]:
    found = interval.to_json()
    return {"mean": found["mean"], "half_width": found["half_width"]}


def _percent(score: EpisodeScore) -> str:
    return f"{score.interval.format(1, scale=100)} %"
