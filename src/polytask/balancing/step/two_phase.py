"""The two-phase step: first the weights, then one ordinary backward pass."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Direction, Weights
from polytask.balancing.engines.by_name import EngineName, engine_by_name
from polytask.balancing.engines.engine import Engine, PartsOfStep
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.evidence import Evidence
from polytask.balancing.step.accumulation import Accumulation
from polytask.balancing.step.aside import aside
from polytask.balancing.step.balance import Balance
from polytask.balancing.step.engine_check import agrees
from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.joined import Joined
from polytask.balancing.step.processes import Processes
from polytask.balancing.step.reduced import reduced_gradients
from polytask.core import (
    InputError,
    Learner,
    Objectives,
    assign,
    kept_buffers,
    private_parameters,
    shared_parameters,
)

__all__ = ["BalancedBackward"]

_LOG = logging.getLogger(__name__)


class BalancedBackward:
    """Puts a balancer's update into the ``grad`` of every parameter.

    Shared parameters get the balanced update, private ones their own task's unscaled gradient, and the
    balancer's own parameters the gradient of its criterion. Gradients add to what is there, as in torch.

    In a `torch.distributed` run every process calls it with its own part of the step, and all get the
    gradients that one process would get on the joined batch. Communicated are the objectives' names, losses
    and label counts, what the engine says, and the gradients once; the learner must not be wrapped in DDP.

    On the first step, an exact Gramian is compared with an ordinary backward pass. Where they differ, a
    warning is logged and every later step is taken from the objectives themselves, one backward pass each; an
    engine that was given as an object stays, with the warning alone.

    Args:
        learner: The learner. A parameter may be frozen or trained again between two steps.
        balancer: The method.
        engine: How the Gramian is computed, if the balancer looks at it.

    Raises:
        InputError: No engine has this name.

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
        self._balancer, self._learner = balancer, learner
        self._parameters = list(learner.parameters())
        self._split()
        self._replaceable = not isinstance(engine, Engine)
        self._checked, self._trusted = False, True
        given = engine if isinstance(engine, Engine) else None
        self.engine = given or engine_by_name(str(engine), learner, needs=balancer.needs)
        """How the Gramian is computed."""
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
        with self._reduced():
            return self._both_phases(objectives, halves, validation)

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
        full Jacobian, so that there is nothing to compare it with. One of your own needs a
        `gramian_of_parts`.

        Args:
            accumulation: The parts.
            halves: Makes two independent halves of the step, each in parts, for balancers that need a
                cross-Gramian.
            validation: As for a whole step.

        Raises:
            InputError: The engine has no `gramian_of_parts`, and the balancer looks at the Gramian.
            TrainingError: A gradient is not finite, or another process is gone.
        """
        with self._reduced():
            return self._both_phases_in_parts(accumulation, halves, validation)

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

    def losses(self, objectives: Objectives) -> Tensor:
        """Return the values of the objectives of a step over all processes, ``[objective]``."""
        joined = Joined(objectives, self.processes)
        return joined.losses(objectives.values * joined.scale.to(objectives.values))

    def _split(self) -> None:
        """Read which parameters are trained, and which of them are shared."""
        self._trained = [parameter.requires_grad for parameter in self._parameters]
        self._shared = shared_parameters(self._learner)
        self._private = [p for own in private_parameters(self._learner).values() for p in own]

    @contextlib.contextmanager
    def _reduced(self) -> Iterator[None]:
        if self._trained != [parameter.requires_grad for parameter in self._parameters]:
            self._split()
        with reduced_gradients([*self._shared, *self._private], self.processes):
            yield

    def _gramian(self, graph: StepGraph, joined: Joined) -> Tensor:
        products = self.engine.gramian(graph, joined.places, len(joined), self.processes)
        if self._checked or not self.engine.exact or not bool(products.isfinite().all()):
            return products
        self._checked, name = True, type(self.engine).__name__
        if agrees(products, graph, joined, self.processes, name=name) or not self._replaceable:
            return products
        _LOG.warning(
            "From now on every gradient is taken from the objectives themselves, one after the other"
        )
        self._distrust()
        graph.distrust_taps()
        return self.engine.gramian(graph, joined.places, len(joined), self.processes)

    def _distrust(self) -> None:
        self._trusted, self.engine = False, FullJacobian()

    def _both_phases(
        self,
        objectives: Objectives,
        halves: Callable[[], tuple[Objectives, Objectives]] | None,
        validation: Callable[[], Objectives] | None,
    ) -> Balance:
        joined = Joined(objectives, self.processes)
        graph = self._graph(objectives, joined)
        found: list[Tensor] = []

        def gramian() -> Tensor:
            found.append(self._gramian(graph, joined))
            return found[0]

        evidence = Evidence(
            joined.names,
            joined.losses(graph.values),
            lambda: self._rows(graph, joined),
            gramian=gramian,
            cross=None if halves is None else aside(lambda: self._cross(joined, halves)),
            validation=None if validation is None else aside(lambda d: self._look_ahead(d, validation)),
        )
        update = self._balancer(evidence)
        self._second_phase(objectives, graph, joined, update, n_parts=self.processes.size)
        return self._decided(update, evidence, found)

    def _both_phases_in_parts(
        self,
        accumulation: Accumulation,
        halves: Callable[[], tuple[Accumulation, Accumulation]] | None,
        validation: Callable[[], Objectives] | None,
    ) -> Balance:
        found: list[Tensor] = []

        def graphs(whole: Accumulation = accumulation) -> Iterator[tuple[StepGraph, Joined]]:
            for objectives, joined in whole.parts(last=False):
                yield self._graph(objectives, joined, private=False), joined

        def rows(parameters: Sequence[Tensor] | None = None, whole: Accumulation = accumulation) -> Tensor:
            own = _total(joined.spread(graph.jacobian(parameters)) for graph, joined in graphs(whole))
            return self.processes.sum(own)

        def cross(make: Callable[[], tuple[Accumulation, Accumulation]]) -> Tensor:
            first, second = (_reordered(rows(whole=h), h.names, accumulation.names) for h in make())
            return first @ second.T

        parts = PartsOfStep(
            graphs=lambda: ((graph, joined.places) for graph, joined in graphs()),
            rows=lambda parameters: evidence.jacobian() if parameters is None else rows(parameters),
            n_objectives=len(accumulation.names),
            processes=self.processes,
        )

        def gramian() -> Tensor:
            found.append(self.engine.gramian_of_parts(parts))
            return found[0]

        evidence = Evidence(
            accumulation.names,
            self.processes.sum(accumulation.losses()),
            aside(rows),
            gramian=aside(gramian),
            cross=None if halves is None else aside(lambda: cross(halves)),
            validation=None if validation is None else aside(lambda d: self._look_ahead(d, validation)),
        )
        update = self._balancer(evidence)
        n_parts = self.processes.size * len(accumulation)
        for objectives, joined in accumulation.parts(last=True):
            self._second_phase(objectives, self._graph(objectives, joined), joined, update, n_parts=n_parts)
        return self._decided(update, evidence, found)

    def _second_phase(
        self,
        objectives: Objectives,
        graph: StepGraph,
        joined: Joined,
        update: Weights | Direction,
        *,
        n_parts: int,
    ) -> None:
        """Add what one part of the step brings to the ``grad`` of the parameters."""
        if objectives.penalty is not None and objectives.penalty.requires_grad:
            reached = [*self._shared, *self._private]
            # Every part adds its own.
            torch.autograd.backward(objectives.penalty / n_parts, inputs=reached, retain_graph=True)
        if isinstance(update, Direction):
            graph.backward_private()
        else:
            graph.backward(update.values.detach()[joined.places])

    def _decided(self, update: Weights | Direction, evidence: Evidence, found: list[Tensor]) -> Balance:
        """Give the balancer's parameters their gradient, and a direction to the shared ones."""
        losses = dict(zip(evidence.names, evidence.losses.tolist(), strict=True))
        if isinstance(update, Direction):
            if self.processes.rank == 0:
                assign(update.values, self._shared)
            return Balance(weights={}, losses=losses)
        _train_balancer(update.values, update.regularizer, evidence.losses)
        return Balance(
            weights=dict(zip(evidence.names, update.values.tolist(), strict=True)),
            losses=losses,
            gramian=found[0] if found else None,
        )

    def _graph(self, objectives: Objectives, joined: Joined, *, private: bool = True) -> StepGraph:
        given = objectives if self._trusted else replace(objectives, taps=())
        return StepGraph(given, joined.scale, self._shared, self._private if private else [])

    def _rows(self, graph: StepGraph, joined: Joined) -> Tensor:
        return self.processes.sum(joined.spread(graph.jacobian()))

    def _cross(self, joined: Joined, halves: Callable[[], tuple[Objectives, Objectives]]) -> Tensor:
        """Return the products of one half's gradients with the other's; zero where a half has no label."""
        with kept_buffers(self._learner):  # the whole step has moved them
            both = halves()
        first, second = (
            _reordered(self._rows(self._graph(half, part, private=False), part), part.names, joined.names)
            for half in both
            for part in [Joined(half, self.processes)]
        )
        return first @ second.T

    def _look_ahead(self, displacement: Tensor, validation: Callable[[], Objectives]) -> dict[str, Tensor]:
        before = [parameter.data for parameter in self._shared]
        pieces = displacement.split([parameter.numel() for parameter in self._shared])
        try:
            # Other tensors take their place: the step's own graph still needs the old ones, unchanged.
            for parameter, piece in zip(self._shared, pieces):
                parameter.data = parameter.data + piece.view_as(parameter).to(parameter.dtype)
            with kept_buffers(self._learner):  # a look ahead, at examples that are not trained on
                objectives = validation()
            joined = Joined(objectives, self.processes)
            rows = self._rows(self._graph(objectives, joined, private=False), joined)
            return dict(zip(joined.names, rows, strict=True))
        finally:
            for parameter, old in zip(self._shared, before):
                parameter.data = old


def _total(tensors: Iterable[Tensor]) -> Tensor:
    return reduce(torch.add, tensors)


def _reordered(rows: Tensor, names: Sequence[str], wanted: Sequence[str]) -> Tensor:
    place = {name: position for position, name in enumerate(names)}
    zero = rows.new_zeros(rows.shape[1])
    return torch.stack([rows[place[name]] if name in place else zero for name in wanted])


def _train_balancer(weights: Tensor, regularizer: Tensor | None, losses: Tensor) -> None:
    criterion = (weights * losses).sum()
    if regularizer is not None:
        criterion = criterion + regularizer
    if criterion.requires_grad:
        criterion.backward()
