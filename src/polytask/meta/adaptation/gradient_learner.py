"""The learner behind every method that adapts by gradient steps: where it starts, its rule, its gradient."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, EpisodicLearner, InputError, Objectives, Task
from polytask.core.batch import Inputs, query_objectives
from polytask.core.learner import TOGETHER, Execution, State, States
from polytask.core.one_by_one import held
from polytask.meta.adaptation.inner_loop import InnerLoop, inner_rows
from polytask.meta.adaptation.inner_options import adapted_parameters, check_inner_loop, check_trained
from polytask.meta.adaptation.last_layer import last_layer
from polytask.meta.adaptation.own_model import OwnModel
from polytask.meta.adaptation.rules.rule import UpdateRule
from polytask.meta.adaptation.rules.sgd import SGD
from polytask.meta.layers.class_means import check_classes
from polytask.meta.layers.computed_weights import ComputedWeights
from polytask.meta.layers.normalization import (
    Normalization,
    check_normalization,
    uses_batch_statistics,
)
from polytask.meta.layers.per_step import has_per_step_layers
from polytask.meta.layers.plain_attention import plain_attention

__all__ = ["GradientLearner", "MetaObjective", "StartRule"]

StartRule = Callable[["GradientLearner", Sequence[Task], Batch], State]
"""From the learner, tasks and support to the adapted parameters before the first step, by name."""


class MetaObjective(nn.Module, ABC):
    """What an episode's objective is, and with it what the meta-gradient is.

    Args:
        exact: Whether the gradient is the derivative of the value; see `EpisodicLearner.exact_gradient`.
    """

    adapted_only: bool = False
    """Whether it gives a gradient to the parameters that the inner loop changes, and to no others."""

    def __init__(self, *, exact: bool) -> None:
        super().__init__()
        self.exact = exact

    @abstractmethod
    def forward(
        self, learner: "GradientLearner", tasks: Sequence[Task], support: Batch, query: Batch
    ) -> Tensor:
        """Return the objective of an episode, a scalar; must run inside `torch.func.vmap`."""

    def before(self) -> None:
        """Get ready for a step; for objectives that change as training goes on."""

    def after(self) -> None:
        """Take note that a step's objectives were computed."""


