"""The part of a table that a group of targets is trained on."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.core import DataError
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.target_options import with_target_weights
from polytask.fitting.target_part import target_part


def table(**roles: str) -> PreparedTable:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=60), "w": draw.uniform(1, 3, 60), "t": np.arange(60)})
    frame["site"] = np.arange(60) // 4
    for name in "abc":
        frame[name] = draw.normal(size=60)
    frame.loc[frame.index % 3 == 0, "a"] = np.nan
    frame.loc[frame.index < 44, "b"] = np.nan  # of the last rows alone
    drop = tuple({"w", "t", "site"} - set(roles.values()))
    return prepare_table(frame, Columns(targets=("a", "b", "c"), drop=drop, **roles), folds=4, seed=0)


@pytest.mark.parametrize("roles", [{}, {"group": "site"}, {"time": "t"}, {"weight": "w"}])
def test_a_part_has_the_labelled_rows_of_its_targets_in_the_folds_of_the_whole(roles: dict[str, str]) -> None:
    whole = table(**roles)
    part = target_part(whole, ["a", "b"])
    found = part.prepared
    known = (whole.rows.masks["a"] | whole.rows.masks["b"]).numpy()
    assert part.rows.tolist() == np.flatnonzero(known).tolist()
    assert [task.name for task in found.tasks] == ["a", "b"] and list(found.rows.targets) == ["a", "b"]
    assert torch.equal(found.rows.targets["a"], whole.rows.targets["a"][part.rows])
    for ours, theirs in zip(found.repeats[0], whole.repeats[0], strict=True):
        for inside, outside in ((ours.train, theirs.train), (ours.held_out, theirs.held_out)):
            assert part.rows[inside].tolist() == [row for row in outside.tolist() if known[row]]
    assert found.weights is None or float(found.weights.mean()) == pytest.approx(1)
    for ours, theirs in ((found.groups, whole.groups), (found.times, whole.times)):
        assert theirs is None or (ours is not None and ours.tolist() == theirs[part.rows].tolist())


def test_answers_are_put_where_the_rows_are_in_the_whole() -> None:
    whole = table()
    part = target_part(whole, ["b"])
    spread = part.spread({"b": torch.arange(16.0)[:, None]})["b"]
    assert spread.shape == (60, 1) and spread[44:, 0].tolist() == list(range(16))
    assert bool(spread[:44].isnan().all())


def test_folds_without_labels_on_a_side_are_left_out_and_a_part_without_any_fold_is_refused() -> None:
    whole = table(time="t")
    assert (len(whole.repeats[0]), len(target_part(whole, ["b"]).prepared.repeats[0])) == (4, 1)
    whole.rows.masks["b"][:48] = False  # what is left lies in the last stretch of time, which none trains on
    with pytest.raises(DataError, match="The group b of `groups` has labels in too few folds"):
        target_part(whole, ["b"])


@pytest.mark.parametrize(
    ("given", "left"),
    [({"a": 3.0}, {"a": 1.5, "b": 0.5}), ({"c": 3.0}, {}), ({"a": 2.0, "b": 2.0}, {})],
)
def test_weights_of_targets_count_within_their_group(given: Any, left: dict[str, float]) -> None:
    whole = with_target_weights(table(), given)
    assert target_part(whole, ["a", "b"]).prepared.target_weights == pytest.approx(left)
