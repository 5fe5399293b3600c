from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.large_samples import TARGETS, read_in_pieces, sample_table, write_parts

from polytask.core import DataError
from polytask.data import TableEncoder, read_table
from polytask.data.tables import survey
from polytask.data.tables.large_table import FrameTable, LargeTable, open_table
from polytask.data.tables.survey import survey_table
from polytask.data.tables.targets import fit_targets

NAMES = ["y", "flag", "kind"]


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    read_in_pieces(monkeypatch)


def features(frame: pd.DataFrame) -> list[str]:
    return [name for name in frame.columns if name not in NAMES]


def test_a_table_that_is_no_larger_than_the_sample_gives_the_constants_of_the_whole(tmp_path: Path) -> None:
    frame = sample_table(1500)
    table = open_table(write_parts(frame, tmp_path / "parts"))
    assert isinstance(table, LargeTable)
    found = survey_table(table, features(frame), TARGETS, seed=0)
    whole = read_table(frame)
    rows = np.arange(len(whole))
    expected = TableEncoder.fit(whole, columns=features(frame), train_rows=rows)
    assert found.encoder.to_json() == expected.to_json()
    assert list(found.targets) == list(fit_targets(whole, TARGETS, train_rows=rows))


def test_what_a_sample_cannot_tell_comes_from_all_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "N_SAMPLE", 400)
    frame = sample_table(4000)
    table = open_table(write_parts(frame, tmp_path / "parts"))
    assert isinstance(table, LargeTable)
    found = survey_table(table, features(frame), TARGETS, seed=0)
    whole = read_table(frame)
    exact = TableEncoder.fit(whole, columns=features(frame), train_rows=np.arange(len(whole)))
    for encoding, expected in zip(found.encoder.encodings, exact.encodings, strict=True):
        assert encoding.feature_names == expected.feature_names
        if encoding.kind != "category":  # the median of a sample stands for missing ones
            assert encoding.mean == pytest.approx(expected.mean, abs=0.1 * expected.scale)
            assert encoding.scale == pytest.approx(expected.scale, rel=0.02)
        else:
            assert encoding == expected
    assert found.targets[0].mean == pytest.approx(whole["y"].mean(), rel=1e-12)
    assert found.targets[0].scale == pytest.approx(whole["y"].std(ddof=0), rel=1e-9)
    assert found.encoder.notes["colour"] == exact.notes["colour"]


def test_a_class_that_the_sample_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "N_SAMPLE", 50)
    frame = sample_table(3000)
    frame.loc[[1234, 2999], "kind"] = "seldom"
    found = survey_table(FrameTable(frame), features(frame), TARGETS, seed=0)
    assert found.targets[2].classes == ("blue", "large", "other", "seldom")


def test_a_target_whose_labels_the_sample_lacks_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "N_SAMPLE", 50)
    frame = sample_table(3000)
    labels = np.linspace(-3, 9, 20)
    frame["y"] = np.nan
    frame.loc[np.arange(20) * 150 + 7, "y"] = labels
    found = survey_table(FrameTable(frame), features(frame), ["y"], seed=0)
    assert found.targets[0].task.kind == "regression"
    assert found.targets[0].mean == pytest.approx(labels.mean())
    assert found.targets[0].scale == pytest.approx(labels.std())


def test_a_word_among_numbers_that_the_sample_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "N_SAMPLE", 50)
    frame = sample_table(3000)
    frame["size"] = frame["size"].astype(object)
    frame.loc[2718, "size"] = "huge"
    with pytest.raises(DataError, match="'size' should hold numbers, but has 'huge'"):
        survey_table(FrameTable(frame), features(frame), TARGETS, seed=0)


def test_a_column_of_text_is_left_out_and_told() -> None:
    frame = sample_table(800)
    words = ["small", "broken", "wooden", "old", "quiet", "narrow", "heavy", "plain", "round"]
    draw = np.random.default_rng(0)
    frame["told"] = [" ".join(draw.choice(words, 6)) for _ in range(len(frame))]
    found = survey_table(FrameTable(frame), features(frame), TARGETS, seed=0)
    assert "told" not in found.encoder.columns
    assert "it is text" in found.encoder.dropped["told"]


def test_a_column_of_a_sample_that_is_empty_may_hold_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(survey, "N_SAMPLE", 50)
    frame = sample_table(3000)
    frame["mark"] = None
    frame.loc[np.arange(12) * 250 + 3, "mark"] = "seen"
    found = survey_table(FrameTable(frame), features(frame), TARGETS, seed=0)
    (mark,) = (one for one in found.encoder.encodings if one.name == "mark")
    assert mark.feature_names == ("mark=seen", "mark is missing")
