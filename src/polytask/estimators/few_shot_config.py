"""The settings of a few-shot image model."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from polytask.core import InputError
from polytask.meta import ImageTask, learner_entries

__all__ = ["FewShotConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotConfig:
    """How a few-shot model is built and trained; plain JSON.

    Args:
        learner: See `polytask.meta.learner_entries`.
        way: Classes of a task.
        shot: Labelled examples of each class.
        size: Height and width of the images.
        width: Channels of each layer of the four-layer convolutional net.
        steps: Training steps; 0 means the learner's default.
        train_way: Classes of a training episode; 0 means the learner's default.
        n_query: Queries of each class in a training episode.
        episodes: Episodes a step; 0 means the learner's default.
        learning_rate: Of Adam, decayed along a cosine.
        batch_size: Images a step, of learners that train an encoder on all known classes at once.
        inner_rate: Of learners by gradients; None means the learner's default.
        inner_steps: Of learners by gradients, in training and afterwards; None means the learner's default.

    Raises:
        InputError: A setting is out of range; all problems at once.
    """

    learner: str = "prototypes"
    way: int = 5
    shot: int = 1
    size: int = 28
    width: int = 32
    steps: int = 0
    train_way: int = 0
    n_query: int = 5
    episodes: int = 0
    learning_rate: float = 2e-3
    batch_size: int = 64
    inner_rate: float | None = None
    inner_steps: int | None = None

    def __post_init__(self) -> None:
        problems = []
        if self.learner not in learner_entries():
            problems.append(f"`learner` is {self.learner!r}; use one of {', '.join(learner_entries())}")
        if self.way < 2:
            problems.append(f"`way` must be at least 2, got {self.way}")
        for name in ("shot", "width", "n_query", "batch_size", "inner_steps"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                problems.append(f"`{name}` must be at least 1, got {getattr(self, name)}")
        for name in ("steps", "train_way", "episodes"):
            if getattr(self, name) < 0:
                problems.append(f"`{name}` must be 0 (the default) or more, got {getattr(self, name)}")
        if self.size < 16:
            problems.append(f"`size` must be at least 16 for four layers of pooling, got {self.size}")
        for name in ("learning_rate", "inner_rate"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                problems.append(f"`{name}` must be above 0, got {getattr(self, name)}")
        if problems:
            raise InputError("; ".join(problems) + ".")

    def filled(self, *, n_classes: int) -> "FewShotConfig":
        """Replace zeros by the learner's defaults.

        Args:
            n_classes: Training classes at hand; where a learner answers any number of classes, it learns best
                from more than it will meet.
        """
        entry = learner_entries()[self.learner]
        if entry.fixed_way:
            return replace(self, steps=self.steps or 300, train_way=self.way, episodes=self.episodes or 4)
        train_way = self.train_way or min(max(entry.train_way, self.way), n_classes)
        episodes = self.episodes or (1 if entry.train_way >= 20 else 4)
        return replace(self, steps=self.steps or 400, train_way=train_way, episodes=episodes)

    def image_task(self) -> ImageTask:
        """Return what the learner is built for."""
        return ImageTask(
            n_way=self.way,
            size=self.size,
            width=self.width,
            inner_rate=self.inner_rate,
            inner_steps=self.inner_steps,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FewShotConfig":
        """Build the settings from what `to_json` gave."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in data.items() if name in known})
