"""The gradients of a whole step, in whatever parts and on however many processes it comes."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import reduce

import torch
from torch import Tensor, nn

from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.parts import Joined, Parts
from polytask.balancing.step.processes import Processes

__all__ = ["StepGradients"]


class StepGradients:
    """What an engine makes a Gramian of.

    Args:
        parts: The objectives of the step.
        shared: The shared parameters that are trained.
        private: The private ones that are trained.
        trusted: Whether the places where tasks leave the shared part may be relied on.
    """

    def __init__(
        self,
        parts: Parts,
        shared: Sequence[nn.Parameter],
        private: Sequence[nn.Parameter] = (),
        *,
        trusted: bool = True,
    ) -> None:
        self.parts, self.shared = parts, list(shared)
        self._private, self._trusted = list(private), trusted
        self._graph: tuple[StepGraph, Joined] | None = None
        self._rows: Tensor | None = None

    @property
    def n_objectives(self) -> int:
        """How many objectives the whole step has."""
        return len(self.parts.names)

    @property
    def processes(self) -> Processes:
        """The processes that share the step."""
        return self.parts.processes

    @property
    def held(self) -> bool:
        """Whether the graph is at hand, so that it costs no forward pass to look at it again."""
        return self.parts.held

    @property
    def only_graph(self) -> StepGraph | None:
        """The graph where all of the step is here in one; None where there are more parts or processes."""
        return next(self.graphs())[0] if self.held and self.processes.single else None

    def graphs(self, *, last: bool = False) -> Iterator[tuple[StepGraph, Joined]]:
        """Yield the graph of each part on this process, and what its objectives are to the whole step.

        A part that is not at hand is run for it, and its graph is gone when the next one comes.

        Args:
            last: Whether this is the last look at the step.
        """
        if self._graph is not None:
            yield self._graph
            return
        for objectives, joined in self.parts.run(last=last):
            given = objectives if self._trusted else replace(objectives, taps=())
            # Parts that will be run again leave their private gradients for then.
            private = self._private if last or self.held else []
            found = StepGraph(given, self.shared, private, scale=joined.scale), joined
            if self.held:
                self._graph = found
            yield found

    def rows(self, parameters: Sequence[Tensor] | None = None) -> Tensor:
        """Return the gradients of the whole step over all processes, ``[objective, parameter]``.

        Those with respect to all shared parameters are kept for whoever asks again.

        Args:
            parameters: The shared parameters wanted; all of them where None.
        """
        if parameters is None and self._rows is not None:
            return self._rows
        own = (joined.spread(graph.jacobian(parameters)) for graph, joined in self.graphs())
        rows = self.sum(reduce(torch.add, own))
        if parameters is None:
            self._rows = rows
        return rows

    def gradient(self, weights: Tensor) -> list[Tensor]:
        """Return this process's gradient of the weighted sum for every shared parameter, without taps.

        Args:
            weights: ``[objective]``.
        """
        each = (graph.gradient(weights[joined.places]) for graph, joined in self.graphs())
        return reduce(lambda total, piece: [a + b for a, b in zip(total, piece, strict=True)], each)

    def sum(self, tensor: Tensor) -> Tensor:
        """Return the sum over the processes; every process must call, with the same shape."""
        return self.processes.sum(tensor)

    def distrust(self) -> None:
        """Take every gradient from the objectives themselves from now on."""
        self._trusted = False
        if self._graph is not None:
            self._graph[0].distrust_taps()
        self.forget()

    def forget(self) -> None:
        """Let go of the rows that were kept."""
        self._rows = None
