"""The graph of a step: gradients of single objectives, and of their weighted sum."""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from polytask.core import Objectives, TrainingError

__all__ = ["StepGraph"]

P = ParamSpec("P")
R = TypeVar("R")


def _explained(function: Callable[P, R]) -> Callable[P, R]:
    """Say what to do where a compiled trunk cannot run its backward pass more than once."""

    @wraps(function)
    def explained(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except RuntimeError as error:
            if "donated buffer" not in str(error):
                raise
            raise TrainingError(
                "A compiled trunk gives its buffers away in the first backward pass, but this engine needs "
                "several. Use `engine='features'`, or set `torch._functorch.config.donated_buffer = False` "
                "before the first call."
            ) from error

    return explained


class StepGraph:
    """What can be differentiated in a step: the objectives, cut at their taps where they have some.

    With taps, the private parts are run backward once, for all objectives together, and the shared part
    starts from what arrives at the taps. Without, each gradient is a backward pass from its objective.

    Args:
        objectives: The objectives of a step, or of a part of it.
        scale: What each is multiplied with, ``[objective]``; a part's share in the whole.
        shared: Shared parameters.
        private: Private parameters.
    """

    def __init__(
        self,
        objectives: Objectives,
        scale: Tensor,
        shared: Sequence[nn.Parameter],
        private: Sequence[nn.Parameter],
    ) -> None:
        self.values = objectives.values * scale.to(objectives.values)
        self.shared, self.private = list(shared), list(private)
        self._names = objectives.names
        self._taps = [taps for taps in objectives.taps if taps]
        self._seeds: list[Tensor] | None = None
        self._private_done = False

    @property
    def tapped(self) -> bool:
        """Whether all objectives leave the shared part at taps."""
        return bool(self._taps)

    @property
    def roots(self) -> list[Tensor]:
        """Return the tensors from which backward passes of the shared part start."""
        return [next(iter(taps.values())) for taps in self._taps] if self.tapped else [self.values]

    def seeds(self) -> list[Tensor]:
        """Return the gradients at the taps, ``[objective, ...]`` for each encoding.

        The same backward pass adds the private parameters' gradients to their ``grad``.
        """
        if self._seeds is None:
            where = [(name, tap) for taps in self._taps for name, tap in taps.items()]
            wanted = [*(tap for _, tap in where), *self.private]
            # The shared part stays as it is: a backward pass to given tensors stops there.
            found = torch.autograd.grad(self.values.sum(), wanted, allow_unused=True, retain_graph=True)
            _add(self.private, found[len(where) :])
            self._private_done = True
            self._seeds = self._stacked(list(found[: len(where)]))
        return self._seeds

    def _stacked(self, found: list[Tensor | None]) -> list[Tensor]:
        seeds = []
        for taps in self._taps:
            own = dict(zip(taps, found[: len(taps)]))
            found = found[len(taps) :]
            zero = torch.zeros_like(next(iter(taps.values())))
            rows = [own.get(name) for name in self._names]
            seeds.append(torch.stack([zero if row is None else row for row in rows]))
        return seeds

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
        starts = [seed[position] for seed in self.seeds()] if self.tapped else None
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
        self._private_done = True
        if self.tapped:
            self.seeds()
        else:
            _backward(self.values.sum(), self.private, keep=keep)

    @_explained
    def backward(self, weights: Tensor) -> None:
        """Add the gradient of the weighted sum to the shared parameters' ``grad``; frees the graph.

        Args:
            weights: ``[objective]``.
        """
        weights = weights.detach().to(self.values)
        if bool((weights == 1).all()) and not self._private_done:
            self._private_done = True
            _backward(self.values.sum(), [*self.shared, *self.private], keep=False)
            return
        if not self.tapped:
            self.backward_private()
            _backward((weights * self.values).sum(), self.shared, keep=False)
            return
        outputs = self.roots
        starts = [torch.tensordot(weights.to(seed), seed, dims=1) for seed in self.seeds()]
        if self.shared and outputs[0].requires_grad:
            torch.autograd.backward(outputs, starts, inputs=self.shared)


def _backward(total: Tensor, parameters: list[nn.Parameter], *, keep: bool) -> None:
    """Add the gradient of a total; a parameter outside its graph keeps ``grad`` None."""
    if parameters and total.requires_grad:
        torch.autograd.backward(total, inputs=parameters, retain_graph=keep)


def _add(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def _dtype(tensors: Sequence[Tensor]) -> torch.dtype | None:
    return tensors[0].dtype if tensors else None
