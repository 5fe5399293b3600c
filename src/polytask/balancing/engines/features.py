"""The Gramian at the shared representation."""

import torch
from torch import Tensor

from polytask.balancing.engines.engine import Engine, PartsOfStep, spread
from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.processes import Processes
from polytask.core import InputError

__all__ = ["Features"]


class Features(Engine):
    """Take gradients at the representation that the tasks share, in place of those at the parameters.

    All of them come from one backward pass through the heads, so a step costs hardly more than the plain sum.
    Conflicts seen at the representation need not be conflicts at the parameters: for most methods this is a
    heuristic. MGDA has an upper bound there, Aligned-MTL and IMTL-G are published in this form. Shared
    parameters that act behind the representation, such as a head that two tasks have, are added with their
    whole gradient, by a backward pass an objective.

    Memory: objectives × the representation. Different processes hold different examples, hence different
    entries of the representation's gradient, so their Gramians add up: that sum is all that is communicated.
    Gradients of parameters behind it are summed before they are multiplied.

    References:
        Ozan Sener, Vladlen Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018,
        arXiv:1810.04650 (MGDA-UB).
    """

    exact = False

    def gramian(self, graph: StepGraph, places: Tensor, n_objectives: int, processes: Processes) -> Tensor:
        """See `Engine.gramian`.

        Raises:
            InputError: The learner has no representation that all tasks share.
        """
        products = processes.sum(_at_representation(graph, places, n_objectives))
        behind = _agreed(set(graph.behind()), processes)
        if behind:
            own = graph.jacobian([graph.shared[index] for index in behind])
            rows = processes.sum(spread(own, places, n_objectives))
            products = products + (rows @ rows.T).to(products)
        return products

    def gramian_of_parts(self, parts: PartsOfStep) -> Tensor:
        """See `Engine.gramian_of_parts`."""
        found, behind, shared = list[Tensor](), set[int](), list[Tensor]()
        for graph, places in parts.graphs():
            found.append(_at_representation(graph, places, parts.n_objectives))
            behind |= set(graph.behind())
            shared = list(graph.shared)
        products = parts.processes.sum(torch.stack(found).sum(0))
        chosen = _agreed(behind, parts.processes)
        if chosen:
            rows = parts.rows([shared[index] for index in chosen])
            products = products + (rows @ rows.T).to(products)
        return products


def _at_representation(graph: StepGraph, places: Tensor, n_objectives: int) -> Tensor:
    if not graph.has_representation and len(graph.values):  # a part of a step may lack every label
        raise InputError(
            "The engine 'features' needs one representation that all tasks share "
            "(`Representation.taps`, made by `tap`), but this learner has none. Use `engine='auto'`."
        )
    products = graph.values.new_zeros(n_objectives, n_objectives)
    for seed in graph.seeds():
        rows = spread(seed.flatten(1), places, n_objectives).to(graph.values.dtype)
        products = products + rows @ rows.T
    return products


def _agreed(behind: set[int], processes: Processes) -> list[int]:
    """Return the same indices on all processes: one without labels sees no graph."""
    return sorted(set[int]().union(*processes.gather(sorted(behind))))
