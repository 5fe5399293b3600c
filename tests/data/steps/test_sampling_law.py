"""One law says how often tasks with many and with few rows are drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polytask.data.steps.sampling_law import SAMPLING_LAWS, sampling_shares

COUNTS = st.lists(st.integers(1, 10**7), min_size=1, max_size=20)


@given(COUNTS, st.floats(1, 50))
def test_shares_are_the_powers_of_the_counts(counts, temperature):
    counts = np.array(counts)
    for law, power in (("proportional", 1), ("temperature", 1 / temperature), ("round-robin", 0)):
        expected = counts.astype(float) ** power
        np.testing.assert_allclose(sampling_shares(counts, law, temperature), expected / expected.sum())


@pytest.mark.parametrize("law", SAMPLING_LAWS)
@pytest.mark.parametrize("temperature", [1e-3, 1e6])
def test_no_temperature_is_too_low_or_too_high(law, temperature):
    shares = sampling_shares(np.array([10**9, 1, 10**9]), law, temperature)
    assert np.isfinite(shares).all() and shares.sum() == pytest.approx(1)


def test_a_temperature_of_one_is_proportional_and_a_high_one_nearly_alike():
    counts = np.array([7, 900, 31])
    one = sampling_shares(counts, "temperature", 1.0)
    np.testing.assert_array_equal(one, sampling_shares(counts, "proportional"))
    np.testing.assert_allclose(sampling_shares(counts, "temperature", 1e9), 1 / 3)
