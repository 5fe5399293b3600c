"""Importance on a random sample of many rows."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.large_samples import TARGETS, read_in_pieces, sample_table, write_parts

import polytask
from polytask.core import DataError, DataWarning, InputError
from polytask.estimators import importance_rows
from polytask.estimators.importance_rows import sampled_rows
from polytask.models import TableModel

N_ROWS = 900


@pytest.fixture(scope="module")
def model() -> TableModel:
    settings = {"folds": 2, "width": 4, "depth": 1, "bins": 0, "epochs": 5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return polytask.fit(sample_table(400), TARGETS, baselines=False, **settings)


@pytest.fixture
def table() -> pd.DataFrame:
    return sample_table(N_ROWS, seed=1)


def importance(model: TableModel, table: object, **settings: int) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Column", category=DataWarning)
        return model.importance(table, n_repeats=2, **settings)


def test_every_target_is_judged_by_so_many_of_its_labels_at_random(
    model: TableModel, table: pd.DataFrame
) -> None:
    sampled = sampled_rows(model, table, sample_rows=100, seed=0, stacklevel=2)
    labels = sampled.rows.labels
    assert {name: int(mask.sum()) for name, mask in labels.masks.items()} == dict.fromkeys(labels.masks, 100)
    assert bool((labels.masks["flag"] == labels.masks["kind"]).all())  # the same rows where both are known
    others = sampled_rows(model, table, sample_rows=100, seed=1, stacklevel=2)
    assert list(others.rows.frame.index) != list(sampled.rows.frame.index)
    assert sampled.counts == {"measured": len(sampled.rows.frame), "table": N_ROWS}
    drawn = np.concatenate(
        [
            sampled_rows(model, table, sample_rows=100, seed=seed, stacklevel=2).rows.frame.index
            for seed in range(40)
        ]
    )
    assert len(np.unique(drawn)) > 0.98 * N_ROWS  # none is left out for good


def test_a_target_with_few_labels_keeps_them_all(model: TableModel, table: pd.DataFrame) -> None:
    rare = table.assign(y=table["y"].where(table["y"].notna().cumsum() <= 30))
    labels = sampled_rows(model, rare, sample_rows=50, seed=0, stacklevel=2).rows.labels
    assert int(labels.masks["y"].sum()) == 30 and int(labels.masks["flag"].sum()) == 50


def test_a_table_in_pieces_gives_the_sample_of_the_frame(
    model: TableModel, table: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = importance(model, table, sample_rows=120)
    everything = importance(model, table)
    assert everything.attrs["rows"] == {"measured": N_ROWS, "table": N_ROWS}
    folder = write_parts(table, tmp_path / "parts")
    read_in_pieces(monkeypatch)
    for source in (folder, table):
        found = importance(model, source, sample_rows=120)
        pd.testing.assert_frame_equal(found, expected)
        assert found.attrs == expected.attrs
        pd.testing.assert_frame_equal(importance(model, source), everything)


def test_a_sample_says_what_all_rows_say(model: TableModel, table: pd.DataFrame) -> None:
    part, whole = (importance(model, table, sample_rows=n_rows) for n_rows in (400, N_ROWS))
    for target in ("y", "flag"):
        assert part[target]["importance"].idxmax() == whole[target]["importance"].idxmax() == "size"


def test_a_sample_that_was_not_asked_for_is_told(
    model: TableModel, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importance_rows, "SAMPLE_ROWS", 50)
    with pytest.warns(
        DataWarning, match="on 50 rows with a label of each target, drawn.* the 900 rows"
    ) as told:
        importance(model, table)
    assert {one.filename for one in told} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="Column", category=DataWarning)
        importance(model, table, sample_rows=50)


def test_what_cannot_be_is_refused(
    model: TableModel, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="`sample_rows` must be at least 2, got 1"):
        importance(model, table, sample_rows=1)
    read_in_pieces(monkeypatch)
    unlabelled = table.drop(columns=["y", "flag", "kind"])
    for without in (unlabelled, unlabelled.assign(y=np.nan)):
        with pytest.raises(DataError, match="no label of the model's 3 targets"):
            importance(model, without)
    with pytest.raises(DataError, match="'kind' has class 'nought'"):
        importance(model, table.assign(kind="nought"))
