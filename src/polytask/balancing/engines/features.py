"""The Gramian at the shared representation."""

from torch import Tensor

from polytask.balancing.engines.engine import Engine, spread
from polytask.balancing.graph import StepGraph
from polytask.balancing.processes import Processes
from polytask.core import InputError

__all__ = ["Features"]


class Features(Engine):
    """Take gradients at the representation that the tasks share, in place of those at the parameters.

    All of them come from one backward pass through the heads, so a step costs hardly more than the plain sum.
    Conflicts seen at the representation need not be conflicts at the parameters: for most methods this is a
    heuristic. MGDA has an upper bound there, Aligned-MTL and IMTL-G are published in this form.

    Memory: objectives × the representation. Different processes hold different examples, hence different
    entries of the representation's gradient, so their Gramians add up: that sum is all that is communicated.

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
        if not graph.tapped and len(graph.values):  # a part of a step may lack every label
            raise InputError(
                "The engine 'features' needs one representation that all tasks share "
                "(`Representation.taps`), but this learner has none. Use `engine='auto'`."
            )
        products = graph.values.new_zeros(n_objectives, n_objectives)
        for seed in graph.seeds() if graph.tapped else []:
            rows = spread(seed.flatten(1), places, n_objectives).to(graph.values.dtype)
            products = products + rows @ rows.T
        return processes.sum(products)
