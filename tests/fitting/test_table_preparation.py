import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.core import DataError, InputError
from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import prepare_table


def _table(n_rows: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n_rows, 2))
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x.sum(1), "k": np.where(x[:, 1] > 0, "hi", "lo")})


@pytest.mark.parametrize(
    ("given", "targets"),
    [
        ("y", ("y",)),
        (["y", "k:binary"], ("y", "k:binary")),
        (("y",), ("y",)),
        (_table().columns[-2:], ("y", "k")),
        (np.array(["y", "k"]), ("y", "k")),
        (pd.Series(["y"]), ("y",)),
        (np.array("y"), ("y",)),
        (3, ("3",)),
        ([3, np.int64(4)], ("3", "4")),
        ({"stars": "regression", "k": None}, ("stars:regression", "k")),
        ({"k", "y"}, ("k", "y")),
    ],
)
def test_targets_are_taken_as_people_write_them(given: object, targets: tuple[str, ...]) -> None:
    assert Columns.of(given).targets == targets


def test_other_roles_are_taken_as_people_write_them() -> None:
    columns = Columns.of("y", group=9, drop="id")
    assert (columns.group, columns.drop) == ("9", ("id",))
    assert Columns.of("y", drop=[0, 1], time=np.int64(2)) == Columns(
        targets=("y",), time="2", drop=("0", "1")
    )
    assert Columns.of("y", drop=None).drop == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "`targets` is empty"),
        ({}, "`targets` is empty"),
        ({"stars": "regresion"}, "asks 'stars' as 'regresion'; use one of regression"),
        ({"stars": ["regression"]}, "asks 'stars' as"),
        ([["y", "k"]], "takes names of columns, .* got list"),
        (b"y", "takes names of columns, .* got bytes"),
        ([pd.Series([1.0, 2.0])], "takes names of columns, .* got Series"),
        ([None], "takes names of columns, .* got NoneType"),
    ],
)
def test_targets_that_cannot_be_understood_are_refused(given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Columns.of(given)


def test_the_kind_in_a_dictionary_holds() -> None:
    frame = read_table(_table().assign(stars=np.arange(120) % 5))
    prepared = prepare_table(frame, Columns.of({"stars": "regression"}), seed=0)
    assert prepared.tasks[0].kind == "regression"


def test_integer_names_of_columns_can_be_used() -> None:
    frame = read_table(pd.DataFrame(np.random.default_rng(0).normal(size=(60, 4))))
    prepared = prepare_table(frame, Columns.of([3], drop=0), seed=0)
    assert prepared.encoder.columns == ("1", "2") and prepared.tasks[0].name == "3"


def test_every_fold_gets_its_share_of_many_and_rare_classes() -> None:
    frame = _table(600).assign(
        city=[f"c{index % 120}" for index in range(600)],
        rare=[f"s{min(index // 2, 12)}" for index in np.random.default_rng(0).permutation(600)],
    )
    prepared = prepare_table(frame, Columns.of(["city", "rare", "y"]), seed=0)
    city, rare = (prepared.rows.targets[name].numpy() for name in ("city", "rare"))
    for fold in prepared.repeats[0]:
        assert set(city[fold.train]) == set(range(120))
        assert set(rare[fold.train]) == set(range(13))
    assert any("fewer than 3 rows" in message for message in prepared.messages)


def test_rows_without_any_label_are_left_out_and_do_not_reach_the_constants() -> None:
    frame = _table().assign(a=np.arange(120.0))
    frame.loc[60:, ["y", "k"]] = None
    prepared = prepare_table(frame, Columns.of(["y", "k"]), folds=[(range(40), range(40, 120))], seed=0)
    assert prepared.indices.tolist() == list(range(60))
    ((fold,),) = prepared.repeats
    assert (fold.train.tolist(), fold.held_out.tolist()) == (list(range(40)), list(range(40, 60)))
    assert torch.is_tensor(prepared.rows.inputs)
    assert prepared.rows.inputs[:, 0].mean() == pytest.approx(0, abs=1e-5)
    assert any("there is one fold" in message for message in prepared.messages)


def test_repeats_are_dealt_anew() -> None:
    first, second = prepare_table(_table(), Columns.of(["y"]), repeats=2, seed=0).repeats
    assert not np.array_equal(first[0].held_out, second[0].held_out)


def test_weights_have_mean_one() -> None:
    frame = _table().assign(w=np.arange(120.0))
    prepared = prepare_table(frame, Columns.of(["y"], weight="w"), seed=0)
    assert prepared.weights is not None
    np.testing.assert_allclose(prepared.weights, np.arange(120) / 59.5, rtol=1e-6)


def test_a_target_that_one_group_has_cannot_be_judged() -> None:
    frame = _table().assign(site=np.arange(120) % 10)
    frame.loc[~frame["site"].isin([3, 4]), "y"] = np.nan
    prepare_table(frame, Columns.of(["y", "k"], group="site"), seed=0)  # two are enough
    frame.loc[~frame["site"].isin([3]), "y"] = np.nan
    with pytest.raises(DataError, match=r"'y' has labels in 1 group of 'site' only, .* leave out `group`"):
        prepare_table(frame, Columns.of(["y", "k"], group="site"), seed=0)


@pytest.mark.parametrize(
    ("values", "asked", "said"),
    [
        ([1, 2, 3, 4, 5], "stars", "5 different whole numbers.*'stars:regression'.*'stars:multiclass'"),
        (["1", "2", "3", "4", "5"], "stars", "5 different whole numbers"),
        ([1, 2], "stars", "2 different whole numbers.*'stars:binary'"),
        ([1, 2, 3], "stars:multiclass", None),
        ([0, 1], "stars", None),
        ([False, True], "stars", None),
        (["007", "008", "009"], "stars", None),
        (pd.Categorical([1, 2, 3]), "stars", None),
        ([0.5, 1.5], "stars", None),
    ],
)
def test_whole_numbers_that_become_classes_are_told(values: Any, asked: str, said: str | None) -> None:
    frame = _table().assign(stars=pd.Series(values).iloc[np.arange(120) % len(values)].reset_index(drop=True))
    found = prepare_table(frame, Columns.of([asked]), seed=0)
    told = [message for message in found.messages if "whole numbers" in message]
    assert (re.search(said, told[0]) is not None) if said else not told


def test_a_target_with_labels_at_one_time_is_named() -> None:
    frame = _table().assign(year=np.arange(120) % 10)
    frame.loc[~frame["year"].isin([3]), "y"] = np.nan
    with pytest.raises(
        DataError, match=r"'y' has labels at 1 time of 'year' only, .*leave out `time_column`"
    ):
        prepare_table(frame, Columns.of(["y", "k"], time="year"), seed=0)
