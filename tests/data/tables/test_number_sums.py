import numpy as np
import pytest

from polytask.data.tables.number_sums import NumberSums


@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_sums_of_pieces_are_mean_and_spread_of_the_whole(offset: float) -> None:
    values = np.random.default_rng(0).gamma(2, 3, 1000) + offset
    values[::7] = np.nan
    sums = NumberSums()
    for piece in np.split(values, [1, 10, 11, 500]):
        sums.add(piece)
    assert (sums.n_known, sums.n_missing) == ((~np.isnan(values)).sum(), np.isnan(values).sum())
    assert sums.mean == pytest.approx(np.nanmean(values), rel=1e-12)
    assert sums.scale == pytest.approx(np.nanstd(values), rel=1e-9)
    filled = sums.filled(5.0 + offset)
    assert filled.mean == pytest.approx(np.where(np.isnan(values), 5.0 + offset, values).mean(), rel=1e-12)
    assert filled.scale == pytest.approx(np.where(np.isnan(values), 5.0 + offset, values).std(), rel=1e-9)
