"""Encodings of numeric columns follow their formulas."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import DataError, InputError, generator, seeded
from polytask.encoders import PeriodicEmbedding, PiecewiseLinearEncoding
from polytask.encoders.numeric_embedding import quantile_edges


def _piecewise(value: float, edges: list[float]) -> list[float]:
    """Encode one value by the three cases of the paper's equation 1."""
    n_bins, found = len(edges) - 1, []
    for bin_ in range(1, n_bins + 1):
        if value < edges[bin_ - 1] and bin_ > 1:
            found.append(0.0)
        elif value >= edges[bin_] and bin_ < n_bins:
            found.append(1.0)
        else:
            found.append((value - edges[bin_ - 1]) / (edges[bin_] - edges[bin_ - 1]))
    return found


_EDGES = st.lists(st.integers(-50, 50), min_size=2, max_size=6, unique=True).map(sorted)


@given(columns=st.lists(_EDGES, min_size=1, max_size=4), value=st.floats(-80, 80, width=32))
@settings(deadline=None, max_examples=60)
def test_the_encoding_is_the_papers_case_distinction(columns, value):
    encoding = PiecewiseLinearEncoding(columns).double()
    found = encoding(torch.full((1, len(columns)), value, dtype=torch.float64))[0]
    expected = [number for edges in columns for number in _piecewise(value, edges)]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)
    assert encoding.n_features == len(expected)


@given(edges=_EDGES, first=st.floats(-80, 80), second=st.floats(-80, 80))
@settings(deadline=None, max_examples=40)
def test_no_feature_falls_when_the_value_rises(edges, first, second):
    encoding = PiecewiseLinearEncoding([edges]).double()
    lower, upper = encoding(torch.tensor([[min(first, second)], [max(first, second)]], dtype=torch.float64))
    assert bool((lower <= upper).all())


def test_the_value_can_be_read_back_from_its_encoding():
    encoding = PiecewiseLinearEncoding([[-3.0, -1.0, 0.5, 7.0]])
    values = torch.linspace(-6, 12, 50).unsqueeze(1)
    torch.testing.assert_close((encoding(values) * encoding.width).sum(1) - 3.0, values.squeeze(1))


def test_truth_values_keep_their_column():
    rows = torch.tensor([[0.0], [1.0], [1.0]])
    assert torch.equal(PiecewiseLinearEncoding(quantile_edges(rows))(rows), rows)


def test_every_bin_holds_as_many_of_the_training_rows():
    rows = torch.randn(1000, 2, generator=generator(0, "rows")).exp()
    for column, edges in zip(rows.T, quantile_edges(rows, 8), strict=True):
        counts, _ = np.histogram(column.numpy(), bins=edges.numpy())
        assert counts.sum() == 1000 and set(counts) <= {124, 125, 126}


def test_equal_quantiles_become_one_edge():
    rows = torch.cat([torch.zeros(90, 1), torch.arange(10.0).unsqueeze(1)])
    (edges,) = quantile_edges(rows, 10)
    assert edges[0] == 0 and edges[-1] == 9 and len(edges) < 11
    PiecewiseLinearEncoding([edges])


@pytest.mark.parametrize("value", [0.0, -2.5e9])
def test_a_column_of_one_value_is_encoded_as_zero_where_it_holds_it(value):
    rows = torch.full((4, 1), value)
    assert torch.equal(PiecewiseLinearEncoding(quantile_edges(rows))(rows), torch.zeros(4, 1))


def test_edges_travel_in_the_state():
    rows = torch.randn(20, 2, generator=generator(1, "rows"))
    fitted = PiecewiseLinearEncoding(quantile_edges(rows, 4))
    other = PiecewiseLinearEncoding([range(5), range(5)])
    other.load_state_dict(fitted.state_dict())
    assert torch.equal(other(rows), fitted(rows))


@pytest.mark.parametrize("activation", [True, False])
def test_the_periodic_embedding_is_its_formula_column_by_column(activation):
    with seeded(0, "embedding"):
        embedding = PeriodicEmbedding(3, 5, n_frequencies=4, scale=1.0, activation=activation).double()
    inputs = torch.randn(6, 3, dtype=torch.float64, generator=generator(0, "inputs"))
    c, weight, bias = (parameter.detach().numpy() for parameter in embedding.parameters())
    columns = []
    for column, values in enumerate(inputs.numpy().T):
        v = 2 * np.pi * np.outer(values, c[column])
        linear = np.concatenate([np.sin(v), np.cos(v)], axis=1) @ weight[column] + bias[column]
        columns.append(np.maximum(linear, 0) if activation else linear)
    expected = np.concatenate(columns, axis=1)
    np.testing.assert_allclose(embedding(inputs).detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    assert expected.shape[1] == embedding.n_features


def test_frequencies_start_with_the_scale_told():
    with seeded(0, "embedding"):
        frequencies = PeriodicEmbedding(50, 1, n_frequencies=100, scale=0.3).frequencies
    assert abs(frequencies.std().item() - 0.3) < 0.02 and abs(frequencies.mean().item()) < 0.02


def test_edges_that_do_not_rise_are_named_by_column():
    with pytest.raises(InputError, match=r"column 1, 2 are not"):
        PiecewiseLinearEncoding([[0.0, 1.0], [1.0, 1.0], [2.0]])
    with pytest.raises(InputError, match=r"but is empty"):
        PiecewiseLinearEncoding([])


def test_a_missing_training_value_is_named_by_column():
    with pytest.raises(DataError, match=r"Column 1 of `rows` holds values that are missing"):
        quantile_edges(torch.tensor([[0.0, 1.0], [1.0, float("nan")]]))


def test_edges_need_rows_and_a_bin():
    with pytest.raises(InputError, match=r"shape \(0, 2\) and 48"):
        quantile_edges(torch.zeros(0, 2))
    with pytest.raises(InputError, match=r"`n_bins` at least 1"):
        quantile_edges(torch.zeros(3, 2), 0)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"n_frequencies": 0}, {"scale": 0.0}])
def test_a_size_or_scale_that_is_too_small_is_refused(wrong):
    with pytest.raises(InputError, match=r"`scale` positive, got"):
        PeriodicEmbedding(2, **wrong)


@pytest.mark.parametrize(
    "module", [PiecewiseLinearEncoding([[0.0, 1.0]] * 2), PeriodicEmbedding(2)], ids=["piecewise", "periodic"]
)
def test_another_number_of_columns_is_refused(module):
    with pytest.raises(InputError, match=r"must be \[row, 2\], but have shape \(4, 3\)"):
        module(torch.zeros(4, 3))