class GradientLearner(EpisodicLearner):
    r"""Adapts parameters of a model by gradient steps on the support: the common form of a family of methods.

    From a start :math:`\phi_0`, makes the steps :math:`\phi_{k+1} = U(\phi_k, \nabla_\phi L_S(\phi_k))` of a
    rule :math:`U`; with :math:`\phi_0 = \theta`, gradient descent and everything differentiated this is MAML.
    Where an episode has several tasks, a loss is the sum of their objectives.

    The state is the adapted parameters by name. Parameters frozen when the learner is built, and buffers, are
    read from the model itself; nothing here ever changes them. Where other parameters stand in place of the
    model's own, this is so in a `polytask.core.copied_module`: any number of threads may use one learner.

    Where the model is a `torch.nn.Sequential` whose first layers are not adapted, these run once on the
    support, not in every step, unless the steps have rows (``batch_size``) or layers of their own. Dropout in
    them then draws once.

    Args:
        model: Maps inputs ``[batch, ...]`` to ``[batch, n_outputs]``, or to such a tensor by task name where
            an episode has several tasks.
        rule: Makes a step from a gradient; its own parameters are meta-learned too. None is ``SGD(0.01)``.
        n_steps: Inner steps; 0 does not adapt at all. `with_steps` gives other numbers later.
        adapted: Names of the parameters that the inner loop changes; None means all trainable ones. The other
            trainable ones are meta-learned only.
        start: Where the inner loop starts; None means at the model's own parameters, which are meta-learned.
        n_differentiated: Through how many of the last steps the meta-gradient goes to second order; earlier
            ones take their gradients for constants. None means all, 0 is first order.
        objective: What an episode's objective is; None is the loss on the query after the last step.
        batch_size: Rows of the support for each inner step, None means all. The rows of a step are drawn
            once, the same positions for every episode.
        recompute: Whether to keep only the parameters of each differentiated step and compute the rest again
            in the backward pass: memory of one step instead of all, at about a third more time.
        normalization: What BatchNorm does in the inner loop, ``"batch"`` (the statistics of the batch at
            hand, which makes the learner transductive) or ``"frozen"`` (the running ones); required if the
            model has any.
        adapt_normalization: Whether the inner loop changes the scales and shifts of normalization layers too,
            or leaves them to the outer loop alone.

    Raises:
        InputError: An argument is out of range, the model has no such trainable parameter, it has BatchNorm
            and ``normalization`` does not say what that does, or the objective would leave a trainable
            parameter without a gradient.

    Example:
        >>> task = Task(name="y", kind="regression")
        >>> learner = GradientLearner(nn.Linear(1, 1), rule=SGD(0.1, momentum=0.5), n_steps=50)
        >>> support = Batch(inputs=torch.ones(5, 1), targets={"y": torch.ones(5)})
        >>> learner.adapt([task], support)(torch.ones(2, 1))["y"].round(decimals=2)
        tensor([[1.],
                [1.]])
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        rule: UpdateRule | None = None,
        n_steps: int = 1,
        adapted: Collection[str] | None = None,
        start: StartRule | None = None,
        n_differentiated: int | None = None,
        objective: MetaObjective | None = None,
        batch_size: int | None = None,
        recompute: bool = False,
        normalization: Normalization | None = None,
        adapt_normalization: bool = True,
    ) -> None:
        trainable = tuple(name for name, p in model.named_parameters() if p.requires_grad)
        check_inner_loop(trainable, adapted, n_steps, n_differentiated, batch_size)
        inside = adapted_parameters(model, {"adapt_normalization": adapt_normalization})
        chosen = tuple(name for name in inside if adapted is None or name in adapted)
        check_trained(
            type(self).__name__, trainable, chosen, objective is not None and objective.adapted_only
        )
        check_normalization(model, normalization)
        super().__init__(
            transductive=uses_batch_statistics(model, normalization) or has_per_step_layers(model)
        )
        self.exact_gradient = n_differentiated is None if objective is None else objective.exact
        self.objective_is_loss = objective is None
        self.computed_weights = ComputedWeights(model)
        self.model = model
        self.per_step = has_per_step_layers(model)
        self.rule = rule or SGD()
        self.n_steps = n_steps
        self.adapted = chosen
        self.start = start
        self.n_differentiated = n_differentiated
        self.objective = objective
        self.batch_size = batch_size
        self.recompute = recompute
        self.normalization: Normalization | None = normalization
        self.adapt_normalization = adapt_normalization

    def with_steps(self, n_steps: int) -> Self:
        """Return a learner with this very model, not a copy of it, that makes another number of steps."""
        if n_steps < 0:
            raise InputError(f"`n_steps` must be 0 or more, got {n_steps}.")
        other = copy.copy(self)
        other.n_steps = n_steps
        return other

    def objectives(self, episodes: Sequence[Episode], *, execution: Execution | None = None) -> Objectives:
        """Return one objective per episode; see `polytask.core.EpisodicLearner.objectives`."""
        if self.objective is not None:
            self.objective.before()
        if self.training:
            self.computed_weights.move(self.model)
        with plain_attention():  # once, not for each episode
            found = super().objectives(episodes, execution=execution)
        if self.objective is not None and self.training:
            self.objective.after()
        return found

    def forward(self, tasks: Sequence[Task], support: Batch, query: Batch) -> Tensor:
        """Adapt to the support and return the episode's objective, a scalar."""
        with plain_attention():
            if self.objective is not None:
                return self.objective(self, tasks, support, query)
            own = held(self, self.own_model).as_new()
            after = self.trajectory(tasks, support, own=own)[-1]
            return self.loss(after, tasks, query, self.n_steps, own=own)

    def learn(self, tasks: Sequence[Task], support: Batch) -> States:
        """Return the parameters after the inner steps, by name, which all tasks have in common.

        Raises:
            InputError: The support lacks a class of a multiclass task.
        """
        for task in tasks:
            if task.kind == "multiclass":
                check_classes(type(self).__name__, task, support)
        with plain_attention():
            return {TOGETHER: self.trajectory(tasks, support)[-1]}

    def predict(self, state: States, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]`` by the model with the state's parameters."""
        with plain_attention():  # as in learning, so that a state fits its answers to the last digit
            return self.outputs(state[TOGETHER], tasks, inputs, self.n_steps)

    def initial(self, tasks: Sequence[Task], support: Batch) -> State:
        """Return the adapted parameters before the first step, by name."""
        if self.start is not None:
            return self.start(self, tasks, support)
        found = dict(self.model.named_parameters())
        return {name: found[name] for name in self.adapted}

    def trajectory(
        self,
        tasks: Sequence[Task],
        support: Batch,
        *,
        n_differentiated: int | None = None,
        own: OwnModel | None = None,
    ) -> list[State]:
        """Return the adapted parameters before the first step and after each one.

        Args:
            tasks: The tasks of the episode.
            support: Their labelled examples.
            n_differentiated: Replaces the learner's own.
            own: Of `own_model`, where there is one for the episode already.

        Raises:
            InputError: The support has no targets.
        """
        if not support.targets:
            raise InputError(
                f"{type(self).__name__} learns by the loss on the support, but the support has no targets."
            )
        if n_differentiated is None:
            n_differentiated = self.n_differentiated
        fixed = self.n_steps if n_differentiated is None else min(n_differentiated, self.n_steps)

        start = self.initial(tasks, support)
        own = own or self.own_model()
        n_fixed, support = self._after_fixed_body(own, start, support)
        # What is computed again in the backward pass is so on modules of its own.
        for_steps = None if self.recompute else own

        def loss(parameters: State, rows: Batch, index: int) -> Tensor:
            return self.loss(parameters, tasks, rows, index, n_fixed=n_fixed, own=for_steps)

        written_out = None if self.recompute else last_layer(own, n_fixed, start, tasks, support)
        return InnerLoop(loss, self.rule, self, gradients=written_out).run(
            start,
            [inner_rows(support, self.batch_size, index) for index in range(self.n_steps)],
            n_first_order=self.n_steps - fixed,
            recompute=self.recompute,
        )

    def loss(
        self,
        parameters: State,
        tasks: Sequence[Task],
        batch: Batch,
        step: int,
        *,
        n_fixed: int = 0,
        own: OwnModel | None = None,
    ) -> Tensor:
        """Return the summed objective of the tasks on a batch, a scalar, for parameters after some steps."""
        predictions = self.outputs(parameters, tasks, batch.inputs, step, n_fixed=n_fixed, own=own)
        values = list(query_objectives(tasks, predictions, batch).values())
        return values[0] if len(values) == 1 else torch.stack(values).sum()

    def outputs(
        self,
        parameters: State,
        tasks: Sequence[Task],
        inputs: Inputs,
        step: int,
        *,
        n_fixed: int = 0,
        own: OwnModel | None = None,
    ) -> dict[str, Tensor]:
        """Answer inputs with these parameters in place of the model's own.

        Args:
            parameters: By name.
            tasks: The tasks to answer.
            inputs: ``[batch, ...]``.
            step: Inner steps made; chooses per-step layers.
            n_fixed: Layers at the beginning of the model that have been run already.
            own: Of `own_model`, to be used once more; None makes one.
        """
        own = own or self.own_model()
        return _by_task(own(parameters, inputs, step, n_fixed=n_fixed), tasks)

    def own_model(self) -> OwnModel:
        """Return a copy of the model's modules in which an episode can put its parameters, step by step."""
        return OwnModel(
            self.model,
            computed_weights=self.computed_weights,
            normalization=self.normalization,
            per_step=self.per_step,
        )

    def _after_fixed_body(self, own: OwnModel, start: State, support: Batch) -> tuple[int, Batch]:
        """Return how many layers all inner steps have in common, and the support beyond these."""
        once = self.n_steps > 1 and self.batch_size is None and not self.per_step
        n_fixed = own.n_fixed(start) if once else 0
        if not n_fixed:
            return 0, support
        features = own.run_first(n_fixed, support.inputs)
        if not isinstance(features, Tensor) or features.shape[:1] != (len(support),):
            return 0, support  # not examples by row, as a batch has them
        return n_fixed, replace(support, inputs=features)


def _by_task(answer: Tensor | Mapping[str, Tensor], tasks: Sequence[Task]) -> dict[str, Tensor]:
    if isinstance(answer, Mapping):
        without = [task.name for task in tasks if task.name not in answer]
        if without:
            raise InputError(f"`model` answered {', '.join(answer)}, but not {', '.join(without)}.")
        return {task.name: answer[task.name] for task in tasks}
    if len(tasks) > 1:
        names = ", ".join(task.name for task in tasks)
        raise InputError(
            f"`model` returned one tensor, but the episode has {len(tasks)} tasks ({names}); return a "
            "mapping from task name to [batch, n_outputs]."
        )
    return {tasks[0].name: answer}
