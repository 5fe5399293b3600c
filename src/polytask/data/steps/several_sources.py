"""Training steps for tasks that have examples of their own."""

from collections.abc import Sequence

from polytask.core import InputError
from polytask.data.source import Source
from polytask.data.steps.mixture import Mixture, mixture_problems
from polytask.data.steps.turns import EveryTurn

__all__ = ["SeveralSources"]


class SeveralSources(Mixture):
    """Joint training on several sets of examples: a step has the episodes of every source's step.

    For tasks whose inputs differ, see `polytask.architectures.MultiInputSharing`, or whose examples do. Every
    source keeps its own order and its own epochs: a small one comes round more often.

    A task that several sources ask by the same name is one task, whose objective is averaged over the labels
    of all of them.

    Args:
        sources: The sources; a step has their episodes in this order.

    Raises:
        InputError: There is no source, or one of them is a curriculum.

    Example:
        >>> import torch
        >>> from polytask.core import Batch, Task
        >>> from polytask.data.steps.joint import JointSource
        >>> def source(name: str, n_inputs: int) -> Source:
        ...     data = Batch(inputs=torch.zeros(9, n_inputs), targets={name: torch.zeros(9)})
        ...     return JointSource([Task(name=name, kind="regression")], data, batch_size=4, seed=0)
        >>> step = SeveralSources([source("a", 3), source("b", 5)]).step(0)
        >>> [(episode.tasks[0].name, tuple(episode.query.inputs.shape)) for episode in step]
        [('a', (4, 3)), ('b', (4, 5))]
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        by_name = {str(index): source for index, source in enumerate(sources)}
        problems = mixture_problems(by_name)
        if problems:
            raise InputError("SeveralSources: " + "; ".join(problems) + ".")
        super().__init__(by_name, EveryTurn(len(sources)))
        self.sources = tuple(sources)
