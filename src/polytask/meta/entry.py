"""What a few-shot classifier of images says of itself, for the catalogue."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar

from torch import nn

from polytask.core import EpisodicLearner
from polytask.core.catalogue import stated
from polytask.core.verdicts import method_verdict
from polytask.meta.image_task import ImageTask

__all__ = ["BOTH", "Builder", "LearnerEntry", "by_gradients", "catalogued", "on_encoder"]

Family: TypeAlias = Literal["initialization", "optimization", "model", "metric"]
InnerSetting: TypeAlias = Literal["inner_rate", "inner_steps"]
Builder: TypeAlias = Callable[[Any, ImageTask], EpisodicLearner]
"""From the class that is catalogued, and what its learner is for."""
BOTH: tuple[InnerSetting, ...] = ("inner_rate", "inner_steps")
Class = TypeVar("Class", bound=type)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerEntry:
    """A method of the catalogue; see `catalogued`.

    Args:
        name: What it is called there.
        family: What of it is learned from known tasks: an initialization, the learning rule, a model that
            adapts by its forward pass, or a space in which to compare.
        reference: The paper.
        build: Makes it, untrained.
        fixed_way: Whether a trained one answers tasks of ``n_way`` classes only, or at most.
        transductive: Whether a query's answer depends on the other queries.
        pretraining_head: Where the method leaves the encoder as a classifier of all known classes made it,
            makes the head of that classifier, from numbers of features and of classes; None where the method
            trains by episodes.
        held_out: Whether its encoder is trained as `polytask.meta.metric.HeldOutPrototypes` does.
        train_way: Classes of a training episode that do well, where it need not be those of the task.
        inner: Which of ``inner_rate`` and ``inner_steps`` it uses.
    """

    name: str
    family: Family
    reference: str
    build: Callable[[ImageTask], EpisodicLearner]
    fixed_way: bool = False
    transductive: bool = False
    pretraining_head: Callable[[int, int], nn.Module] | None = None
    held_out: bool = False
    train_way: int = 20
    inner: tuple[InnerSetting, ...] = ()

    @property
    def verdict(self) -> str:
        """What it was worth in our comparison of all learners; empty where it had no part."""
        return method_verdict("learner", self.name)

    @property
    def by_episodes(self) -> bool:
        """Whether it is trained by episodes; otherwise by batches of many known classes."""
        return self.pretraining_head is None and not self.held_out


def on_encoder(**options: object) -> Builder:
    """Return what puts a learner on the encoder."""
    return lambda learner, task: learner(task.encoder(), **options)


def by_gradients(
    *,
    rate: float,
    steps: int,
    network: Callable[[ImageTask], nn.Module] = ImageTask.classifier,
    **options: object,
) -> Builder:
    """Return what makes a learner that adapts a network, the classifier, by gradient steps.

    Args:
        rate: Its own ``inner_rate``.
        steps: Its own ``inner_steps``.
        network: Builds what is adapted.
        options: Further ones of the learner.
    """
    return lambda learner, task: learner(
        network(task), inner_rate=task.rate(rate), n_steps=task.steps(steps), **options
    )


_ON_ENCODER = on_encoder()


def catalogued(
    name: str,
    reference: str,
    *,
    family: Family,
    build: Builder = _ON_ENCODER,
    fixed_way: bool = False,
    transductive: bool = False,
    pretraining_head: Callable[[int, int], nn.Module] | None = None,
    held_out: bool = False,
    train_way: int = 20,
    inner: tuple[InnerSetting, ...] = (),
) -> Callable[[Class], Class]:
    """State at the class of a learner, or of its rule, what the catalogue says of it.

    Args:
        name: What it is called there.
        reference: The paper: authors, venue, year, arXiv id.
        family: See `LearnerEntry`, as for all that follows.
        build: Makes it, untrained, from its class and an `ImageTask`; by default the class is called with the
            encoder.
        fixed_way: Whether it answers tasks of as many classes only as it was built for.
        transductive: Whether a query's answer depends on the other queries.
        pretraining_head: The head with which its encoder is trained on all known classes.
        held_out: Whether its encoder is trained by batches of varied images.
        train_way: Classes of a training episode.
        inner: The settings of the inner loop that ``build`` asks for.

    Example:
        >>> from polytask.meta.metric import Prototypes
        >>> @catalogued("nearest", "nobody, nowhere, never", family="metric")
        ... class Nearest(Prototypes):
        ...     pass
        >>> Nearest.entries[0].name, type(Nearest.entries[0].build(ImageTask(n_way=2, width=4))).__name__
        ('nearest', 'Nearest')
    """

    def note(owner: Class) -> Class:
        entry = LearnerEntry(
            name=name,
            family=family,
            reference=reference,
            build=partial(build, owner),
            fixed_way=fixed_way,
            transductive=transductive,
            pretraining_head=pretraining_head,
            held_out=held_out,
            train_way=train_way,
            inner=inner,
        )
        return stated(owner, entry)

    return note
