"""The exact Gramian layer by layer, without the Jacobian of wide layers.

How it works. The Gramian is a sum over parameters, so each may be treated in its own way, and nothing need be
known of the learner's modules: all is found in the graph of the step.

1. `_plan` walks the graph once (`consumers_of`: who uses what) and sorts the shared parameters. *Compressed*
   are weights that one product ``inputs @ weight.T`` alone uses, with fewer rows than inputs; *pooled* are
   convolutions before a pooling (see `pooled_convolution`); the *rest* is taken in full.
2. One backward pass an objective yields all three: gradients at the parameters of the rest, and, at an
   "edge" in the graph, what arrives at the products and the poolings. Autograd then never forms the weight
   gradients of these.
3. For a product, what arrives, D, is multiplied with a root R of the inputs' own Gramian, ``A Aᵀ = R Rᵀ``,
   computed once: ``DᵀR`` has the inner products of the weight gradients ``DᵀA``, with a column an example.
4. All pieces of an objective are written side by side into one row; ``rows @ rows.T`` plus what the pooled
   convolutions bring is the Gramian.

Whether that saves operations is judged by a fixed model of costs (`saves`, `LinearUse.saved`), never by the
clock, so that a run repeats to the bit.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.balancing.engines.engine import Engine
from polytask.balancing.engines.linear_use import Consumers, LinearUse, consumers_of, linear_uses
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.engines.pooled_convolution import Arriving, PooledConvolution, pooled_convolutions
from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.graph import StepGraph

__all__ = ["Layerwise"]

_LOG = logging.getLogger(__name__)
_ROOM = 0.75  # what a pooled convolution may keep, as part of the full Jacobian
_WALK = 2e4  # operations that following the graph costs, by node


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How the gradients of a step are taken: of which layers in a compressed form, of what in full."""

    compressed: Sequence[LinearUse]
    pooled: Sequence[PooledConvolution]
    rest: Sequence[nn.Parameter]


