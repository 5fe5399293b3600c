"""The shortest vector in a hull against TorchJD's."""

import torch
from tests.balancing.solvers.gramians import error, gramian_of, gramians, sizes
from torchjd.aggregation import MGDAWeighting

from polytask.balancing.solvers import shortest_in_hull


@gramians
@sizes
def test_no_convex_combination_is_shorter_than_that_of_mgda(kind, n):
    gramian = gramian_of(kind, n)
    weights = shortest_in_hull(gramian)
    torch.testing.assert_close(weights.sum(), torch.tensor(1.0).double())
    assert bool((weights >= 0).all())
    # The optimality condition on the simplex: no vertex lies below the point found.
    found = weights @ gramian @ weights
    assert bool((gramian @ weights >= found - 1e-7 * gramian.diagonal().min().clamp(min=found)).all())


def test_mgda_is_closer_than_the_frank_wolfe_method_of_torchjd():
    gramian = gramian_of("independent", 11)
    theirs = MGDAWeighting(epsilon=1e-9, max_iters=100_000)(gramian)
    ours = shortest_in_hull(gramian)
    assert error(ours, theirs) < 1e-2
    assert float(ours @ gramian @ ours) <= float(theirs @ gramian @ theirs) + 1e-12
