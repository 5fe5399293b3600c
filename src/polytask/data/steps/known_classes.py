"""Steps for a classifier of all known classes at once."""

from collections.abc import Callable

from torch import Tensor

from polytask.core import Batch, Episode, Task
from polytask.core.batch import map_inputs
from polytask.data.episodes.class_episodes import unit_interval
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.source import Source
from polytask.data.steps.joint import JointSource

__all__ = ["KnownClasses"]


class KnownClasses(Source):
    """Plain training on all known classes together, from which new ones are then learned by other means.

    Every step is one batch of examples and one task, which of all classes it is; an epoch goes through all
    examples.

    Args:
        examples: What to draw from.
        batch_size: Examples a step.
        seed: Decides the order.
        transform: As for `ClassificationEpisodes`.

    Raises:
        InputError: ``batch_size`` is below 1.
        DataError: There is no example.

    Example:
        >>> import torch
        >>> examples = LabelledExamples(
        ...     inputs=torch.zeros(40, 1, 8, 8, dtype=torch.uint8), labels=torch.arange(40) % 20,
        ...     class_names=tuple("abcdefghijklmnopqrst"), class_groups=("letter",) * 20)
        >>> source = KnownClasses(examples, batch_size=16)
        >>> source.task.n_outputs, source.step(0)[0].query.inputs.shape
        (20, torch.Size([16, 1, 8, 8]))
    """

    def __init__(
        self,
        examples: LabelledExamples,
        *,
        batch_size: int = 64,
        seed: int = 0,
        transform: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.task = Task(name="class", kind="multiclass", n_outputs=examples.n_classes)
        self.tasks = (self.task,)
        self.transform = transform or unit_interval
        whole = Batch(inputs=examples.inputs, targets={"class": examples.labels})
        self._joint = JointSource(self.tasks, whole, batch_size=batch_size, seed=seed)

    def step(self, index: int) -> tuple[Episode, ...]:
        """See `Source.step`."""
        (episode,) = self._joint.step(index)
        query = Batch(inputs=map_inputs(self.transform, episode.query.inputs), targets=episode.query.targets)
        return (Episode(tasks=self.tasks, query=query),)
