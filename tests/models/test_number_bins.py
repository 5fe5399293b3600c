"""Bins against an ordinary piecewise linear encoding."""

import torch

from polytask.encoders.numeric_embedding import PiecewiseLinearEncoding, quantile_edges
from polytask.models.number_bins import NumberBins


def test_bins_are_the_piecewise_linear_encoding_kept_level_outside_and_centred() -> None:
    inputs = torch.randn(60, 2)
    bins = NumberBins.fit(inputs, [1], most=4)
    found = bins(inputs)
    assert bins.n_bins == (0, 4) and torch.equal(found[:, :2], inputs)
    gone = PiecewiseLinearEncoding(quantile_edges(inputs[:, 1:], 4))(inputs[:, 1:]).clamp(0, 1)
    torch.testing.assert_close(found[:, 2:], gone - gone.mean(0))
    far = bins(torch.tensor([[0.0, -99.0], [0.0, 99.0]]))[:, 2:] + bins.middle
    assert far.tolist() == [[0.0] * 4, [1.0] * 4]


def test_without_bins_inputs_stay_as_they_are() -> None:
    inputs = torch.randn(5, 3)
    assert NumberBins.fit(inputs, [], most=4)(inputs) is inputs
