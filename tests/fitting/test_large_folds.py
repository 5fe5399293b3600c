from typing import Any

import numpy as np
import pytest
from tests.large_samples import TARGETS, sample_table

from polytask.core import DataError, InputError
from polytask.data.tables.compact_filling import fill_rows
from polytask.data.tables.compact_rows import CompactRows
from polytask.data.tables.folds import folds_in_time
from polytask.data.tables.large_table import FrameTable
from polytask.data.tables.survey import survey_table
from polytask.fitting.large_folds import check_units, deal_rows


def compact(frame: Any, **roles: str) -> CompactRows:
    names = [name for name in frame.columns if name not in ("y", "flag", "kind")]
    table = FrameTable(frame)
    found = survey_table(table, names, TARGETS, seed=0)
    return fill_rows(table, found.encoder, found.targets, **roles, seed=0)[0]  # pyright: ignore[reportArgumentType]


def test_every_row_judges_one_fold_and_trains_the_others() -> None:
    rows = compact(sample_table(1000))
    dealt = deal_rows(rows, group=None, time=None, folds=4, repeats=2, seed=0)
    everything = slice(None)
    for repeat in range(2):
        judges = np.stack([dealt.judges(repeat, fold, everything) for fold in range(4)])
        trains = np.stack([dealt.trains(repeat, fold, everything) for fold in range(4)])
        assert (judges.sum(0) == 1).all()
        assert np.array_equal(trains, ~judges)
        assert np.ptp(judges.sum(1)) < 20
    assert not np.array_equal(dealt.parts[0], dealt.parts[1])
    assert dealt.trains(0, None, everything).all()


def test_a_rare_class_is_in_every_fold() -> None:
    frame = sample_table(3000)
    frame.loc[[5, 900, 2100], "kind"] = "seldom"
    rows = compact(frame)
    for seed in range(5):
        dealt = deal_rows(rows, group=None, time=None, folds=3, repeats=1, seed=seed)
        code = 3  # blue, large, other, seldom
        assert sorted(dealt.parts[0, rows.targets[:, 2].numpy() == code].tolist()) == [0, 1, 2]


def test_groups_stay_together() -> None:
    rows = compact(sample_table(1000), group="site")
    dealt = deal_rows(rows, group="site", time=None, folds=3, repeats=1, seed=0)
    assert rows.groups is not None
    for group in np.unique(rows.groups):
        assert len(np.unique(dealt.parts[0, rows.groups == group])) == 1


def test_time_goes_forward_as_where_a_table_is_in_memory() -> None:
    frame = sample_table(1000)
    rows = compact(frame, time="day")
    dealt = deal_rows(rows, group=None, time="day", folds=3, repeats=1, seed=0)
    expected = folds_in_time(frame["day"], n_folds=3)
    for index, fold in enumerate(expected):
        found = dealt.folds(np.arange(1000))[0][index]
        assert sorted(rows.indices[found.train].tolist()) == fold.train.tolist()
        assert sorted(rows.indices[found.held_out].tolist()) == fold.held_out.tolist()


def test_the_values_of_a_column_are_folds_and_a_row_without_one_trains_in_all() -> None:
    frame = sample_table(600)
    frame["part"] = np.array(["x", "y", "z"])[np.arange(600) % 3]
    frame.loc[frame.index % 10 == 9, "part"] = None
    names = [name for name in frame.columns if name not in ("y", "flag", "kind", "part")]
    table = FrameTable(frame)
    found = survey_table(table, names, TARGETS, seed=0)
    rows, _ = fill_rows(table, found.encoder, found.targets, fold="part", seed=0)
    dealt = deal_rows(rows, group=None, time=None, column="part", folds=None, repeats=1, seed=0)
    assert dealt.n_folds == 3
    values = frame["part"].to_numpy()[rows.indices]
    for fold, value in enumerate(["x", "y", "z"]):
        assert np.array_equal(dealt.judges(0, fold, slice(None)), values == value)
        assert np.array_equal(dealt.trains(0, fold, slice(None)), values != value)


def test_a_column_of_folds_must_not_cut_groups() -> None:
    frame = sample_table(600)
    frame["part"] = np.arange(600) % 2
    names = [name for name in frame.columns if name not in ("y", "flag", "kind", "part", "site")]
    table = FrameTable(frame)
    found = survey_table(table, names, TARGETS, seed=0)
    rows, _ = fill_rows(table, found.encoder, found.targets, fold="part", group="site", seed=0)
    with pytest.raises(DataError, match=r"'part', the fold column, cut .* groups of 'site'"):
        deal_rows(rows, group="site", time=None, column="part", folds=None, repeats=1, seed=0)


def test_folds_must_be_a_number() -> None:
    rows = compact(sample_table(300))
    with pytest.raises(InputError, match="`folds` takes a number for a table of 300 rows"):
        deal_rows(rows, group=None, time=None, folds=[([0], [1])], repeats=1, seed=0)


def test_a_target_with_labels_in_one_group_is_told() -> None:
    frame = sample_table(600)
    frame.loc[frame["site"] != 3, "y"] = np.nan
    rows = compact(frame, group="site")
    (problem,) = check_units(rows, ["y", "flag", "kind"], group="site", time=None)
    assert "Target 'y' has labels in 1 group of 'site' only" in problem


def test_one_time_alone_is_refused() -> None:
    frame = sample_table(300).assign(day=3)
    rows = compact(frame, time="day")
    with pytest.raises(DataError, match="'day' has 1 different time"):
        deal_rows(rows, group=None, time="day", folds=3, repeats=1, seed=0)
