"""The graph of a step: gradients of single objectives, and of their weighted sum.

How it works. Every gradient that balancing needs starts at the objectives ``values`` and ends at the shared
parameters. The naive way is one whole backward pass an objective. Where the tasks leave the shared part at
known places, the *taps*, half of that is saved, since a task's head is reached by its own objective alone:

1. `leaving` follows the graph from each objective down and tells whether every path to a shared parameter
   leads through the objective's own tap (`tapped`).
2. If so, one backward pass of the plain sum, stopped at the taps, gives all *seeds*: at each tap the gradient
   of its own objective, unmixed. The same pass fills in the private parameters' gradients, unscaled.
3. From then on the shared part alone is run backward: from one seed for the gradient of one objective
   (`rows`, `jacobian`), from a weighted sum of seeds for the update (`backward`). Heads are never run again.
4. If not, passes start at the objectives (`roots`), and the private gradients need one of their own.

Weights that are all 1 need none of this: one ordinary backward pass serves shared and private parameters.
Graphs are kept (``retain_graph``) until `backward`, which frees them. `gradient` never uses taps: it is what
the first Gramian of a run is compared with.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from polytask.balancing.step.leaving import Leaving, leaving
from polytask.balancing.step.seeds import LinearExit, LinearSeeds, Seeds, StackedSeeds, linear_exits
from polytask.core import Objectives, TrainingError

__all__ = ["StepGraph"]

P = ParamSpec("P")
R = TypeVar("R")


_CURES = {
    "donated buffer": (
        "A compiled trunk gives its buffers away in the first backward pass, but this engine needs several. "
        "Use `engine='features'`, or set `torch._functorch.config.donated_buffer = False` before the first "
        "call."
    ),
    "use_reentrant": (
        "A part of the learner is recomputed by `torch.utils.checkpoint` in its reentrant form, which cannot "
        "tell the gradients of single objectives apart. Call it with `use_reentrant=False`."
    ),
}


def _explained(function: Callable[P, R]) -> Callable[P, R]:
    """Say what to do where a part of the learner cannot be run backward more than once, or for one tensor.

    Torch has no types for these errors, so their words must do; a test with each of them notices new words.
    """

    @wraps(function)
    def explained(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            cure = next((cure for words, cure in _CURES.items() if words in str(error)), None)
            if cure is None:
                raise
            raise TrainingError(cure) from error

    return explained


class StepGraph:
    """What can be differentiated in a step: the objectives, cut at their taps where they have some.

    With taps that all shared parameters lie before, the private parts are run backward once, for all
    objectives together, and the shared part starts from what arrives at the taps. Without, each gradient is a
    backward pass from its objective.

    Args:
        objectives: The objectives of a step, or of a part of it.
        shared: Shared parameters.
        private: Private parameters.
        scale: What each is multiplied with, ``[objective]``: a part's share in the whole; None for all of it.
    """

    def __init__(
        self,
        objectives: Objectives,
        shared: Sequence[nn.Parameter],
        private: Sequence[nn.Parameter],
        *,
        scale: Tensor | None = None,
    ) -> None:
        values = objectives.values
        self.values = values if scale is None else values * scale.to(values)
        self.shared, self.private = list(shared), list(private)
        self._objectives = objectives
        self._names = objectives.names
        self._seeds: Sequence[Seeds] | None = None
        self._private_done = False

    @cached_property
    def _leaving(self) -> Leaving:
        return leaving(self._objectives, self.shared)

    @property
    def tapped(self) -> bool:
        """Whether everything that is shared can be reached from the taps."""
        return self._leaving.complete

    @property
    def has_representation(self) -> bool:
        """Whether the tasks leave the shared part at a common place, be it trained or not."""
        return self._leaving.known

    def behind(self) -> list[int]:
        """Return the indices of the shared parameters that act behind that place too."""
        behind = {id(parameter) for parameter in self._leaving.behind}
        return [index for index, parameter in enumerate(self.shared) if id(parameter) in behind]

    def distrust_taps(self) -> None:
        """Take every gradient from the objectives themselves from now on."""
        self._leaving = Leaving()

    @property
    def roots(self) -> list[Tensor]:
        """Return the tensors from which backward passes of the shared part start."""
        return [next(iter(taps.values())) for taps in self._leaving.taps] if self.tapped else [self.values]

    @_explained
    def seeds(self) -> Sequence[Seeds]:
        """Return the gradients at the taps, for each encoding that is trained.

        The same backward pass adds the private parameters' gradients to their ``grad``.
        """
        if self._seeds is None:
            exits = [linear_exits(taps, self._leaving.users, self._names) for taps in self._leaving.taps]
            where = [self._ends(taps, own) for taps, own in zip(self._leaving.taps, exits)]
            wanted: list[Any] = [end for ends in where for end in ends if end is not None]
            private = [] if self._private_done else self.private
            found: Sequence[Tensor | None] = [None] * len(wanted)
            if self.values.requires_grad and (wanted or private):
                # The shared part stays as it is: a backward pass to given tensors stops there.
                found = torch.autograd.grad(
                    self.values.sum(), [*wanted, *private], allow_unused=True, retain_graph=True
                )
                _add(private, found[len(wanted) :])
            self._private_done = True
            left = iter(found)
            arrived = [[None if end is None else next(left) for end in ends] for ends in where]
            self._seeds = [_joined(*each) for each in zip(self._leaving.taps, exits, arrived)]
        return self._seeds

    def _ends(
        self, taps: Mapping[str, Tensor], exits: Sequence[LinearExit | None] | None
    ) -> list[GradientEdge | None]:
        """Return where the gradient of each objective is taken; None for one that does not come by."""
        if exits is None:
            own = [taps.get(name) for name in self._names]
            return [None if tap is None else get_gradient_edge(tap) for tap in own]
        return [None if each is None else each.edge for each in exits]

    def rows(
        self, tensors: Sequence[Tensor], edges: Sequence[GradientEdge] = ()
    ) -> Iterator[tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]]]:
        """Yield each objective's gradients with respect to the shared part; keeps the graph.

        Args:
            tensors: Where they are wanted; 0 where an objective does not depend on one.
            edges: Where they are wanted too; None where an objective does not depend on one.
        """
        for position in range(len(self._names)):
            yield self._row(position, tensors, edges) if tensors or edges else ((), ())

    @_explained
    def _row(
        self, position: int, tensors: Sequence[Tensor], edges: Sequence[GradientEdge]
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor | None, ...]]:
        outputs = self.roots if self.tapped else [self.values[position]]
        if not outputs[0].requires_grad:  # nothing that is trained has a part in it
            return tuple(torch.zeros_like(tensor) for tensor in tensors), (None,) * len(edges)
        starts = [seed.row(position) for seed in self.seeds()] if self.tapped else None
        wanted = [*(get_gradient_edge(tensor) for tensor in tensors), *edges]
        found = torch.autograd.grad(outputs, wanted, starts, retain_graph=True, allow_unused=True)
        at_tensors = tuple(torch.zeros_like(t) if g is None else g for t, g in zip(tensors, found))
        return at_tensors, found[len(tensors) :]

    def jacobian(self, parameters: Sequence[Tensor] | None = None) -> Tensor:
        """Return the gradients with respect to some or all shared parameters, ``[objective, parameter]``."""
        chosen = self.shared if parameters is None else list(parameters)
        n_columns = sum(each.numel() for each in chosen)
        rows = torch.zeros(len(self._names), n_columns, dtype=_dtype(chosen), device=self.values.device)
        if chosen:
            for row, (gradients, _) in zip(rows, self.rows(chosen)):
                torch.cat([gradient.reshape(-1) for gradient in gradients], out=row)
        return rows

    @_explained
    def backward_private(self, *, keep: bool = True) -> None:
        """Add every private parameter's own, unscaled gradient to its ``grad``; only the first call acts."""
        if self._private_done:
            return
        if self.tapped:
            self.seeds()
        else:
            self._private_done = True
            self._backward(torch.ones_like(self.values), self.private, keep=keep)

    @_explained
    def gradient(self, weights: Tensor) -> list[Tensor]:
        """Return the gradient of the weighted sum for every shared parameter, without taps; keeps the graph.

        Args:
            weights: ``[objective]``.
        """
        total = (weights.to(self.values) * self.values).sum()
        if not (self.shared and total.requires_grad):
            return [torch.zeros_like(parameter) for parameter in self.shared]
        found = torch.autograd.grad(
            total, self.shared, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return list(found)

    @_explained
    def backward_penalty(self, n_parts: int) -> None:
        """Add the gradient of this part's share of the penalty to every parameter's ``grad``.

        Args:
            n_parts: Parts of the step; each brings the whole penalty.
        """
        penalty = self._objectives.penalty
        if penalty is not None and penalty.requires_grad:
            reached = [*self.shared, *self.private]
            torch.autograd.backward(penalty / n_parts, inputs=reached, retain_graph=True)

    @_explained
    def backward(self, weights: Tensor) -> None:
        """Add the gradient of the weighted sum to the shared parameters' ``grad``; frees the graph.

        Args:
            weights: ``[objective]``.
        """
        weights = weights.detach().to(self.values)
        if not self._private_done and all(weight == 1 for weight in weights.tolist()):
            self._private_done = True
            self._backward(weights, [*self.shared, *self.private], keep=False)
            return
        if not self.tapped:
            self.backward_private()
            self._backward(weights, self.shared, keep=False)
            return
        starts = [seed.combined(weights) for seed in self.seeds()]
        if self.shared:
            torch.autograd.backward(self.roots, starts, inputs=self.shared)

    def _backward(self, weights: Tensor, parameters: list[nn.Parameter], *, keep: bool) -> None:
        """Add the gradient of the weighted sum; a parameter outside its graph keeps ``grad`` None."""
        if parameters and self.values.requires_grad:
            torch.autograd.backward(self.values, weights, inputs=parameters, retain_graph=keep)


def _add(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def _joined(
    taps: Mapping[str, Tensor], exits: Sequence[LinearExit | None] | None, arrived: Sequence[Tensor | None]
) -> Seeds:
    """Put together what arrived of each objective at a representation, or at the products that leave it."""
    there = [index for index, each in enumerate(arrived) if each is not None]
    if exits is None or not there:
        zero = torch.zeros_like(next(iter(taps.values())))
        return StackedSeeds(rows=torch.stack([zero if each is None else each for each in arrived]))
    matrices = [each.matrix for index in there if (each := exits[index]) is not None]
    return LinearSeeds([each for each in arrived if each is not None], matrices, there, len(exits))


def _dtype(tensors: Sequence[Tensor]) -> torch.dtype | None:
    return tensors[0].dtype if tensors else None
