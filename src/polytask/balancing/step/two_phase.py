"""The two-phase step: first the weights, then one ordinary backward pass."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Direction, Weights
from polytask.balancing.engines.by_name import EngineName, engine_by_name
from polytask.balancing.engines.engine import Engine
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.evidence import Evidence
from polytask.balancing.step.accumulation import Accumulation
from polytask.balancing.step.balance import Balance
from polytask.balancing.step.engine_check import agrees
from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.parts import Parts, Whole
from polytask.balancing.step.processes import Processes, check_not_distributed
from polytask.core import InputError, Learner, Objectives, private_parameters, shared_parameters
from polytask.core.buffers import kept_buffers
from polytask.core.gradients import assign
from polytask.core.look_ahead import displaced
from polytask.core.random import own_random_state

__all__ = ["BalancedBackward"]

P = ParamSpec("P")
R = TypeVar("R")

_LOG = logging.getLogger(__name__)


class BalancedBackward:
    """Puts a balancer's update into the ``grad`` of every parameter.

    Shared parameters get the balanced update, private ones their own task's unscaled gradient, and the
    balancer's own parameters the gradient of its criterion. Gradients add to what is there, as in torch.

    In a `torch.distributed` run every process calls it with its own part of the step, and all get the
    gradients that one process would get on the joined batch. Communicated are the objectives' names, losses
    and label counts, what the engine says, and the gradients once; a learner that is wrapped in torch's DDP
    or FSDP, wholly or in part, is refused.

    On the first step, an exact Gramian is compared with an ordinary backward pass. Where they differ, a
    warning is logged and every later step is taken from the objectives themselves, one backward pass each; an
    engine that was given as an object stays, with the warning alone.

    Args:
        learner: The learner. A parameter may be frozen or trained again between two steps.
        balancer: The method.
        engine: How the Gramian is computed, if the balancer looks at it.

    Raises:
        InputError: No engine has this name, or torch joins the learner's gradients by itself.

    Example:
        >>> from polytask.balancing.methods.equal import EqualWeights
        >>> from polytask.core import Batch, Episode, SharedModel, Task
        >>> from polytask.architectures import HardSharing
        >>> task = Task(name="y", kind="regression")
        >>> trunk, head = torch.nn.Linear(2, 4), torch.nn.Linear(4, 1)
        >>> model = SharedModel([task], HardSharing(trunk), heads={"y": head})
        >>> batch = Batch(inputs=torch.ones(3, 2), targets={"y": torch.ones(3)})
        >>> step = BalancedBackward(model, EqualWeights())
        >>> step(model.objectives([Episode(tasks=(task,), query=batch)])).weights
        {'y': 1.0}
    """

    def __init__(self, learner: Learner, balancer: Balancer, *, engine: EngineName | Engine = "auto") -> None:
        check_not_distributed(learner)
        self._balancer, self._learner = balancer, learner
        self._parameters = list(learner.parameters())
        self._split()
        self._replaceable = not isinstance(engine, Engine)
        self._checked, self._trusted = False, True
        given = engine if isinstance(engine, Engine) else None
        self.engine = given or engine_by_name(str(engine), learner, needs=balancer.needs)
        """How the Gramian is computed."""
        self.engine.open(learner)
        self.processes = Processes()
        """The processes that share each step."""

    def __call__(
        self,
        objectives: Objectives,
        *,
        halves: Callable[[], tuple[Objectives, Objectives]] | None = None,
        validation: Callable[[], Objectives] | None = None,
    ) -> Balance:
        """Run both phases for the objectives of a step; frees their graph.

        Args:
            objectives: The objectives of this process's part of the step.
            halves: Computes the objectives of two independent halves of this part, for balancers that need
                a cross-Gramian.
            validation: Computes objectives of validation examples at the learner's present parameters.

        Raises:
            TrainingError: A gradient is not finite, or another process is gone.
        """
        return self.balanced(objectives, halves=halves, validation=validation)

    def accumulated(
        self,
        accumulation: Accumulation,
        *,
        halves: Callable[[], tuple[Accumulation, Accumulation]] | None = None,
        validation: Callable[[], Objectives] | None = None,
    ) -> Balance:
        """Run both phases for a step that comes in parts; the update is that of the whole step.

        A part's graph is held only while the part is at work. Every part is run forward once to learn the
        losses, once more where the balancer looks at gradients, and once more for the update. The engines
        ``"features"`` and ``"last-layer"`` do what they always do; the other ones of the library hold the
        full Jacobian, so that there is nothing to compare it with.

        Args:
            accumulation: The parts.
            halves: Makes two independent halves of the step, each in parts, for balancers that need a
                cross-Gramian.
            validation: As for a whole step.

        Raises:
            TrainingError: A gradient is not finite, or another process is gone.
        """
        return self.balanced(accumulation, halves=halves, validation=validation)

    def whole(self, objectives: Objectives) -> Whole:
        """Return this process's part of a step as a step of one part."""
        return Whole(objectives, self.processes)

    def _parts(self, given: Objectives | Parts) -> Parts:
        return self.whole(given) if isinstance(given, Objectives) else given

    def balanced(
        self,
        given: Objectives | Parts,
        *,
        halves: Callable[[], Sequence[Objectives | Parts]] | None = None,
        validation: Callable[[], Objectives] | None = None,
    ) -> Balance:
        """Run both phases for a step, as a whole or in parts; see `__call__` and `accumulated`."""
        if self._trained != [parameter.requires_grad for parameter in self._parameters]:
            self._split()
        alone = self._balancer.needs in ("nothing", "losses") and halves is None and validation is None
        if alone and isinstance(given, Objectives) and self.processes.size == 1:
            return self._by_losses_alone(given)
        parts = self._parts(given)
        with self.processes.summed_gradients([*self._shared, *self._private]):
            step = StepGradients(parts, self._shared, self._private, trusted=self._trusted)
            evidence = Evidence(
                parts.names,
                parts.losses(),
                _aside(step.rows),
                gramian=_aside(lambda: self._gramian(step)),
                cross=None if halves is None else _aside(lambda: self._cross(parts.names, halves)),
                validation=None if validation is None else _aside(lambda d: self._look_ahead(d, validation)),
            )
            update = self._balancer(evidence)
            step.forget()
            for graph, joined in step.graphs(last=True):
                _add_gradients(graph, update, joined.places, n_parts=self.processes.size * len(parts))
            return self._decided(update, evidence)

    def _by_losses_alone(self, objectives: Objectives) -> Balance:
        """Do what `balanced` does where the whole step is here, and the balancer looks at no gradient.

        Such a step needs neither parts nor an engine. Where the balancer asks for gradients all the same,
        they are taken as from any step.
        """
        evidence = Evidence(
            objectives.names,
            objectives.values.detach(),
            _aside(lambda: self._gradients(self.whole(objectives)).rows()),
        )
        update = self._balancer(evidence)
        _add_gradients(StepGraph(objectives, self._shared, self._private), update)
        return self._decided(update, evidence)

    def state_dict(self) -> dict[str, Any]:
        """Return what was decided on the first step, in plain values: the engine, and whether it held."""
        return {"checked": self._checked, "trusted": self._trusted, "engine": self.engine.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on as decided; see `state_dict`.

        Raises:
            InputError: The state is none that this engine can go on with.
        """
        try:
            checked, trusted, engine = state["checked"], state["trusted"], dict(state["engine"])
            if not (isinstance(checked, bool) and isinstance(trusted, bool)):
                raise TypeError("both are True or False")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"This is no state of a balanced step: {state!r}.") from error
        self._checked = checked
        if not trusted:
            self._distrust()
        self.engine.load_state_dict(engine)

    def close(self) -> None:
        """Let the engine leave the learner as it was; no step comes after this."""
        self.engine.close()

    def _split(self) -> None:
        """Read which parameters are trained, and which of them are shared."""
        self._trained = [parameter.requires_grad for parameter in self._parameters]
        self._shared = shared_parameters(self._learner)
        self._private = [p for own in private_parameters(self._learner).values() for p in own]

    def _gramian(self, step: StepGradients) -> Tensor:
        products = self.engine.gramian(step)
        if self._checked or not (self.engine.exact and step.held and bool(products.isfinite().all())):
            return products
        self._checked = True
        if agrees(products, step, name=type(self.engine).__name__) or not self._replaceable:
            return products
        _LOG.warning(
            "From now on every gradient is taken from the objectives themselves, one after the other"
        )
        self._distrust()
        step.distrust()
        return self.engine.gramian(step)

    def _distrust(self) -> None:
        self.engine.close()
        self._trusted, self.engine = False, FullJacobian()

    def _decided(self, update: Weights | Direction, evidence: Evidence) -> Balance:
        """Give the balancer's parameters their gradient, and a direction to the shared ones."""
        losses = dict(zip(evidence.names, evidence.losses.tolist(), strict=True))
        if isinstance(update, Direction):
            if self.processes.rank == 0:
                assign(update.values, self._shared)
            return Balance(weights={}, losses=losses)
        _train_balancer(update, evidence.losses)
        weights = dict(zip(evidence.names, update.values.tolist(), strict=True))
        return Balance(weights=weights, losses=losses, gramian=evidence.products)

    def _gradients(self, parts: Parts) -> StepGradients:
        """Return those of a step that is only looked at."""
        return StepGradients(parts, self._shared, trusted=self._trusted)

    def _cross(self, names: Sequence[str], halves: Callable[[], Sequence[Objectives | Parts]]) -> Tensor:
        """Return the products of one half's gradients with the other's; zero where a half has no label."""
        with kept_buffers(self._learner):  # the whole step has moved them, or will
            parts = [self._parts(half) for half in halves()]
            both = [(self._gradients(half).rows(), half.names) for half in parts]
        first, second = (_reordered(rows, present, names) for rows, present in both)
        return first @ second.T

    def _look_ahead(self, displacement: Tensor, validation: Callable[[], Objectives]) -> dict[str, Tensor]:
        with displaced(self._shared, displacement):
            with kept_buffers(self._learner):  # a look ahead, at examples that are not trained on
                objectives = validation()
            found = self.whole(objectives)
            return dict(zip(found.names, self._gradients(found).rows(), strict=True))


def _aside(function: Callable[P, R]) -> Callable[P, R]:
    """Put the random state back after each call: what a balancer draws must not depend on dropout before it.

    Else a step in parts would be balanced by other draws than a whole one, and each process by its own.
    """

    def quiet(*args: P.args, **kwargs: P.kwargs) -> R:
        with own_random_state():
            return function(*args, **kwargs)

    return quiet


def _add_gradients(
    graph: StepGraph, update: Weights | Direction, places: Tensor | None = None, *, n_parts: int = 1
) -> None:
    """Add what a part of the step brings to the ``grad`` of the parameters: the second phase.

    Args:
        graph: The part's.
        update: What the balancer has decided.
        places: Where the part's objectives stand in the step; None where they are all of it.
        n_parts: Parts of the step.
    """
    graph.backward_penalty(n_parts)
    if isinstance(update, Direction):
        graph.backward_private()
    else:
        graph.backward(update.values if places is None else update.values[places])


def _reordered(rows: Tensor, names: Sequence[str], wanted: Sequence[str]) -> Tensor:
    place = {name: position for position, name in enumerate(names)}
    zero = rows.new_zeros(rows.shape[1])
    return torch.stack([rows[place[name]] if name in place else zero for name in wanted])


def _train_balancer(update: Weights, losses: Tensor) -> None:
    given = [update.values] if update.regularizer is None else [update.values, update.regularizer]
    if any(tensor.requires_grad for tensor in given):
        criterion = (update.values * losses).sum()
        (criterion if update.regularizer is None else criterion + update.regularizer).backward()
