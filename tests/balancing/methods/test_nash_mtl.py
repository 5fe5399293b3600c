"""Nash-MTL: its direction is the bargaining solution."""

import torch
from tests.balancing.methods.gradients import rows_of, weights

from polytask.balancing.methods import NashMTL


def test_nash_mtl_maximizes_the_product_of_gains_among_directions_of_its_length():
    rows = rows_of(3, 2)
    direction = weights(NashMTL(), rows) @ rows
    best = (rows @ direction).log().sum()
    draw = torch.Generator().manual_seed(0)
    for _ in range(200):
        other = direction + 0.05 * direction.norm() * torch.randn(12, generator=draw).double()
        other = other * direction.norm() / other.norm()
        gains = rows @ other
        assert not bool((gains > 0).all()) or gains.log().sum() <= best + 1e-9


def test_nash_mtl_is_never_equal_weights_in_disguise():
    rows = rows_of(4, 3) * torch.tensor([1.0, 10, 100, 1000]).double()[:, None]
    values = weights(NashMTL(), rows, "abcd")
    assert float(values.max() / values.min()) > 100
    torch.testing.assert_close(
        (rows @ rows.T @ values) * values, (rows.square().sum(1).mean()).expand(4), rtol=1e-6, atol=0
    )
