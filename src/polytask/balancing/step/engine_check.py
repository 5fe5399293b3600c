"""Whether an engine's Gramian is that of the gradients, tried on the first step of a run."""

import logging

import torch
from torch import Tensor

from polytask.balancing.engines.linear_use import consumers_of
from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.processes import Processes

__all__ = ["agrees"]

_LOG = logging.getLogger(__name__)


def agrees(products: Tensor, step: StepGradients, *, name: str) -> bool:
    """Tell whether a Gramian is that of the gradients, up to rounding, and log how far it is from it.

    Args:
        products: The Gramian of the whole step, ``[objective, objective]``.
        step: The step, whose graph is kept.
        name: The engine that the Gramian is from.
    """
    error = _disagreement(products, step)
    if error <= max(_tolerance(graph.values) for graph, _ in step.graphs()):
        _LOG.info("The Gramian of engine %s agrees with the gradients to %.0e", name, error)
        return True
    _LOG.warning("The Gramian of engine %s differs from that of the gradients by %.1g of it", name, error)
    return False


@torch.no_grad()
def _disagreement(products: Tensor, step: StepGradients) -> float:
    r"""Return how far a Gramian is from that of the gradients, relative to it.

    For weights :math:`w` of the objectives, :math:`w^\top G w = \|\nabla \sum_t w_t L_t\|^2`. The right side
    is one ordinary backward pass, which knows nothing of taps and engines. Two choices of :math:`w` are
    tried, in which each objective counts about the same.
    """
    found = products.detach().double()
    lengths = found.diagonal().clamp(min=0).sqrt()
    floor = float(lengths.max()) * 1e-6 or 1.0
    order = torch.arange(len(found), dtype=torch.float64, device=found.device)
    worst = 0.0
    for signs in (torch.ones_like(order), 1 - 2 * (order % 2)):
        # Irrational steps: no two objectives count the same, so that their errors do not cancel.
        weights = signs * (0.5 + (order * 0.6180339887) % 1) / lengths.clamp(min=floor)
        claimed = float(weights @ found @ weights)
        with torch.enable_grad():
            gradients = step.gradient(weights)
        true = _squared_length(gradients, step.processes)
        scale = max(claimed, true, float((weights * lengths).square().sum()))
        worst = max(worst, abs(claimed - true) / scale if scale else 0.0)
    return worst


def _tolerance(values: Tensor) -> float:
    """Return the disagreement that rounding may make, by the coarsest numbers in the objectives' graph."""
    coarsest = torch.finfo(torch.float64).eps
    for node in consumers_of([values]):
        for metadata in getattr(node, "_input_metadata", ()):
            if metadata is not None and metadata.dtype.is_floating_point:
                coarsest = max(coarsest, torch.finfo(metadata.dtype).eps)
    if coarsest > 1e-4:  # bfloat16 and its kin, as under autocast
        return 0.2
    if values.device.type != "cpu":  # may multiply with fewer bits than it stores
        return 1e-2
    return 1e-3 if coarsest > 1e-10 else 1e-6


def _squared_length(gradients: list[Tensor], processes: Processes) -> float:
    if processes.single:
        return sum(float(gradient.double().square().sum()) for gradient in gradients)
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients]) if gradients else torch.zeros(0)
    return float(processes.sum(flat).double().square().sum())
