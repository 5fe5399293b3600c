"""What learns: a `Learner` turns tasks and support into a predictor, and episodes into objectives."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from polytask.core.batch import Batch, Episode, Inputs, query_objectives
from polytask.core.copied_module import module_copy
from polytask.core.episode_stack import EpisodeStack
from polytask.core.errors import InputError
from polytask.core.task import Objectives, Task

__all__ = ["EpisodicLearner", "Execution", "Learner", "Predictor", "State", "States", "TOGETHER", "run_loop"]

State: TypeAlias = dict[str, Tensor]
"""What is known of one task after adaptation, by part: prototypes, the weights of a head."""

States: TypeAlias = dict[str, State]
"""What a learner knows after adaptation: task -> part -> tensor.

What all tasks have in common, such as adapted weights, is under `TOGETHER`.
"""

TOGETHER = ""
"""Stands for all tasks of an episode, where a task's name would; no task is called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictor:
    """A function from inputs to predictions by task name; independent of the learner's later training modes.

    Args:
        tasks: The tasks it answers.
        function: ``(state, inputs) -> {task name: [batch, n_outputs]}``.
        state: What adaptation found; detached tensors that can be saved.
    """

    tasks: tuple[Task, ...]
    function: Callable[[States, Inputs], dict[str, Tensor]]
    state: States = field(default_factory=dict)

    def __call__(self, inputs: Inputs) -> dict[str, Tensor]:
        """Answer all tasks for inputs ``[batch, ...]``."""
        return self.function(self.state, inputs)


class Learner(nn.Module, ABC):
    """Turns (tasks, support) into a predictor, and episodes into a vector of objectives.

    The two methods are all that training, balancing, evaluation and serving call.
    """

    @abstractmethod
    def adapt(self, tasks: Sequence[Task], support: Batch | None = None) -> Predictor:
        """Return a predictor for the tasks; never changes the learner.

        Args:
            tasks: The tasks to answer.
            support: Labelled examples of these tasks; None where a predictor is looked up by name.

        Raises:
            InputError: The learner cannot answer the tasks, or needs support and got none.
        """

    @abstractmethod
    def objectives(self, episodes: Sequence[Episode]) -> Objectives:
        """Return the differentiable objectives of a training step."""


Execution = Callable[["EpisodicLearner", Sequence[Episode]], Tensor]
"""Runs the episodes of a step on a learner and returns their objectives, ``[episode]``; `run_loop` is one."""


