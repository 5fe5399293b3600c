"""The exact Gramian layer by layer, without the Jacobian of wide layers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.balancing.engines.engine import Engine, spread
from polytask.balancing.engines.loop import FullJacobian
from polytask.balancing.engines.pooled_convolution import Arriving, pooled_convolutions
from polytask.balancing.graph import StepGraph
from polytask.balancing.processes import Processes
from polytask.core import shared_parameters

__all__ = ["Layerwise"]


_ROOM = 0.75  # what a pooled convolution may keep, as part of the full Jacobian


@dataclass(slots=True)
class _Seen:
    """One call of a linear layer in the forward pass."""

    layer: nn.Linear
    inputs: Tensor
    output: Tensor
    version: int


class Layerwise(Engine):
    r"""Compute the exact Gramian with gradients of wide linear layers in a compressed form.

    The gradient of a linear layer with inputs :math:`A` (one row an example) is :math:`D_t^\top A`. With
    :math:`A A^\top = R R^\top`,

    .. math:: \langle D_t^\top A, D_s^\top A \rangle = \langle D_t^\top R, D_s^\top R \rangle

    and :math:`R` has as many columns as there are examples. Where these are fewer than the layer's inputs,
    its gradients are never formed. Those of a convolution that is pooled afterwards are taken at the pooling,
    several objectives at once; see `PooledConvolution`. All other parameters are treated as by
    `FullJacobian`.

    Memory: that of `FullJacobian`, with min(inputs, examples) columns a linear layer; a convolution that is
    pooled keeps, beside that, up to three quarters of the full Jacobian's size, or one and a half of its
    maps. Across processes the compression does not hold, and the Jacobian is summed as by `FullJacobian`.

    Args:
        learner: The learner; hooks on its shared linear layers note what passes through.

    References:
        The identity on inner products of layer gradients: Ian Goodfellow, "Efficient Per-Example Gradient
        Computations", 2015, arXiv:1510.01799.
    """

    def __init__(self, learner: nn.Module) -> None:
        self._loop = FullJacobian()
        self._seen: list[_Seen] = []
        self._hooks: list[torch.utils.hooks.RemovableHandle] = []
        shared = {id(parameter) for parameter in shared_parameters(learner)}
        uses: dict[int, int] = {}
        for module in learner.modules():
            for parameter in module.parameters(recurse=False):
                uses[id(parameter)] = uses.get(id(parameter), 0) + 1
        for module in learner.modules():
            own = list(module.parameters(recurse=False))
            # A tied weight has gradients from several layers, whose products cross: leave it to the loop.
            if type(module) is nn.Linear and all(id(p) in shared and uses[id(p)] == 1 for p in own):
                self._hooks.append(module.register_forward_hook(self._note))

    def _note(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        if torch.is_grad_enabled() and output.requires_grad and isinstance(layer, nn.Linear):
            self._seen.append(_Seen(layer, inputs[0].detach(), output, output._version))

    def forget(self) -> None:
        """Let go of what was noted; called after every step."""
        self._seen.clear()

    def remove(self) -> None:
        """Take the hooks off the learner."""
        self.forget()
        for hook in self._hooks:
            hook.remove()

    def gramian(self, graph: StepGraph, places: Tensor, n_objectives: int, processes: Processes) -> Tensor:
        """See `Engine.gramian`."""
        if not processes.alone:
            return self._loop.gramian(graph, places, n_objectives, processes)
        compressed = self._compressible()
        pooled = pooled_convolutions(graph.roots, graph.shared, len(graph.values))
        covered = {id(p) for seen in compressed for p in seen.layer.parameters()}
        covered |= {id(p) for convolution in pooled for p in convolution.parameters}
        rest = [p for p in graph.shared if id(p) not in covered]
        factors = [_factor(seen) for seen in compressed]
        n_columns = sum(seen.layer.out_features * len(factor) for seen, factor in zip(compressed, factors))
        n_columns += sum(parameter.numel() for parameter in rest)
        dtype = factors[0].dtype if factors else next((p.dtype for p in graph.shared), torch.float32)
        rows = torch.zeros(len(graph.values), n_columns, dtype=dtype, device=graph.values.device)
        room = int(_ROOM * len(rows) * sum(p.numel() * p.element_size() for p in graph.shared))
        arriving = [Arriving(convolution, len(rows), room) for convolution in pooled]
        wanted = [*(seen.output for seen in compressed), *rest]
        found = graph.rows(wanted, [convolution.edge for convolution in pooled])
        for row in rows:
            # Nothing but the call holds what was found: it is gone before the next backward pass.
            _take(*next(found), factors, row, arriving)
        products = rows @ rows.T
        for each in arriving:
            products += each.gramian().to(products)
        return spread(spread(products, places, n_objectives).T, places, n_objectives)

    def _compressible(self) -> Sequence[_Seen]:
        calls: dict[int, int] = {}
        for seen in self._seen:
            calls[id(seen.layer)] = calls.get(id(seen.layer), 0) + 1
        return [
            seen
            for seen in self._seen
            if calls[id(seen.layer)] == 1
            # Changed in place, by ReLU(inplace=True) say, it is no longer what the layer gave.
            and seen.output._version == seen.version
            and seen.inputs.numel() // seen.layer.in_features < seen.layer.in_features
        ]


def _factor(seen: _Seen) -> Tensor:
    """Return R ``[example, example]`` with R Rᵀ = A Aᵀ; a bias is an input that is always 1."""
    dtype = seen.layer.weight.dtype
    inputs = seen.inputs.reshape(-1, seen.layer.in_features).to(dtype)
    products = inputs @ inputs.T
    if seen.layer.bias is not None and seen.layer.bias.requires_grad:
        products = products + 1
    # In double precision: the root would double the relative error of small eigenvalues.
    values, vectors = torch.linalg.eigh(products.double())
    return (vectors * values.clamp(min=0).sqrt()).to(dtype)


def _take(
    gradients: Sequence[Tensor],
    at_pooling: Sequence[Tensor | None],
    factors: Sequence[Tensor],
    row: Tensor,
    arriving: Sequence[Arriving],
) -> None:
    """Put one objective's gradients where they belong."""
    pieces = [_compress(d, r) for d, r in zip(gradients, factors)]
    pieces += [gradient.reshape(-1) for gradient in gradients[len(factors) :]]
    if pieces:
        torch.cat(pieces, out=row)
    for each, gradient in zip(arriving, at_pooling):
        each.add(gradient)


def _compress(gradient: Tensor, factor: Tensor) -> Tensor:
    """Return D_tᵀ R, flattened."""
    return (gradient.reshape(len(factor), -1).to(factor.dtype).T @ factor).reshape(-1)
