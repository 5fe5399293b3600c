"""Whatever a table holds, `fit` either works or says what is wrong."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import polytask
from polytask.core import InputError

CELLS = st.one_of(
    st.none(),
    st.floats(width=32),
    st.integers(-3, 3),
    st.booleans(),
    st.sampled_from(["a", "b", "", "NA", "?", "1", "1e400", "2020-01-01", "ä", " "]),
    st.text(max_size=4),
)
NUMBERS = st.one_of(st.floats(-5, 5, width=32), st.just(float("nan")), st.just(float("inf")))


@st.composite
def tables(draw) -> pd.DataFrame:
    n_rows = draw(st.integers(0, 40))
    columns = {}
    for name in draw(
        st.lists(st.sampled_from(["x", "y", "z", "a:b", "group"]), min_size=1, max_size=5, unique=True)
    ):
        cells = draw(
            st.sampled_from([CELLS, NUMBERS, st.sampled_from(["u", "v"]), st.sampled_from([0, 1, 2])])
        )
        columns[name] = draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
    return pd.DataFrame(columns)


@pytest.mark.filterwarnings("ignore::polytask.core.DataWarning")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    table=tables(),
    targets=st.lists(
        st.sampled_from(["x", "y", "y:regression", "z:binary", "x:multiclass", "nope"]), max_size=3
    ),
    group=st.sampled_from([None, "group", "z"]),
)
def test_a_generated_table_is_fitted_or_refused_with_a_reason(table, targets, group):
    try:
        model = polytask.fit(table, targets, group=group, folds=2, epochs=1, width=4, baselines=False)
    except InputError as error:
        assert len(str(error)) > 20
        return
    answers = model.predict(table)
    assert len(answers) == len(table)
    numeric = answers.select_dtypes("number").to_numpy(dtype=float)
    assert np.isfinite(numeric).all()


@pytest.mark.filterwarnings("ignore::polytask.core.DataWarning")
@settings(max_examples=5, deadline=None)
@example(seed=590, missing=0.5)  # 19 labels of y, all different
@given(seed=st.integers(0, 10**6), missing=st.floats(0, 0.5))
def test_a_table_with_many_holes_is_always_fitted(seed, missing):
    draw = np.random.default_rng(seed)
    table = pd.DataFrame(draw.normal(size=(60, 4)), columns=list("abcy"))
    table["kind"] = draw.choice(["u", "v"], 60)
    holes = draw.random((60, 4)) < missing
    table[["a", "b", "c", "y"]] = table[["a", "b", "c", "y"]].mask(holes)
    table.loc[:9, ["y", "kind"]] = np.nan
    model = polytask.fit(table, ["y", "kind"], folds=3, epochs=1, width=4, baselines=False)
    assert model.predict(table).notna().all(axis=None)
