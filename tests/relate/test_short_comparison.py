"""A short comparison of joint networks with networks of each task alone."""

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.relate.short_comparison import compare_shortly, pair_gains

NAMES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def prepared() -> PreparedTable:
    """A task with few labels and one of the same function with many, and one of noise."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(240, 10))
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(10)])
    hidden = np.tanh(x @ draw.normal(size=10) / 3)
    frame["a"] = hidden + 0.02 * draw.normal(size=240)
    frame["b"] = hidden + 0.02 * draw.normal(size=240)
    frame["c"] = draw.normal(size=240)
    frame.loc[draw.permutation(240)[:205], "a"] = np.nan
    return prepare_table(read_table(frame), Columns.of(NAMES), folds=3, seed=0)


@pytest.mark.trains
def test_every_labelled_row_is_judged_by_both_sides(prepared: PreparedTable) -> None:
    found = compare_shortly(prepared, epochs=2, seed=0)
    for name in NAMES:
        labelled = prepared.rows.labelled(name)
        assert found.joint[name][labelled].isfinite().all()
        assert found.single[name][labelled].isfinite().all()


@pytest.mark.trains
def test_a_task_of_few_labels_gains_from_one_of_the_same_function(prepared: PreparedTable) -> None:
    found = compare_shortly(prepared, seed=1)
    gain = found.gains["a"]
    assert gain is not None and gain.mean > 10
    pairs = pair_gains(prepared, found.single, seed=1)
    from_same, from_noise = pairs["b", "a"], pairs["c", "a"]
    assert from_same is not None and from_noise is not None and from_same.mean > from_noise.mean + 5


@pytest.mark.trains
def test_every_ordered_pair_is_measured_once(prepared: PreparedTable) -> None:
    short = compare_shortly(prepared, epochs=1, seed=0)
    pairs = pair_gains(prepared, short.single, epochs=1, seed=0)
    assert sorted(pairs) == sorted((a, b) for a in NAMES for b in NAMES if a != b)


@pytest.mark.trains
def test_the_seed_decides_everything(prepared: PreparedTable) -> None:
    once, again, other = (compare_shortly(prepared, epochs=1, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(once.joint["b"], again.joint["b"]) and once.gains == again.gains
    assert not torch.equal(once.joint["b"], other.joint["b"])
