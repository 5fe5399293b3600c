"""ConFIG's weights against TorchJD's."""

from tests.balancing.solvers.gramians import gramians, rows_of, sizes
from torchjd.aggregation import ConFIG

from polytask.balancing.solvers import unit_progress


@gramians
@sizes
def test_config_from_the_gramian_equals_that_from_the_jacobian_of_torchjd(kind, n):
    rows = rows_of(kind, n)
    difference = unit_progress(rows @ rows.T) @ rows - ConFIG()(rows)
    assert float(difference.norm() / rows.norm()) < 1e-6
