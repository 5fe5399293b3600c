"""Krum against its definition, one gradient at a time."""

import pytest
import torch
from tests.balancing.methods.gradients import weights
from torch import Tensor

from polytask.balancing.methods import Krum


def krum_by_rows(rows: Tensor, n_outliers: int, n_kept: int) -> Tensor:
    """Krum as its paper writes it, on the gradients, one at a time."""
    scores = []
    for t, own in enumerate(rows):
        squares = sorted(float((own - other).square().sum()) for u, other in enumerate(rows) if u != t)
        scores.append(sum(squares[: len(rows) - n_outliers - 2]))
    kept = sorted(range(len(rows)), key=scores.__getitem__)[:n_kept]
    return torch.tensor([len(rows) / n_kept if t in kept else 0.0 for t in range(len(rows))]).double()


@pytest.mark.parametrize(("n", "n_outliers", "n_kept"), [(6, 1, 1), (6, 2, 2), (7, 3, 3), (5, 0, 1)])
def test_krum_keeps_the_gradients_whose_nearest_neighbours_are_nearest_in_squares(n, n_outliers, n_kept):
    for seed in range(40):
        rows = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        values = weights(Krum(n_outliers=n_outliers, n_kept=n_kept), rows, "abcdefg"[:n])
        torch.testing.assert_close(values, krum_by_rows(rows, n_outliers, n_kept))


def test_among_few_objectives_krum_looks_at_one_neighbour():
    rows = torch.tensor([[0.0], [1.0], [3.0]]).double()
    assert weights(Krum(n_outliers=2, n_kept=2), rows).tolist() == [1.5, 1.5, 0.0]
    assert weights(Krum(), rows[:1], "a").tolist() == [1.0]
    assert weights(Krum(n_kept=5), rows).tolist() == [1.0, 1.0, 1.0]  # all that there are
