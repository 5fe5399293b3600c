import numpy as np
import pandas as pd
import pytest

from polytask.data.tables.category_states import CategoryStates
from polytask.data.tables.feature_column import CategoryFeatures


@pytest.mark.parametrize("missing", [True, False])
@pytest.mark.parametrize("buckets", [0, 5])
def test_features_looked_up_by_states_are_those_of_the_encoding(missing: bool, buckets: int) -> None:
    rare = {"1.0": 4, "grey": 2, "pink": 1} if buckets else {}
    encoding = CategoryFeatures(
        name="colour", categories=("blue", "red"), missing=missing, buckets=buckets, rare=rare
    )
    column = pd.Series(["red", None, "grey", "new", "1", "blue", "pink", "newer", "new"])
    states = CategoryStates(encoding)
    codes, unseen = states.of(column)
    found = np.zeros((len(column), len(encoding.feature_names)), dtype=np.float32)
    placed = states.places[codes] >= 0
    found[placed, states.places[codes][placed]] = 1
    if buckets:
        found[:, -1] = states.shares[codes]
    expected = encoding.encode(column)
    assert np.array_equal(found, expected.features)
    assert dict(unseen) == dict(expected.unseen)