class EpisodicLearner(Learner):
    """A learner that computes its predictor from a support batch.

    A method is two pure functions: `learn` turns support into a state of tensors, `predict` answers inputs
    from a state. Both must be differentiable in the learner's parameters.

    Args:
        transductive: Whether the answer to one query may depend on the other queries of its batch.
    """

    transductive: bool
    """Whether the answer to one query may depend on the other queries, e.g. through batch statistics."""

    inner_gradients: bool = True
    """Whether it takes gradients itself as it learns or answers; by this it is chosen how episodes may be run
    at once. True is right for every learner; False, where it is so, allows what is faster."""

    exact_gradient: bool = True
    """Whether the gradient of an objective is its derivative. First-order methods drop a part of it on
    purpose; finite differences cannot check those."""

    objective_is_loss: bool = True
    """Whether an episode's objective is the tasks' loss of what `adapt` predicts for its query, and nothing
    else. False for what trains on another objective, such as a density or a sum over steps."""

    def __init__(self, *, transductive: bool = False) -> None:
        super().__init__()
        self.transductive = transductive

    @abstractmethod
    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Compute what is to be known of the tasks from their support batch."""

    @abstractmethod
    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]`` from a state: ``[batch, n_outputs]`` by task name."""

    def forward(self, tasks: Sequence[Task], support: Batch, query: Batch) -> Tensor:
        """Learn from the support, answer the query, and return the summed objective, a scalar."""
        predictions = self.predict(self.learn(tasks, support), tasks, query.inputs)
        return torch.stack(list(query_objectives(tasks, predictions, query).values())).sum()

    def objectives(self, episodes: Sequence[Episode], *, execution: Execution | None = None) -> Objectives:
        """Return one objective per episode; see `Learner.objectives`.

        Under `inference_mode` they are computed as under `no_grad`: a learner may take gradients inside.
        Autograd refuses to do so there, and for `torch.func` they are zero up to torch 2.10.

        Args:
            episodes: The episodes of a step, with support.
            execution: Runs them, such as one of `polytask.execution`; None is `run_loop`.

        Raises:
            InputError: An episode has no support, or its query no label.
        """
        if torch.is_inference_mode_enabled():
            with torch.inference_mode(False), torch.no_grad():
                return self.objectives(_for_graphs(episodes), execution=execution)
        if isinstance(episodes, EpisodeStack):  # of one form, with support
            without, names = episodes.unlabelled(), [_name(episodes)] * len(episodes)
        else:
            without, names = [], [_name(episode) for episode in episodes]
            for index, episode in enumerate(episodes):
                if episode.support is None:
                    raise InputError(
                        f"Episode {index} has no support; {type(self).__name__} learns from one."
                    )
                if not any(episode.query.n_labels(task.name) for task in episode.tasks):
                    without.append(index)
        if without:
            raise InputError(f"The query of episode {without[0]} has no label; leave the episode out.")
        return Objectives(values=(execution or run_loop)(self, episodes), names=_distinct(names))

    def adapt(self, tasks: Sequence[Task], support: Batch | None = None) -> Predictor:
        """See `Learner.adapt`; always in evaluation mode, also under `no_grad` and `inference_mode`.

        It runs on modules of its own, see `module_copy`, as does the predictor: threads may share a learner.
        """
        if support is None:
            raise InputError(f"{type(self).__name__} learns from support; give `adapt` a support batch.")
        without = [task.name for task in tasks if not support.n_labels(task.name)]
        if without:
            raise InputError(f"The support has no label of {', '.join(without)}; add some or drop the task.")
        own = module_copy(self, training=False)
        with torch.inference_mode(False), torch.enable_grad():
            support = _for_graph(support)
            state = {
                owner: {part: tensor.detach().clone() for part, tensor in parts.items()}
                for owner, parts in own.learn(tasks, support).items()
            }
        return self.predictor(tasks, state)

    def predictor(self, tasks: Sequence[Task], state: States) -> Predictor:
        """Return the predictor that a state stands for, e.g. one that was saved."""
        return Predictor(tasks=tuple(tasks), function=_Answer(self, tuple(tasks)), state=state)


@dataclass(frozen=True, slots=True)
class _Answer:
    """Answers from a state by a learner in evaluation mode; an object, as a function cannot be pickled."""

    learner: EpisodicLearner
    tasks: tuple[Task, ...]

    def __call__(self, known: States, inputs: Inputs) -> dict[str, Tensor]:
        return module_copy(self.learner, training=False).predict(known, self.tasks, inputs)


def run_loop(learner: EpisodicLearner, episodes: Sequence[Episode]) -> Tensor:
    """Run episodes one after the other: the reference for every other execution, ``[episode]``."""
    return torch.stack([learner(episode.tasks, episode.support, episode.query) for episode in episodes])


def _for_graph(batch: Batch) -> Batch:
    """Clone what was made in inference mode: it cannot enter a graph, a clone can."""
    return batch.map(lambda tensor: tensor.clone() if tensor.is_inference() else tensor)


def _for_graphs(episodes: Sequence[Episode]) -> Sequence[Episode]:
    if isinstance(episodes, EpisodeStack):
        return replace(episodes, support=_for_graph(episodes.support), query=_for_graph(episodes.query))
    return [
        replace(
            episode,
            support=None if episode.support is None else _for_graph(episode.support),
            query=_for_graph(episode.query),
        )
        for episode in episodes
    ]


def _name(episode: Episode | EpisodeStack) -> str:
    return "+".join(task.name for task in episode.tasks)


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Number names that occur more than once: each objective of a step needs its own."""
    repeated = len(set(names)) < len(names)
    return tuple(f"{name}#{position}" if repeated else name for position, name in enumerate(names))
