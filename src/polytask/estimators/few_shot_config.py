"""The settings of a few-shot image model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from polytask.core import InputError

__all__ = ["FewShotConfig"]

LearnerName = Literal["prototypes", "maml"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotConfig:
    """How a few-shot model is built and trained; plain JSON.

    Args:
        learner: ``"prototypes"`` or ``"maml"``.
        way: Classes of a task.
        shot: Labelled examples of each class.
        size: Height and width of the images.
        width: Channels of each layer of the four-layer convolutional net.
        steps: Training steps; 0 means the learner's default.
        train_way: Classes of a training episode; 0 means the learner's default.
        n_query: Queries of each class in a training episode.
        episodes: Episodes a step; 0 means the learner's default.
        learning_rate: Of Adam, decayed along a cosine.
        inner_rate: Of MAML's inner loop.
        inner_steps: Of MAML's inner loop, in training and afterwards.

    Raises:
        InputError: A setting is out of range; all problems at once.
    """

    learner: LearnerName = "prototypes"
    way: int = 5
    shot: int = 1
    size: int = 28
    width: int = 32
    steps: int = 0
    train_way: int = 0
    n_query: int = 5
    episodes: int = 0
    learning_rate: float = 2e-3
    inner_rate: float = 0.1
    inner_steps: int = 3

    def __post_init__(self) -> None:
        problems = []
        if self.learner not in get_args(LearnerName):
            problems.append(f"`learner` is {self.learner!r}; use one of {', '.join(get_args(LearnerName))}")
        if self.way < 2:
            problems.append(f"`way` must be at least 2, got {self.way}")
        for name in ("shot", "width", "n_query", "inner_steps"):
            if getattr(self, name) < 1:
                problems.append(f"`{name}` must be at least 1, got {getattr(self, name)}")
        for name in ("steps", "train_way", "episodes"):
            if getattr(self, name) < 0:
                problems.append(f"`{name}` must be 0 (the default) or more, got {getattr(self, name)}")
        if self.size < 16:
            problems.append(f"`size` must be at least 16 for four layers of pooling, got {self.size}")
        for name in ("learning_rate", "inner_rate"):
            if getattr(self, name) <= 0:
                problems.append(f"`{name}` must be above 0, got {getattr(self, name)}")
        if problems:
            raise InputError("; ".join(problems) + ".")

    def filled(self, *, n_classes: int) -> "FewShotConfig":
        """Replace zeros by the learner's defaults.

        Args:
            n_classes: Training classes at hand; prototypes learn best from more ways than they will meet.
        """
        if self.learner == "maml":
            return replace(self, steps=self.steps or 300, train_way=self.way, episodes=self.episodes or 4)
        return replace(
            self,
            steps=self.steps or 400,
            train_way=self.train_way or min(max(20, self.way), n_classes),
            episodes=self.episodes or 1,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FewShotConfig":
        """Build the settings from what `to_json` gave."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})
