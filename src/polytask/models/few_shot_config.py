"""The settings of a few-shot image model."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from polytask.core.settings import SettingsCheck
from polytask.data import ImagePreparation
from polytask.meta import learner_names
from polytask.meta.catalogue import learner_entry, learner_listing
from polytask.meta.entry import LearnerEntry
from polytask.meta.image_task import ImageTask
from polytask.models.saved_settings import SavedSettings

__all__ = ["FewShotConfig", "check_used"]

_MOST_INNER_STEPS = 10_000  # far beyond use; a saved model must not ask for a day of adaptation
_MOST = {"width": 4096, "size": 2048, "episodes": 100_000}  # beyond which memory is taken by gigabytes

_N_QUERY = 5


def _by_episodes(entry: LearnerEntry) -> bool:
    return entry.by_episodes


_USERS: Mapping[str, tuple[Callable[[LearnerEntry], bool], str, str]] = {
    "inner_rate": (lambda entry: "inner_rate" in entry.inner, "adapts by gradient steps", "maml"),
    "inner_steps": (lambda entry: "inner_steps" in entry.inner, "adapts in steps", "maml"),
    "train_way": (
        lambda entry: _by_episodes(entry) and not entry.fixed_way,
        "is trained by episodes and tells any number of classes apart",
        "prototypes",
    ),
    "n_query": (_by_episodes, "is trained by episodes", "prototypes"),
    "episodes": (_by_episodes, "is trained by episodes", "prototypes"),
    "batch_size": (lambda entry: not _by_episodes(entry), "learns all known classes at once", "simple-shot"),
}
"""Which learners use a setting, what they have in common, and one; all else is used by every learner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FewShotConfig(SavedSettings):
    """How a few-shot model is built and trained; plain JSON.

    Args:
        learner: See `polytask.meta.learner_names`.
        way: Classes of a task.
        shot: Labelled examples of each class.
        size: Height and width of the images.
        width: Channels of each layer of the four-layer convolutional net, and of the first block of a
            residual one.
        steps: Training steps; 0 means the learner's default.
        train_way: Classes of a training episode; 0 means the learner's default.
        n_query: Queries of each class in a training episode; 0 means 5, or as many as the smallest class has.
        episodes: Episodes a step; 0 means the learner's default.
        learning_rate: Of Adam, decayed along a cosine.
        batch_size: Images a step, of learners that train an encoder on all known classes at once.
        inner_rate: Of learners by gradients; None means the learner's default.
        inner_steps: Of learners by gradients, in training and afterwards; None means the learner's default.
        images: How image files are read, as the training images decided; None: in grey.

    Raises:
        InputError: A setting has a wrong type or is out of range; all problems at once.
    """

    learner: str = "varied-prototypes"
    way: int = 5
    shot: int = 1
    size: int = 28
    width: int = 32
    steps: int = 0
    train_way: int = 0
    n_query: int = 0
    episodes: int = 0
    learning_rate: float = 2e-3
    batch_size: int = 64
    inner_rate: float | None = None
    inner_steps: int | None = None
    images: ImagePreparation | None = None

    def __post_init__(self) -> None:
        check = SettingsCheck()
        checked: dict[str, Any] = {
            "learner": check.choice("learner", self.learner, learner_names(), listing=learner_listing()),
            "way": check.whole("way", self.way, least=2),
            "size": check.whole("size", self.size, least=16, note=" for four layers of pooling"),
            "learning_rate": check.number("learning_rate", self.learning_rate, above=0),
        }
        for name in ("shot", "width", "batch_size"):
            checked[name] = check.whole(name, getattr(self, name), least=1)
        for name in ("steps", "train_way", "n_query", "episodes"):
            checked[name] = check.whole(name, getattr(self, name), least=0, note=" (the default)")
        if self.inner_rate is not None:
            checked["inner_rate"] = check.number("inner_rate", self.inner_rate, above=0)
        if self.inner_steps is not None:
            checked["inner_steps"] = check.whole("inner_steps", self.inner_steps, least=1)
            if not check.problems and self.inner_steps > _MOST_INNER_STEPS:
                check.problems.append(
                    f"`inner_steps` must be at most {_MOST_INNER_STEPS}, got {self.inner_steps}"
                )
        for name, most in _MOST.items():
            if not check.problems and checked[name] > most:
                check.problems.append(f"`{name}` must be at most {most}, got {checked[name]}")
        if self.images is not None and not isinstance(self.images, ImagePreparation):
            check.problems.append(f"`images` must be an ImagePreparation, got {self.images!r}")
        elif self.images is not None and (self.images.size != self.size or self.images.channels is None):
            check.problems.append(
                f"`images` must have size {self.size!r} and a number of channels, got {self.images}"
            )
        check.settle(self, checked)

    @property
    def preparation(self) -> ImagePreparation:
        """How images are read."""
        return self.images or ImagePreparation(size=self.size, channels=1)

    def filled(self, *, n_classes: int, n_examples: int | None = None) -> "FewShotConfig":
        """Replace zeros by the learner's defaults.

        Args:
            n_classes: Training classes at hand; where a learner answers any number of classes, it learns best
                from more than it will meet.
            n_examples: Images of the smallest training class.
        """
        entry = learner_entry(self.learner)
        left = _N_QUERY if n_examples is None else min(_N_QUERY, n_examples - self.shot)
        filled = replace(self, n_query=self.n_query or max(1, left))
        if entry.fixed_way:
            return replace(filled, steps=self.steps or 300, train_way=self.way, episodes=self.episodes or 4)
        train_way = self.train_way or min(max(entry.train_way, self.way), n_classes)
        episodes = self.episodes or (1 if entry.train_way >= 20 else 4)
        return replace(filled, steps=self.steps or 400, train_way=train_way, episodes=episodes)

    def image_task(self) -> ImageTask:
        """Return what the learner is built for."""
        return ImageTask(
            n_way=self.way,
            size=self.size,
            in_channels=self.preparation.channels or 1,
            width=self.width,
            inner_rate=self.inner_rate,
            inner_steps=self.inner_steps,
        )


def check_used(check: SettingsCheck, given: Mapping[str, Any]) -> None:
    """Report settings that were given, but that the learner does not use; 0 and None stand for the "
    "default."""
    learner = given.get("learner", FewShotConfig().learner)
    if not isinstance(learner, str) or learner not in learner_names():
        return
    entry = learner_entry(learner)
    for name, (uses, that, user) in _USERS.items():
        value = given.get(name)
        default = value is None or (isinstance(value, int) and value == 0)
        if not default and not uses(entry):
            check.unused(name, "learner", learner, [user], that=that)
