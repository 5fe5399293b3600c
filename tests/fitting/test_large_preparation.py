from typing import Any

import numpy as np
import pytest
import torch
from tests.large_samples import TARGETS, read_in_pieces, sample_table

from polytask.core import DataError
from polytask.data import read_table
from polytask.data.tables import survey
from polytask.data.tables.large_table import FrameTable
from polytask.fitting import large_preparation
from polytask.fitting.large_preparation import prepare_large_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    read_in_pieces(monkeypatch)


def prepared(frame: Any, targets: list[str] = TARGETS, **roles: str) -> PreparedTable:
    return prepare_large_table(FrameTable(frame), Columns.of(targets, **roles), seed=0)


def test_a_table_that_judges_whole_is_the_table_prepared_at_once() -> None:
    frame = read_table(sample_table(1200))
    found = prepared(frame, group="site", weight="count")
    expected = prepare_table(frame, Columns.of(TARGETS, group="site", weight="count"), seed=0)
    assert found.encoder.to_json()["columns"] == expected.encoder.to_json()["columns"]
    places = torch.from_numpy(found.indices)
    there = expected.rows.rows(places)
    assert torch.equal(found.rows.inputs, there.inputs)  # pyright: ignore[reportArgumentType]
    for name in ("y", "flag", "kind"):
        assert torch.equal(found.rows.targets[name], there.targets[name])
        assert torch.equal(found.rows.masks[name], there.masks[name])
    assert found.groups is not None
    assert expected.groups is not None
    assert np.array_equal(found.groups, expected.groups[found.indices])
    assert found.weights is not None
    assert expected.weights is not None
    assert torch.allclose(found.weights, expected.weights[places])


def test_each_target_is_judged_by_labels_drawn_among_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_preparation, "MOST_JUDGED", 100)
    frame = sample_table(3000)
    frame.loc[np.arange(3000) % 10 > 0, "y"] = np.nan
    found = prepared(frame)
    counts = {name: int(mask.sum()) for name, mask in found.rows.masks.items()}
    assert counts == {"y": 100, "flag": 100, "kind": 100}
    assert found.large is not None
    assert len(found.large.rows) == 3000
    # The first labelled rows of a random order: no row counts for a target because another one has it.
    first = torch.from_numpy(found.indices)[found.rows.masks["flag"]].tolist()
    assert first == found.large.rows.indices[:100].tolist()
    judged = np.concatenate([fold.held_out for fold in found.repeats[0]])
    assert sorted(judged.tolist()) == list(range(len(found.rows)))


def test_folds_of_the_rows_that_judge_are_those_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_preparation, "MOST_JUDGED", 150)
    found = prepared(sample_table(2000), group="site")
    assert found.groups is not None
    for fold in found.repeats[0]:
        assert not set(found.groups[fold.train]) & set(found.groups[fold.held_out])


def test_repeated_rows_are_told() -> None:
    frame = sample_table(600)
    for name in ("size", "count", "truth", "colour", "grade", "shop", "price", "day", "site"):
        frame.loc[300:, name] = frame[name].iloc[:300].to_numpy()
    assert any("equal a training row in all features" in message for message in prepared(frame).messages)


def test_the_sample_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "N_SAMPLE", 400)
    monkeypatch.setattr(large_preparation, "MOST_JUDGED", 300)
    message = prepared(sample_table(2000)).messages[-1]
    assert "has 2,000 rows with a label" in message
    assert "a sample of 400 rows" in message


def test_classes_that_are_rare_in_the_table_are_told_and_those_of_the_sample_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(survey, "N_SAMPLE", 60)
    frame = sample_table(3000)
    frame.loc[::300, "kind"] = "seldom"
    assert not any("fewer than 3 rows" in message for message in prepared(frame).messages)
    frame.loc[frame["kind"] == "seldom", "kind"] = "other"
    frame.loc[[1, 2000], "kind"] = "seldom"
    assert any("'seldom' has fewer than 3 rows" in message for message in prepared(frame).messages)


@pytest.mark.parametrize(
    ("targets", "roles", "message"),
    [
        (["yy"], {}, "no column 'yy'; did you mean"),
        (["y:regresion"], {}, "'regresion' is no kind"),
        (["y"], {"group": "sit"}, "`group`: there is no column 'sit'"),
        (["y"], {"drop": "y"}, "is among the `targets`, too"),
    ],
)
def test_wrong_names_are_refused_as_for_small_tables(
    targets: list[str], roles: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        prepared(sample_table(600), targets, **roles)


def test_a_target_without_a_label_is_refused() -> None:
    with pytest.raises(DataError, match="'y' has no label at all"):
        prepared(sample_table(600).assign(y=np.nan))
