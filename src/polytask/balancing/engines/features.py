"""The Gramian at the shared representation."""

import torch
from torch import Tensor

from polytask.balancing.engines.engine import Engine
from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.graph import StepGraph
from polytask.balancing.step.parts import Joined
from polytask.core import InputError

__all__ = ["Features"]


class Features(Engine):
    """Take gradients at the representation that the tasks share, in place of those at the parameters.

    All of them come from one backward pass through the heads, so a step costs hardly more than the plain sum.
    Conflicts seen at the representation need not be conflicts at the parameters: for most methods this is a
    heuristic. MGDA has an upper bound there, Aligned-MTL and IMTL-G are published in this form. Shared
    parameters that act behind the representation, such as a head that two tasks have, are added with their
    whole gradient, by a backward pass an objective.

    Memory: objectives × the representation; far less where every task leaves it by a linear layer of its own,
    whose weight and what arrives there say the same. Different processes hold different examples, hence
    different entries of the representation's gradient, so their Gramians add up: that sum is all that is
    communicated. Gradients of parameters behind it are summed before they are multiplied.

    References:
        Ozan Sener, Vladlen Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018,
        arXiv:1810.04650 (MGDA-UB).
    """

    exact = False

    def gramian(self, step: StepGradients) -> Tensor:
        """See `Engine.gramian`.

        Raises:
            InputError: The learner has no representation that all tasks share.
        """
        found, behind = list[Tensor](), set[int]()
        for graph, joined in step.graphs():
            found.append(_at_representation(graph, joined))
            behind |= set(graph.behind())
        products = step.sum(torch.stack(found).sum(0))
        # The same parameters on all processes: one without labels sees no graph.
        chosen = sorted(set[int]().union(*step.processes.gather(sorted(behind))))
        if chosen:
            rows = step.rows([step.shared[index] for index in chosen])
            products = products + (rows @ rows.T).to(products)
        return products


def _at_representation(graph: StepGraph, joined: Joined) -> Tensor:
    if not graph.has_representation and len(graph.values):  # a part of a step may lack every label
        raise InputError(
            "The engine 'features' needs one representation that all tasks share "
            "(`Representation.taps`, made by `tap`), but this learner has none. Use `engine='auto'`."
        )
    products = graph.values.new_zeros(len(joined), len(joined))
    for seed in graph.seeds():
        own = seed.gramian(graph.values.dtype)  # of the objectives of this part
        products = products + joined.spread(joined.spread(own).T)
    return products
