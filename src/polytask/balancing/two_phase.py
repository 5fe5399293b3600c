"""The two-phase step: first the weights, then one ordinary backward pass."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from polytask.balancing.balancer import Balancer, Direction, Evidence
from polytask.balancing.engines import Engine, Fastest, Features, FullJacobian, Layerwise, Streamed
from polytask.balancing.graph import StepGraph
from polytask.balancing.joined import Joined
from polytask.balancing.processes import Processes
from polytask.balancing.reduced import reduced_gradients
from polytask.core import (
    EpisodicLearner,
    InputError,
    Learner,
    Objectives,
    assign,
    private_parameters,
    shared_parameters,
)

__all__ = ["Balance", "BalancedBackward", "EngineName"]

EngineName: TypeAlias = Literal["auto", "exact", "loop", "streamed", "features"]
"""``auto`` measures the exact engines and keeps the fastest; see `polytask.balancing.engines`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """What a balanced backward pass decided.

    Args:
        weights: The weight of every objective by name; empty for a balancer that works by coordinate.
        gramian: Inner products of the gradients ``[objective, objective]``, in the order of ``losses``;
            None where the balancer did not look at them.
        losses: The value of every objective of the step by name, over all processes.
    """

    weights: dict[str, float]
    losses: dict[str, float]
    gramian: Tensor | None = None

    def norms(self) -> dict[str, float]:
        """Return the gradient norm of every objective by name; empty if the gradients were not looked at."""
        if self.gramian is None:
            return {}
        norms = self.gramian.diagonal().clamp(min=0).sqrt()
        return dict(zip(self.losses, norms.tolist(), strict=True))

    def cosines(self) -> Tensor | None:
        """Return the cosines between the gradients ``[objective, objective]``; 0 where one is zero."""
        if self.gramian is None:
            return None
        norms = self.gramian.diagonal().clamp(min=0).sqrt()
        lengths = torch.outer(norms, norms)
        return torch.where(lengths > 0, self.gramian / lengths, torch.zeros_like(lengths))

    def conflict_share(self) -> float | None:
        """Return the share of pairs of objectives whose gradients point apart; None if not looked at."""
        if self.gramian is None or len(self.gramian) < 2:
            return None
        above = torch.triu_indices(len(self.gramian), len(self.gramian), 1)
        return float((self.gramian[above[0], above[1]] < 0).double().mean())


