from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tests.large_samples import TARGETS, read_in_pieces, sample_table, write_parts

from polytask.core import DataError, memory_budget
from polytask.data import read_table
from polytask.data.tables.compact_filling import fill_rows
from polytask.data.tables.large_table import FrameTable, LargeTable, open_table
from polytask.data.tables.splits import row_groups, row_order_values
from polytask.data.tables.survey import survey_table


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    read_in_pieces(monkeypatch)


def surveyed(table: LargeTable, targets: list[str] = TARGETS):
    names = [name for name in table.names if name not in ("y", "flag", "kind")]
    return survey_table(table, names, targets, seed=0)


def test_compact_rows_give_the_features_and_labels_of_the_table_bit_for_bit(tmp_path: Path) -> None:
    frame = sample_table(1500)
    table = open_table(write_parts(frame, tmp_path / "parts"))
    assert isinstance(table, LargeTable)
    found = surveyed(table)
    rows, _ = fill_rows(table, found.encoder, found.targets, seed=1)
    whole = read_table(frame)
    places = torch.from_numpy(rows.indices).long()
    features, _ = found.encoder.transform(whole)
    assert sorted(places.tolist()) == list(range(1500))
    assert places.tolist() != list(range(1500))
    assert torch.equal(rows.inputs(torch.arange(1500)), features[places])
    for index, target in enumerate(found.targets):
        values, known = target.encode(whole[target.task.name])
        assert torch.equal(rows.targets[:, index].isnan(), ~known[places])
        assert torch.equal(rows.targets[:, index].nan_to_num(0.0), values.float()[places])


def test_groups_times_and_weights_are_read_as_at_once() -> None:
    frame = sample_table(900)
    table = FrameTable(frame)
    found = surveyed(table)
    rows, _ = fill_rows(table, found.encoder, found.targets, group="site", time="day", weight="count", seed=1)
    assert rows.groups is not None
    assert rows.times is not None
    assert rows.weights is not None
    assert np.array_equal(rows.groups, row_groups(frame["site"])[0][rows.indices])
    assert np.array_equal(rows.times, row_order_values(frame["day"])[rows.indices])
    weights = frame["count"].to_numpy()[rows.indices]
    assert np.allclose(rows.weights.numpy(), weights / weights.mean())


def test_rows_without_any_label_are_left_out_with_all_that_belongs_to_them() -> None:
    frame = sample_table(900)
    table = FrameTable(frame)
    found = surveyed(table, ["y"])
    rows, _ = fill_rows(table, found.encoder, found.targets, group="site", seed=1)
    labelled = np.flatnonzero(frame["y"].notna())
    assert sorted(rows.indices.tolist()) == labelled.tolist()
    assert not bool(rows.targets.isnan().any())
    assert rows.groups is not None
    assert np.array_equal(
        rows.groups, row_groups(frame["site"].iloc[labelled])[0][rows.indices.argsort().argsort()]
    )
    features, _ = found.encoder.transform(read_table(frame))
    assert torch.equal(rows.inputs(torch.arange(len(rows))), features[torch.from_numpy(rows.indices).long()])


def test_unseen_categories_and_far_numbers_are_counted() -> None:
    frame = sample_table(900)
    found = surveyed(FrameTable(frame))
    odd = frame.astype({"grade": object})
    odd.loc[[3, 700], "grade"] = "new"
    odd.loc[800, "size"] = 1e9
    _, report = fill_rows(FrameTable(odd), found.encoder, found.targets, seed=1)
    assert report.unseen_categories["grade"] == {"new": 2}
    assert report.clipped == {"size": 1}


@pytest.mark.parametrize(
    ("column", "value", "role", "message"),
    [
        ("site", None, "group", "'site' is empty in 1 row"),
        ("day", None, "time", "'day' is empty or infinite in 1 row"),
        ("count", -1, "weight", "'count' of `weight_column` needs a number of 0 or more"),
    ],
)
def test_a_gap_in_the_role_of_a_row_is_told(column: str, value: object, role: str, message: str) -> None:
    frame = sample_table(900)
    found = surveyed(FrameTable(frame))
    frame[column] = frame[column].astype(object)
    frame.loc[450, column] = value
    kept = [one for one in found.encoder.encodings if one.name != column]
    encoder = replace(found.encoder, encodings=tuple(kept))
    with pytest.raises(DataError, match=message):
        fill_rows(FrameTable(frame), encoder, found.targets, **{role: column}, seed=0)  # pyright: ignore[reportArgumentType]


def test_more_rows_than_memory_is_free_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    table = FrameTable(sample_table(900))
    found = surveyed(table)
    monkeypatch.setattr(memory_budget, "free_bytes", lambda _: 1000)
    with pytest.raises(
        DataError, match=r"900 rows of the data frame take .* bytes each, but 0\.0 GiB are free"
    ):
        fill_rows(table, found.encoder, found.targets, seed=0)


def test_equal_rows_have_equal_hashes_and_others_do_not() -> None:
    frame = pd.concat([sample_table(600), sample_table(600).head(5)], ignore_index=True)
    table = FrameTable(frame)
    found = surveyed(table)
    rows, _ = fill_rows(table, found.encoder, found.targets, seed=0)
    hashes = rows.row_hashes(slice(None))
    assert len(np.unique(hashes)) == 600
    assert rows.fingerprint() != fill_rows(table, found.encoder, found.targets, seed=1)[0].fingerprint()
