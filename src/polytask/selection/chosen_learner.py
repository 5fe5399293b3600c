"""A learner made of several: for each new task it uses the one that its support speaks for."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from polytask.core import Batch, EpisodicLearner, InputError, Task
from polytask.core.batch import Inputs
from polytask.core.learner import States
from polytask.selection.learner_choice import LearnerChoice, Measure, choose_learner

__all__ = ["ChosenLearner"]

_CHOICE = "choice"  # the number of the learner of a task, beside its parts


class ChosenLearner(EpisodicLearner):
    """Chooses a learner for every task by itself, and adapts it; see `choose_learner`.

    The state says by a number which learner answers a task, so that a saved state is a predictor too. Tasks
    with one choice are learned together. A training step trains, for each task of an episode, the learner
    that is chosen for it as things stand; the choice itself has no gradient.

    Args:
        learners: By name.
        n_folds: Folds, at most.
        prior: All names in the order to trust them before anything is known of a task.
        measure: See `choose_learner`.
        seed: Of the folds.

    Raises:
        InputError: There is no learner, the prior does not name them all, or there are fewer than 2 folds.

    Example:
        >>> from polytask.meta.metric.prototypes import Prototypes
        >>> from polytask.meta.metric.r2d2 import R2D2
        >>> learner = ChosenLearner({"means": Prototypes(nn.Identity()), "line": R2D2(nn.Identity())})
        >>> task = Task(name="height", kind="regression")
        >>> support = Batch(inputs=torch.eye(3), targets={"height": torch.arange(3.0)})
        >>> learner.choose([task], support)["height"].reason  # prototypes are for classes
        'line is the only learner that can answer.'
    """

    def __init__(
        self,
        learners: Mapping[str, EpisodicLearner],
        *,
        n_folds: int = 5,
        prior: Sequence[str] | None = None,
        measure: Measure = "error",
        seed: int = 0,
    ) -> None:
        problems = []
        if not learners:
            problems.append("there is no learner")
        if prior is not None and sorted(prior) != sorted(learners):
            problems.append(f"`prior` must name each learner once: {', '.join(learners)}")
        if n_folds < 2:
            problems.append(f"`n_folds` must be at least 2, got {n_folds}")
        if problems:
            raise InputError("ChosenLearner: " + "; ".join(problems) + ".")
        super().__init__(transductive=any(learner.transductive for learner in learners.values()))
        self.inner_gradients = any(learner.inner_gradients for learner in learners.values())
        self.names = tuple(learners)
        self.learners = nn.ModuleList(learners.values())
        self.n_folds = n_folds
        self.prior = tuple(learners if prior is None else prior)
        self.measure: Measure = measure
        self.seed = seed

    def choose(self, tasks: Sequence[Task], support: Batch) -> dict[str, LearnerChoice]:
        """Return what `adapt` would choose for each task, by its name, and why."""
        return {
            task.name: choose_learner(
                dict(zip(self.names, self._parts(), strict=True)),
                [task],
                support.only([task.name]),
                n_folds=self.n_folds,
                prior=self.prior,
                measure=self.measure,
                seed=self.seed,
            )
            for task in tasks
        }

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Choose, and return the state of each chosen learner, beside the number of each task's learner."""
        chosen = {name: choice.name for name, choice in self.choose(tasks, support).items()}
        state: States = {
            task.name: {_CHOICE: torch.tensor(self.names.index(chosen[task.name]))} for task in tasks
        }
        for number, (name, learner) in enumerate(zip(self.names, self._parts(), strict=True)):
            own = [task for task in tasks if chosen[task.name] == name]
            if own:
                learned = learner.learn(own, support.only([task.name for task in own]))
                for owner, parts in learned.items():
                    named = {_prefix(number) + part: tensor for part, tensor in parts.items()}
                    state[owner] = state.get(owner, {}) | named
        return state

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, torch.Tensor]:
        """Answer each task by its chosen learner."""
        found = {}
        for number, learner in enumerate(self._parts()):
            own = [task for task in tasks if int(state[task.name][_CHOICE]) == number]
            if own:
                prefix = _prefix(number)
                known: States = {
                    owner: {k.removeprefix(prefix): v for k, v in parts.items() if k.startswith(prefix)}
                    for owner, parts in state.items()
                }
                found |= learner.predict(known, own, inputs)
        return {task.name: found[task.name] for task in tasks}

    def _parts(self) -> list[EpisodicLearner]:
        return [part for part in self.learners if isinstance(part, EpisodicLearner)]


def _prefix(number: int) -> str:
    return f"learner {number}/"
