"""Bins are as many as the table allows, and stand where its first rows say."""

import pytest
import torch

from polytask.fitting.placed_bins import placed_bins
from polytask.fitting.stacked_plan import NetworkForm
from polytask.fitting.table_folds import MANY_ROWS
from polytask.models.number_bins import NumberBins

INPUTS = torch.randn(900, 4, generator=torch.Generator().manual_seed(0))


def form(bins: int) -> NetworkForm:
    return NetworkForm(width=4, depth=1, dropout=0.0, bins=bins)


@pytest.mark.parametrize(
    ("n_rows", "bins", "wanted"),
    [(900, 48, 48), (900, 500, 384), (MANY_ROWS, 500, 384), (MANY_ROWS + 1, 500, 96), (900, 0, 0)],
)
def test_features_share_what_the_first_layer_may_have(n_rows: int, bins: int, wanted: int) -> None:
    found = placed_bins(INPUTS, [0, 2], form(bins), n_rows=n_rows, large=False)
    assert found.n_bins == (wanted, 0, wanted, 0)


def test_very_many_features_have_two_bins_each() -> None:
    wide = INPUTS[:50].repeat(1, 200)
    found = placed_bins(wide, range(800), form(48), n_rows=50, large=False)
    assert set(found.n_bins) == {2}


def test_of_a_large_table_some_rows_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polytask.fitting.placed_bins._LOOKED_AT", 100)
    for large, rows in ((True, INPUTS[:100]), (False, INPUTS)):
        found = placed_bins(INPUTS, [1], form(8), n_rows=900, large=large)
        assert torch.equal(found.lower, NumberBins.fit(rows, [1], most=8).lower)
