"""Training steps for tasks that have examples of their own."""

from collections.abc import Sequence

from polytask.core import DataError, Episode, InputError, Task
from polytask.data.source import Source
from polytask.data.steps.feedback import Feedback

__all__ = ["SeveralSources"]


class SeveralSources(Source):
    """Joint training on several sets of examples: a step has the episodes of every source's step.

    For tasks whose inputs differ, see `polytask.architectures.MultiInputSharing`, or whose examples do. Every
    source keeps its own order and its own epochs: a small one comes round more often.

    A task that several sources ask by the same name is one task, whose objective is averaged over the labels
    of all of them.

    Args:
        sources: The sources; a step has their episodes in this order.

    Raises:
        InputError: There is no source, or one of them learns from training itself.
        DataError: When asked for a step, two sources mean different tasks by one name. Tasks that are learned
            from support are not looked up by name and may share one.

    Example:
        >>> import torch
        >>> from polytask.core import Batch
        >>> from polytask.data.steps.joint import JointSource
        >>> def source(name: str, n_inputs: int) -> Source:
        ...     data = Batch(inputs=torch.zeros(9, n_inputs), targets={name: torch.zeros(9)})
        ...     return JointSource([Task(name=name, kind="regression")], data, batch_size=4, seed=0)
        >>> step = SeveralSources([source("a", 3), source("b", 5)]).step(0)
        >>> [(episode.tasks[0].name, tuple(episode.query.inputs.shape)) for episode in step]
        [('a', (4, 3)), ('b', (4, 5))]
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        if not sources:
            raise InputError("`sources` is empty; give at least one source.")
        learning = [place for place, source in enumerate(sources) if isinstance(source, Feedback)]
        if learning:
            raise InputError(
                f"Sources {', '.join(map(str, learning))} learn from training, and would be told nothing in "
                "here. Let the curriculum draw `SeveralSources`, not the other way round."
            )
        self.sources = tuple(sources)

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return the episodes of all sources; see `Source.step`."""
        steps = [source.step(index) for source in self.sources]
        _check_names(steps)
        return tuple(episode for step in steps for episode in step)


def _check_names(steps: Sequence[Sequence[Episode]]) -> None:
    """Refuse tasks that would be looked up by one name but are not the same."""
    meant: dict[str, tuple[Task, int]] = {}
    for position, step in enumerate(steps):
        for task in (task for episode in step if episode.support is None for task in episode.tasks):
            first, where = meant.setdefault(task.name, (task, position))
            if task != first:
                raise DataError(
                    f"Sources {where} and {position} mean different tasks by {task.name!r}: {first} and "
                    f"{task}. Rename one of them."
                )