class Layerwise(Engine):
    r"""Compute the exact Gramian with gradients of wide linear layers in a compressed form.

    The gradient of a linear layer with inputs :math:`A` (one row an example) is :math:`D_t^\top A`. With
    :math:`A A^\top = R R^\top`,

    .. math:: \langle D_t^\top A, D_s^\top A \rangle = \langle D_t^\top R, D_s^\top R \rangle

    and :math:`R` has as many columns as there are examples. Where these are fewer than the layer's inputs,
    its gradients are never formed. Those of a convolution that is pooled afterwards are taken at the pooling,
    several objectives at once; see `PooledConvolution`. All other parameters are treated as by
    `FullJacobian`.

    Layers are found in the graph of each step, not among the learner's modules: only a weight that the graph
    shows to be used once, by a product of inputs with it, is treated so. One that is tied, pruned,
    normalized, parametrized or used by a function of its own is treated as by `FullJacobian`; the log says
    which ones.

    Memory: that of `FullJacobian`, with min(inputs, examples) columns a linear layer; a convolution that is
    pooled keeps, beside that, up to three quarters of the full Jacobian's size, or one and a half of its
    maps. Across processes the compression does not hold, and the Jacobian is summed as by `FullJacobian`.

    Args:
        frugal: Whether a layer is compressed wherever that takes less memory; else only where it takes fewer
            operations.

    References:
        The identity on inner products of layer gradients: Ian Goodfellow, "Efficient Per-Example Gradient
        Computations", 2015, arXiv:1510.01799.
    """

    def __init__(self, *, frugal: bool = True) -> None:
        self._loop = FullJacobian()
        self._frugal = frugal
        self._names: dict[int, str] = {}
        self._said: set[int] = set()

    def open(self, learner: nn.Module) -> None:
        """Learn the names of the parameters, for the log; see `Engine.open`."""
        self._names = {id(parameter): name for name, parameter in learner.named_parameters()}

    def gramian(self, step: StepGradients) -> Tensor:
        """See `Engine.gramian`; of a step in parts, or of several processes, the full Jacobian is held."""
        graph = step.only_graph
        if graph is None:
            return self._loop.gramian(step)
        plan = self._plan(graph, consumers_of(graph.roots))
        factors = [use.factor() for use in plan.compressed]
        n_columns = sum(use.n_outputs * len(factor) for use, factor in zip(plan.compressed, factors))
        n_columns += sum(parameter.numel() for parameter in plan.rest)
        dtype = factors[0].dtype if factors else next((p.dtype for p in graph.shared), torch.float32)
        rows = torch.zeros(len(graph.values), n_columns, dtype=dtype, device=graph.values.device)
        room = int(_ROOM * len(rows) * sum(p.numel() * p.element_size() for p in graph.shared))
        arriving = [Arriving(convolution, len(rows), room) for convolution in plan.pooled]
        edges = [each.edge for each in (*plan.compressed, *plan.pooled)]
        found = graph.rows(plan.rest, edges)
        for row in rows:
            # Nothing but the call holds what was found: it is gone before the next backward pass.
            _take(*next(found), plan.compressed, factors, row, arriving)
        products = rows @ rows.T
        for each in arriving:
            products += each.gramian().to(products)
        return products

    def saves(self, graph: StepGraph) -> bool:
        """Tell whether this engine should be faster than `FullJacobian` here: the same on every machine."""
        consumers = consumers_of(graph.roots)
        plan = self._plan(graph, consumers)
        saved = sum(use.saved(len(graph.values)) for use in plan.compressed)
        return bool(plan.pooled) or saved > _WALK * len(consumers)

    def _plan(self, graph: StepGraph, consumers: Consumers) -> _Plan:
        n_objectives = len(graph.values)
        uses = list(linear_uses(consumers, graph.shared))
        compressed = [use for use in uses if use.narrow and (self._frugal or use.saved(n_objectives) > 0)]
        pooled = pooled_convolutions(consumers, graph.shared, n_objectives)
        covered = {id(p) for each in (*compressed, *pooled) for p in each.parameters}
        self._say_what_is_not_followed(graph.shared, {id(use.parameters[0]) for use in uses})
        return _Plan(
            compressed=compressed, pooled=pooled, rest=[p for p in graph.shared if id(p) not in covered]
        )

    def _say_what_is_not_followed(self, shared: Sequence[nn.Parameter], followed: set[int]) -> None:
        new = [p for p in shared if p.ndim == 2 and id(p) not in followed and id(p) not in self._said]
        if new:
            self._said |= {id(parameter) for parameter in new}
            names = [self._names.get(id(parameter), "a parameter without name") for parameter in new]
            _LOG.info(
                "The layer-wise engine takes the full gradients of %s%s: not the weight of one linear layer "
                "that is called once",
                ", ".join(names[:5]),
                f" and {len(names) - 5} more" if len(names) > 5 else "",
            )


def _take(
    gradients: Sequence[Tensor],
    at_edges: Sequence[Tensor | None],
    compressed: Sequence[LinearUse],
    factors: Sequence[Tensor],
    row: Tensor,
    arriving: Sequence[Arriving],
) -> None:
    """Put one objective's gradients where they belong."""
    pieces = [gradient.reshape(-1) for gradient in gradients]
    pieces += [_compress(d, use, r) for d, use, r in zip(at_edges, compressed, factors)]
    if pieces:
        torch.cat(pieces, out=row)
    for each, gradient in zip(arriving, at_edges[len(factors) :]):
        each.add(gradient)


def _compress(gradient: Tensor | None, use: LinearUse, factor: Tensor) -> Tensor:
    """Return D_tᵀ R, flattened; 0 for an objective that does not come by."""
    if gradient is None:
        return factor.new_zeros(use.n_outputs * len(factor))
    return (gradient.to(factor.dtype).T @ factor).reshape(-1)
