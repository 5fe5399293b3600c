"""MAML: an initialization from which a few gradient steps lead to a good model of a new task."""

import contextlib
import copy
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad

from polytask.core import Batch, Execution, InputError, Inputs, State, Task, query_objectives
from polytask.meta.engine import ExecutionName
from polytask.meta.learner import MetaLearner
from polytask.meta.normalization import (
    Normalization,
    check_normalization,
    normalized,
    uses_batch_statistics,
)

__all__ = ["FOMAML", "MAML"]


class MAML(MetaLearner):
    r"""Model-agnostic meta-learning.

    Adapts by K steps :math:`\phi \leftarrow \phi - \alpha \nabla_\phi L_S(\phi)` on the support, from
    :math:`\phi = \theta`, and learns :math:`\theta` to make :math:`L_Q(\phi)` small on the query. Where an
    episode has several tasks, both losses are the sum of their objectives.

    The state is the adapted parameters by name. Parameters frozen when the learner is built, and buffers, are
    read from the model itself; nothing here ever changes them. The model is called with other parameters in
    place of its own, so two threads must not use one learner at the same time.

    Args:
        model: Maps inputs ``[batch, ...]`` to ``[batch, n_outputs]``, or to such a tensor by task name where
            an episode has several tasks.
        inner_rate: Learning rate :math:`\alpha` of the inner steps.
        n_steps: Inner steps :math:`K`; 0 does not adapt at all. `with_steps` gives other numbers later.
        second_order: Whether the meta-gradient goes through the inner gradients; see `FOMAML`.
        normalization: What BatchNorm does, ``"batch"`` or ``"frozen"``; required if the model has any. The
            paper's is ``"batch"``, which makes the learner transductive.
        execution: How the episodes of a training step are run: ``"auto"``, ``"loop"``, ``"vmap"``.
        chunk_size: Episodes that vmap runs at once; None means all of a step.

    Raises:
        InputError: An argument is out of range, the model has no trainable parameter, or it has BatchNorm
            and ``normalization`` does not say what that does.

    Example:
        >>> task = Task(name="y", kind="regression")
        >>> maml = MAML(nn.Linear(1, 1), inner_rate=0.1)
        >>> support = Batch(inputs=torch.ones(5, 1), targets={"y": torch.ones(5)})
        >>> predictor = maml.with_steps(50).adapt([task], support)
        >>> predictor(torch.ones(2, 1))["y"].round(decimals=2)
        tensor([[1.],
                [1.]])

    References:
        Finn, Abbeel, Levine. Model-Agnostic Meta-Learning for Fast Adaptation of Deep Networks. ICML 2017,
        arXiv:1703.03400, algorithms 1 and 2. Differs from the paper: the number of objectives of a step and
        their weights are the balancer's business (the paper sums them), and the meta-update is the
        optimizer's (the paper's code uses Adam, as is the default here).
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        inner_rate: float = 0.01,
        n_steps: int = 1,
        second_order: bool = True,
        normalization: Normalization | None = None,
        execution: ExecutionName | Execution = "auto",
        chunk_size: int | None = None,
    ) -> None:
        adapted = tuple(name for name, p in model.named_parameters() if p.requires_grad)
        problems = []
        if not inner_rate > 0:
            problems.append(f"`inner_rate` must be above 0, got {inner_rate}")
        if n_steps < 0:
            problems.append(f"`n_steps` must be 0 or more, got {n_steps}")
        if not adapted:
            problems.append("`model` has no trainable parameter to adapt")
        if problems:
            raise InputError("; ".join(problems) + ".")
        check_normalization(model, normalization)
        super().__init__(
            execution=execution,
            chunk_size=chunk_size,
            transductive=uses_batch_statistics(model, normalization),
            exact_gradient=second_order,
        )
        self.model = model
        self.inner_rate = inner_rate
        self.n_steps = n_steps
        self.second_order = second_order
        self.normalization: Normalization | None = normalization
        self.adapted = adapted

    def with_steps(self, n_steps: int) -> "MAML":
        """Return a learner with this very model, not a copy of it, that makes another number of steps."""
        if n_steps < 0:
            raise InputError(f"`n_steps` must be 0 or more, got {n_steps}.")
        other = copy.copy(self)
        other.n_steps = n_steps
        return other

    def learn(self, tasks: Sequence[Task], support: Batch) -> State:
        """Return the parameters after the inner steps, by name."""
        if not support.targets:
            raise InputError("MAML learns by the loss on the support, but the support has no targets.")

        def loss(parameters: State) -> Tensor:
            predictions = self.predict(parameters, tasks, support.inputs)
            return torch.stack(list(query_objectives(tasks, predictions, support).values())).sum()

        found = dict(self.model.named_parameters())
        parameters: State = {name: found[name] for name in self.adapted}
        for _ in range(self.n_steps):
            # grad differentiates in spite of no_grad, but leaves no graph behind to differentiate again.
            with contextlib.nullcontext() if self.second_order else torch.no_grad():
                gradients: State = grad(loss)(parameters)
            parameters = {name: p - self.inner_rate * gradients[name] for name, p in parameters.items()}
        return parameters

    def predict(self, state: State, tasks: Sequence[Task], inputs: Inputs) -> dict[str, Tensor]:
        """Answer inputs ``[batch, ...]`` by the model with the state's parameters."""
        with normalized(self.model, self.normalization):
            answer = functional_call(self.model, state, (inputs,))
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


def FOMAML(  # noqa: N802 - named as the method is known
    model: nn.Module,
    *,
    inner_rate: float = 0.01,
    n_steps: int = 1,
    normalization: Normalization | None = None,
    execution: ExecutionName | Execution = "auto",
    chunk_size: int | None = None,
) -> MAML:
    r"""Build first-order MAML, which takes :math:`\partial \phi / \partial \theta` for the identity.

    Its meta-gradient is the query's gradient at the adapted parameters: cheaper, and needs no second
    derivative of any layer.

    Args:
        model: See `MAML`, as for all arguments.
        inner_rate: Learning rate of the inner steps.
        n_steps: Inner steps.
        normalization: What BatchNorm does.
        execution: How the episodes of a step are run.
        chunk_size: Episodes that vmap runs at once.

    Example:
        >>> FOMAML(nn.Linear(1, 1)).second_order
        False

    References:
        Finn, Abbeel, Levine. ICML 2017, arXiv:1703.03400, section 5.2; Nichol, Achiam, Schulman. On
        First-Order Meta-Learning Algorithms. 2018, arXiv:1803.02999.
    """
    return MAML(
        model,
        inner_rate=inner_rate,
        n_steps=n_steps,
        second_order=False,
        normalization=normalization,
        execution=execution,
        chunk_size=chunk_size,
    )
