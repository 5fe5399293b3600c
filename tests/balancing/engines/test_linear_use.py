"""What it costs to take a layer's gradients in a compressed form is counted, not measured."""

import pytest
import torch
from torch import nn

from polytask.balancing.engines import Layerwise
from polytask.balancing.engines.linear_use import consumers_of, linear_uses
from polytask.balancing.step.graph import StepGraph
from polytask.core import Objectives


def test_what_a_factor_saves_is_counted_and_not_measured():
    layer = nn.Linear(20, 30)
    (use,) = linear_uses(consumers_of([layer(torch.ones(6, 20))]), list(layer.parameters()))
    never_formed = 3 * 30 * (20 - 6)  # numbers of three gradients of 30 x 20
    each = 2 * 6 + 2 * 3 + 150  # formed, multiplied, written and read
    factor = 2 * 6**2 * 20 + 45 * 6**3
    assert use.saved(3) == never_formed * each - factor


@pytest.mark.parametrize(
    ("n_rows", "n_objectives", "pays", "with_the_walk"),
    [(4, 20, True, True), (4, 1, True, False), (40, 1, False, False), (60, 20, False, False)],
)
def test_layers_are_compressed_for_many_objectives_and_few_rows(n_rows, n_objectives, pays, with_the_walk):
    layer = nn.Linear(64, 4).double()
    values = layer(torch.ones(n_rows, 64, dtype=torch.float64)).sum(0).repeat(5)[:n_objectives]
    shared = list(layer.parameters())
    names = tuple(map(str, range(n_objectives)))
    graph = StepGraph(Objectives(values=values, names=names), shared, [])
    (use,) = linear_uses(consumers_of([values]), shared)
    assert (use.saved(n_objectives) > 0) == pays
    assert Layerwise(frugal=False).saves(graph) == with_the_walk  # a look at the graph costs, too