class BalancedBackward:
    """Puts a balancer's update into the ``grad`` of every parameter.

    Shared parameters get the balanced update, private ones their own task's unscaled gradient, and the
    balancer's own parameters the gradient of its criterion. Gradients add to what is there, as in torch.

    In a `torch.distributed` run every process calls it with its own part of the step, and all get the
    gradients that one process would get on the joined batch. Communicated are the objectives' names, losses
    and label counts, what the engine says, and the gradients once; the learner must not be wrapped in DDP.

    Args:
        learner: The learner; which of its parameters train is read once.
        balancer: The method.
        engine: How the Gramian is computed, if the balancer looks at it.

    Raises:
        InputError: No engine has this name.

    Example:
        >>> from polytask.balancing import EqualWeights
        >>> from polytask.core import Batch, Episode, SharedModel, Task
        >>> from polytask.sharing import HardSharing
        >>> task = Task(name="y", kind="regression")
        >>> trunk, head = torch.nn.Linear(2, 4), torch.nn.Linear(4, 1)
        >>> model = SharedModel([task], HardSharing(trunk), heads={"y": head})
        >>> batch = Batch(inputs=torch.ones(3, 2), targets={"y": torch.ones(3)})
        >>> step = BalancedBackward(model, EqualWeights())
        >>> step(model.objectives([Episode(tasks=(task,), query=batch)])).weights
        {'y': 1.0}
    """

    def __init__(self, learner: Learner, balancer: Balancer, *, engine: EngineName | Engine = "auto") -> None:
        self._balancer = balancer
        self._shared = shared_parameters(learner)
        self._private = [p for own in private_parameters(learner).values() for p in own]
        self.engine = engine if isinstance(engine, Engine) else _engine(engine, learner, balancer)
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
        try:
            with reduced_gradients([*self._shared, *self._private], self.processes):
                return self._both_phases(objectives, halves, validation)
        finally:
            if isinstance(self.engine, Layerwise | Fastest):
                self.engine.forget()

    def losses(self, objectives: Objectives) -> Tensor:
        """Return the values of the objectives of a step over all processes, ``[objective]``."""
        joined = Joined(objectives, self.processes)
        return joined.losses(objectives.values * joined.scale.to(objectives.values))

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
            found.append(self.engine.gramian(graph, joined.places, len(joined), self.processes))
            return found[0]

        evidence = Evidence(
            joined.names,
            joined.losses(graph.values),
            lambda: self._rows(graph, joined),
            gramian=gramian,
            cross=None if halves is None else lambda: self._cross(joined, halves),
            validation=None if validation is None else lambda d: self._validation_gradient(d, validation),
        )
        losses = dict(zip(joined.names, evidence.losses.tolist(), strict=True))
        update = self._balancer(evidence)
        if objectives.penalty is not None and objectives.penalty.requires_grad:
            reached = [*self._shared, *self._private]
            share = objectives.penalty / self.processes.size  # every process adds its own
            torch.autograd.backward(share, inputs=reached, retain_graph=True)
        if isinstance(update, Direction):
            graph.backward_private()
            if self.processes.rank == 0:
                assign(update.values, self._shared)
            return Balance(weights={}, losses=losses)
        _train_balancer(update.values, update.regularizer, evidence.losses)
        weights = update.values.detach()
        graph.backward(weights[joined.places])
        return Balance(
            weights=dict(zip(joined.names, weights.tolist(), strict=True)),
            losses=losses,
            gramian=found[0] if found else None,
        )

    def _graph(self, objectives: Objectives, joined: Joined, *, private: bool = True) -> StepGraph:
        return StepGraph(objectives, joined.scale, self._shared, self._private if private else [])

    def _rows(self, graph: StepGraph, joined: Joined) -> Tensor:
        return self.processes.sum(joined.spread(graph.jacobian()))

    def _cross(self, joined: Joined, halves: Callable[[], tuple[Objectives, Objectives]]) -> Tensor:
        """Return the products of one half's gradients with the other's; zero where a half has no label."""
        first, second = (
            _reordered(self._rows(self._graph(half, part, private=False), part), part.names, joined.names)
            for half in halves()
            for part in [Joined(half, self.processes)]
        )
        return first @ second.T

    def _validation_gradient(self, displacement: Tensor, validation: Callable[[], Objectives]) -> Tensor:
        before = [parameter.data for parameter in self._shared]
        pieces = displacement.split([parameter.numel() for parameter in self._shared])
        try:
            # Other tensors take their place: the step's own graph still needs the old ones, unchanged.
            for parameter, piece in zip(self._shared, pieces):
                parameter.data = parameter.data + piece.view_as(parameter).to(parameter.dtype)
            objectives = validation()
            joined = Joined(objectives, self.processes)
            return self._rows(self._graph(objectives, joined, private=False), joined).sum(0)
        finally:
            for parameter, old in zip(self._shared, before):
                parameter.data = old


def _engine(name: str, learner: Learner, balancer: Balancer) -> Engine:
    if balancer.needs in ("nothing", "losses", "jacobian") and name in ("auto", "exact"):
        return FullJacobian()  # never asked for a Gramian, except by way of the Jacobian
    if name == "auto":
        # An episodic learner runs functional copies of its layers, which hooks cannot follow.
        return FullJacobian() if isinstance(learner, EpisodicLearner) else Fastest(learner)
    engines: dict[str, Callable[[], Engine]] = {
        "exact": lambda: Layerwise(learner),
        "loop": FullJacobian,
        "streamed": Streamed,
        "features": Features,
    }
    if name not in engines:
        raise InputError(f"No engine is called {name!r}; there are auto, {', '.join(engines)}.")
    return engines[name]()


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
