import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from polytask.core import DataError, InputError
from polytask.data.tables.delimited import read_delimited
from polytask.data.tables.feature_column import CategoryFeatures
from polytask.data.tables.feature_fitting import quantities_note
from polytask.data.tables.features import TableEncoder
from polytask.data.tables.table import read_table


def _fit(frame: pd.DataFrame, train_rows: list[int] | None = None) -> TableEncoder:
    rows = np.arange(len(frame)) if train_rows is None else np.array(train_rows)
    return TableEncoder.fit(frame, columns=list(frame.columns), train_rows=rows)


def _mixed(n_rows: int = 60) -> pd.DataFrame:
    """Make a table with every kind of column, and values missing in training and outside it."""
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": draw.normal(5, 3, n_rows),
            "count": draw.integers(0, 9, n_rows),
            "flag": draw.random(n_rows) < 0.3,
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 99, n_rows), unit="D"),
            "colour": draw.choice(["red", "green", "blue"], n_rows),
            "shape": draw.choice(["round", "square"], n_rows),
        }
    )
    frame.loc[[1, 5, 50], "size"] = np.nan
    frame.loc[[2, 51], "colour"] = None
    frame.loc[[52], ["shape", "day"]] = None
    return frame


def _columns_of(encoder: TableEncoder, prefix: str) -> list[int]:
    return [position for position, name in enumerate(encoder.feature_names) if name.startswith(prefix)]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.arange(60) + 1000, True),
        (np.where(np.arange(60) == 7, np.nan, np.arange(60)), True),
        (np.arange(60) * 3, False),
        (np.arange(60) % 59, False),
        (np.arange(60) + 0.5, False),
        (np.arange(40), False),
    ],
)
def test_a_running_number_is_told(values: np.ndarray, told: bool) -> None:
    notes = _fit(pd.DataFrame({"customer": values, "size": np.sin(np.arange(len(values)))})).notes
    assert ("each row has another whole number" in notes.get("customer", "")) == told


def test_numbers_equal_the_scikit_learn_pipeline() -> None:
    frame, train = _mixed(), np.arange(40)
    encoder = TableEncoder.fit(frame, columns=["size", "count"], train_rows=train)
    values = frame[["size", "count"]].to_numpy(dtype=float)
    pipeline = FeatureUnion(
        [
            ("value", make_pipeline(SimpleImputer(strategy="median"), StandardScaler())),
            ("missing", MissingIndicator()),
        ]
    ).fit(values[train])
    inputs, _ = encoder.transform(frame)
    order = [encoder.feature_names.index(name) for name in ("size", "count", "size is missing")]
    np.testing.assert_allclose(inputs[:, order], pipeline.transform(values), rtol=1e-6, atol=1e-7)


def test_categories_equal_the_scikit_learn_encoder() -> None:
    frame, train = _mixed(), np.arange(40)
    frame.loc[55, "colour"] = "violet"  # never seen in training
    texts = frame[["colour", "shape"]].astype(object).where(frame[["colour", "shape"]].notna(), None)
    reference = ColumnTransformer(
        [("one", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["colour", "shape"])]
    ).fit(texts.iloc[train])
    encoder = TableEncoder.fit(frame, columns=["colour", "shape"], train_rows=train)
    inputs, _ = encoder.transform(frame)
    assert encoder.feature_names == (
        "colour=blue",
        "colour=green",
        "colour=red",
        "colour is missing",
        "shape=round",
        "shape=square",
    )
    np.testing.assert_array_equal(inputs, reference.transform(texts))


def test_truth_values_and_days_are_standardized_numbers() -> None:
    frame = _mixed()
    encoder = TableEncoder.fit(frame, columns=["flag", "day"], train_rows=np.arange(40))
    inputs, _ = encoder.transform(frame)
    flag = frame["flag"].to_numpy(dtype=float)
    day = (frame["day"] - pd.Timestamp("1970-01-01")).dt.total_seconds().to_numpy() / 86_400
    day[52] = np.median(day[:40])
    for column, values in enumerate((flag, day)):
        expected = (values - values[:40].mean()) / values[:40].std()
        np.testing.assert_allclose(inputs[:, column], expected, rtol=1e-5, atol=1e-6)


def test_rows_outside_training_do_not_matter() -> None:
    frame, other = _mixed(), _mixed()
    other.loc[40:, "size"] = 1e3
    other.loc[40:, "colour"] = "violet"
    assert _fit(frame, list(range(40))) == _fit(other, list(range(40)))


def test_the_order_and_the_index_of_training_rows_do_not_matter() -> None:
    frame = _mixed()
    shuffled = frame.sample(frac=1, random_state=0)
    first, second = _fit(frame).to_json(), _fit(shuffled).to_json()
    for one, two in zip(first["columns"], second["columns"], strict=True):
        assert one == {
            key: pytest.approx(value) if key in ("mean", "scale") else value for key, value in two.items()
        }


def test_json_gives_back_the_same_encoder() -> None:
    frame = _mixed().assign(constant=1)
    encoder = _fit(frame)
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json(), allow_nan=False)))
    assert again == encoder
    assert torch.equal(again.transform(frame)[0], encoder.transform(frame)[0])


def test_a_file_and_its_data_frame_encode_alike() -> None:
    frame = _mixed()
    read = read_delimited(frame.to_csv(index=False), "t")
    assert torch.equal(_fit(read).transform(read)[0], _fit(frame).transform(frame)[0])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 59), min_size=1, max_size=5))
def test_a_row_encodes_alike_alone_and_among_others(rows: list[int]) -> None:
    frame = _mixed()
    encoder = _fit(frame, list(range(40)))
    alone, _ = encoder.transform(read_delimited(frame.iloc[rows].to_csv(index=False), "t"))
    assert torch.equal(alone, encoder.transform(frame)[0][rows])


def test_numbers_stored_as_text_are_numbers() -> None:
    frame = pd.DataFrame({"x": ["1.5", "2", None, "1e1"]})
    assert torch.equal(_fit(frame).transform(frame)[0], _fit(frame.astype(float)).transform(frame)[0])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0] * 6, "always '1' in the training rows"),
        (["a"] * 6, "always 'a' in the training rows"),
        ([None] * 6, "no value in the training rows"),
        ([1.0, 1.0, 1.0, 1.0, 1.0, 2.0], "always '1' in the training rows"),
        ([1e9, 1e9 + 1e-7, 1e9, 1e9, 1e9, 5], "constant up to rounding"),
    ],
)
def test_a_column_without_information_is_dropped_and_reported(values: list[object], reason: str) -> None:
    frame = pd.DataFrame({"good": range(6), "bad": values})
    encoder = _fit(frame, [0, 1, 2, 3, 4])
    assert encoder.columns == ("good",)
    assert reason in encoder.dropped["bad"]
    assert any("'bad' is not used" in message for message in encoder.transform(frame)[1].messages())


def test_what_was_found_in_fitting_can_be_left_out_of_the_messages() -> None:
    frame = pd.DataFrame({"good": range(6), "bad": [1] * 6})
    assert _fit(frame).transform(frame)[1].messages(fitting=False) == []


def test_text_that_identifies_rows_is_dropped() -> None:
    frame = pd.DataFrame({"name": [f"row {index % 60}" for index in range(100)], "x": range(100)})
    encoder = _fit(frame)
    assert "different in most rows (60 values in 100 rows)" in encoder.dropped["name"]


def test_numbers_spoilt_by_text_are_hinted_at() -> None:
    values = [f"{index}.5" for index in range(96)] + ["n.a.", "none", "?!", "tba"]
    encoder = _fit(pd.DataFrame({"price": values, "x": range(100)}))
    assert "it holds numbers but for 4 rows with 'n.a.'" in encoder.dropped["price"]


def test_a_stray_word_among_numbers_is_missing_and_reported() -> None:
    values = [str(18 + index % 70) for index in range(100)]
    encoder = _fit(pd.DataFrame({"age": [*values, "unknown"]}))
    assert encoder.feature_names == ("age", "age is missing")
    inputs, report = encoder.transform(pd.DataFrame({"age": ["unknown", "40"]}))
    assert inputs[:, 1].tolist() == [1, 0]
    expected = "Column 'age': 'unknown' counts as missing in 1 row, as all other values are numbers."
    assert expected in report.messages()
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert torch.equal(again.transform(pd.DataFrame({"age": ["unknown", "40"]}))[0], inputs)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([f"{18 + index % 30},500" for index in range(100)], "look like numbers or times: write 1234.5"),
        ([f"{1 + index % 28:02d}/03/2024" for index in range(100)], "and 2024-03-31"),
        ([str(18 + index % 40) if index % 3 else "unknown" for index in range(100)], "because of 'unknown'"),
        ([str(index % 40) for index in range(90)] + ["a", "b", "c", "d"] * 2, "because of 'a', 'b', 'c'"),
        ([f"{index % 40:04d}" for index in range(100)], None),  # codes
        ([f"B{index % 40}" for index in range(100)], None),
        (["1", "2", "more"] * 33, None),
        (pd.Categorical([f"{index % 20},5" for index in range(100)]), None),
    ],
)
def test_categories_that_look_like_numbers_are_told(values: object, told: str | None) -> None:
    frame = pd.DataFrame({"x": values})
    frame["z"] = np.arange(len(frame))
    note = _fit(frame).notes.get("x")
    assert (note is None) if told is None else (note is not None and told in note)


def test_a_word_that_counts_as_missing_in_text_is_reported() -> None:
    frame = read_table(pd.DataFrame({"country": ["NA", "DE", "FR", "NA", None, ""], "x": range(6)}))
    assert _fit(frame).notes["country"] == "'NA' counts as missing in 2 rows"


def test_a_category_is_found_again_however_its_number_is_written() -> None:
    encoder = _fit(pd.DataFrame({"zone": ["1", "2.0", "x", "x"]}))
    inputs, report = encoder.transform(pd.DataFrame({"zone": [1.0, 2.0, 2.0]}))
    assert inputs.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0]] and not report.unseen_categories


def test_a_table_of_other_columns_is_refused() -> None:
    encoder = _fit(pd.DataFrame({"size": [1, 2], "colour": ["red", "blue"]}))
    with pytest.raises(DataError, match="none of the model's columns, 'size', 'colour'; it has 'invoice'"):
        encoder.transform(pd.DataFrame({"invoice": [1, 2]}))


def test_few_columns_are_told_before_the_missing_ones() -> None:
    frame = pd.DataFrame({name: [1, 2] for name in "abc"})
    _, report = _fit(frame).transform(frame[["a"]])
    assert report.messages()[0].startswith("Only 1 of the model's 3 columns is in the table")
    _, report = _fit(frame).transform(frame[["a", "b"]])
    assert report.messages() == ["Column 'c' is missing; it counts as unknown in every row."]
    (told,) = report.messages(fitting=False)
    assert told == "Column 'c' is missing; it counts as unknown in every row, which intervals do not know."


def test_rows_that_are_mostly_blank_are_counted_and_told_where_answers_are_asked_for() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=9), "b": draw.normal(size=9), "c": list("xyxyxyxyx")})
    rows = frame.iloc[:4].copy()
    rows.loc[0, ["a", "b"]] = rows.loc[1, ["b", "c"]] = rows.loc[2, "a"] = None
    _, report = _fit(frame).transform(rows)
    assert report.n_blank == 2 and report.messages() == []
    (told,) = report.with_more(report).messages(fitting=False)
    assert told.startswith(
        "4 of 8 rows lack a value in more than half of the model's 3 columns: their answers"
    )
    _, report = _fit(frame).transform(rows.drop(columns="b").iloc[3:].assign(a=None))
    assert report.messages(fitting=False)[0].startswith("Only") is False and report.n_blank == 1
    _, report = _fit(frame).transform(rows[["a"]])
    assert not any("lack" in text for text in report.messages(fitting=False))  # the table is told as a whole


def test_a_flag_that_is_a_number_or_nothing_is_a_category() -> None:
    frame = pd.DataFrame({"flag": [1, None, 1, None]})
    encoder = _fit(frame)
    assert encoder.feature_names == ("flag=1", "flag is missing")
    assert encoder.transform(frame)[0].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]


def _many_categories() -> pd.DataFrame:
    """120 categories, of which 100 occur thrice and 20 twice."""
    return pd.DataFrame(
        {"code": [f"c{index:03}" for index in range(120) for _ in range(3 if index >= 20 else 2)]}
    )


def test_the_most_frequent_100_categories_have_features_of_their_own() -> None:
    frame = _many_categories()
    encoder = _fit(frame)
    assert encoder.feature_names[:100] == tuple(f"code=c{index:03}" for index in range(20, 120))
    inputs, report = encoder.transform(frame)
    assert not inputs[:40, :100].any() and (inputs[40:, :100].sum(1) == 1).all()
    assert any("the 100 most frequent of 120 categories" in message for message in report.messages())
    assert not report.unseen_categories


def test_rare_and_new_categories_share_buckets_and_tell_how_rare_they_are() -> None:
    encoder = _fit(_many_categories())
    assert encoder.n_features == 100 + 32 + 1
    inputs, report = encoder.transform(pd.DataFrame({"code": ["c000", "new", "c119", None, "c000"]}))
    assert inputs[:, 100:132].sum(1).tolist() == [1, 1, 0, 0, 1]
    assert torch.equal(inputs[0], inputs[4])
    assert inputs[:, 132].tolist() == [1, 0, 0, 0, 1]  # as often as the most frequent of the rare ones
    assert report.unseen_categories == {"code": {"new": 1}}


def test_a_category_is_in_its_bucket_however_its_number_is_written() -> None:
    encoder = _fit(pd.DataFrame({"code": [str(index % 120) for index in range(360)] + list("vwxyz")}))
    inputs, _ = encoder.transform(pd.DataFrame({"code": [7777.0, 99.0]}))
    again, _ = encoder.transform(pd.DataFrame({"code": ["7777", "99"]}))
    assert torch.equal(inputs, again) and inputs[0, 100:132].sum() == 1


def test_buckets_are_the_same_in_every_process() -> None:
    encoding = CategoryFeatures(name="x", categories=("a",), missing=False, buckets=4, rare={"b": 3, "c": 1})
    # CRC-32 of b, c, d: 0x71BEEFF9, 0x06B9DF6F, 0x98DD4ACC.
    assert encoding.encode(pd.Series(["b", "c", "d"])).features.argmax(1).tolist() == [2, 4, 1]


def test_an_encoder_of_before_parts_and_buckets_is_read() -> None:
    day = {"name": "day", "kind": "time", "median": 5.0, "mean": 4.0, "scale": 2.0, "indicator": False}
    colour = {"name": "colour", "kind": "category", "categories": ["red"], "missing": False}
    encoder = TableEncoder.from_json({"columns": [day, colour], "dropped": {}, "notes": {}})
    inputs, _ = encoder.transform(pd.DataFrame({"day": ["1970-01-07", None], "colour": ["red", "blue"]}))
    assert inputs.tolist() == [[1.0, 1.0], [0.5, 0.0]]


@pytest.mark.parametrize(
    "change",
    [
        {"parts": ["month", "month"]},
        {"parts": ["month"], "kind": "number"},
        {"parts": ["second"]},
        {"parts": "month"},
    ],
)
def test_parts_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    day = {"name": "day", "kind": "time", "median": 5.0, "mean": 4.0, "scale": 2.0, "indicator": False}
    with pytest.raises(InputError, match="'day'"):
        TableEncoder.from_json({"columns": [day | change], "dropped": {}, "notes": {}})


@pytest.mark.parametrize(
    "change", [{"buckets": -1}, {"buckets": 10**9}, {"buckets": 2, "rare": {"a": 0}}, {"rare": {"a": 0.5}}]
)
def test_buckets_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    colour = {"name": "colour", "kind": "category", "categories": ["red"], "missing": False}
    with pytest.raises(InputError, match="'colour'"):
        TableEncoder.from_json({"columns": [colour | change], "dropped": {}, "notes": {}})


def test_times_have_their_parts_as_features() -> None:
    days = pd.date_range("2024-01-01", periods=60, freq="D")
    encoder = _fit(pd.DataFrame({"day": [*days, None]}))
    assert encoder.feature_names == (
        "day",
        "day is missing",
        "day: month (sine)",
        "day: month (cosine)",
        "day: weekday (sine)",
        "day: weekday (cosine)",
    )
    inputs, _ = encoder.transform(pd.DataFrame({"day": ["2031-04-07", None]}))
    torch.testing.assert_close(inputs[0, 2:], torch.tensor([1.0, 0.0, 0.0, 1.0]))  # April, a Monday
    assert inputs[1, 2:].tolist() == [0, 0, 0, 0]


def test_a_missing_column_counts_as_missing_in_every_row() -> None:
    frame = _mixed()
    encoder = _fit(frame, list(range(40)))
    inputs, report = encoder.transform(frame.drop(columns=["size", "shape", "colour"]))
    assert report.missing_columns == ("size", "colour", "shape")
    assert "Column 'size' is missing; it counts as unknown in every row." in report.messages()
    expected, _ = encoder.transform(frame.assign(size=np.nan, shape=None, colour=None))
    assert torch.equal(inputs, expected)
    assert not inputs[:, _columns_of(encoder, "shape")].any()
    assert inputs[:, _columns_of(encoder, "colour")].unique(dim=0).tolist() == [[0, 0, 0, 1]]


def test_further_columns_are_ignored() -> None:
    frame = _mixed()
    encoder = _fit(frame)
    inputs, report = encoder.transform(frame.assign(new=["text"] * len(frame)))
    assert torch.equal(inputs, encoder.transform(frame)[0]) and not report.messages()


def test_categories_never_seen_are_counted_and_zero() -> None:
    encoder = _fit(pd.DataFrame({"colour": ["red", "blue"]}))
    inputs, report = encoder.transform(pd.DataFrame({"colour": ["green", "red", "green", "grey", None]}))
    assert inputs.tolist() == [[0, 0], [0, 1], [0, 0], [0, 0], [0, 0]]
    assert report.unseen_categories == {"colour": {"green": 2, "grey": 1}}
    assert report.messages() == [
        "Column 'colour', 'green', 'grey': 3 rows count as none of the known categories."
    ]


def test_a_number_far_from_the_training_rows_is_clipped_and_reported() -> None:
    inputs, report = _fit(pd.DataFrame({"x": [1.0, 2.0, 3.0]})).transform(pd.DataFrame({"x": [3e38, 2.0]}))
    assert inputs.tolist() == [[1e6], [0.0]]
    assert report.messages() == ["Column 'x': 1 row is far beyond the training rows, and clipped."]


def test_text_in_a_number_column_is_refused_at_prediction() -> None:
    encoder = _fit(_mixed())
    with pytest.raises(DataError, match=r"Column 'size' should hold numbers, but has 'big' \(2 rows\)"):
        encoder.transform(pd.DataFrame({"size": ["big", "1", "big"]}))


def test_a_date_column_refuses_numbers_at_prediction() -> None:
    with pytest.raises(DataError, match="Column 'day' should hold times, but has '5'"):
        _fit(_mixed()).transform(pd.DataFrame({"day": [5]}))


def test_all_columns_that_cannot_be_used_are_listed_at_once() -> None:
    frame = pd.DataFrame({"a": [1.0, np.inf, -np.inf], "b": [[1], [2], [3]], "c": [1, 2, 3]})
    with pytest.raises(DataError) as caught:
        TableEncoder.fit(frame, columns=["a", "b", "c", "d"], train_rows=np.arange(3))
    message = str(caught.value)
    assert message.startswith("There are 3 problems:")
    assert "Column 'a' is infinite or beyond 3.4e38 in 2 rows. Correct these values" in message
    assert "Column 'b' holds objects of type list" in message
    assert "There is no column 'd'" in message


def test_a_table_without_any_useful_column_is_refused_with_reasons() -> None:
    with pytest.raises(DataError, match=r"No column can be used as a feature \('x': always '1'"):
        _fit(pd.DataFrame({"x": [1, 1]}))


def test_an_encoder_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        _fit(_mixed()).encodings = ()  # type: ignore[misc]


def _real(*names: str) -> Path:
    root = os.environ.get("POLYTASK_DATA")
    path = Path(root or ".").joinpath(*names)
    if not root or not path.exists():
        pytest.skip(f"POLYTASK_DATA names no folder with {'/'.join(names)}")
    return path


def test_the_sites_of_heart_disease_encode_with_whole_columns_missing() -> None:
    names = "age,sex,cp,trestbps,chol,fbs,restecg,thalach,exang,oldpeak,slope,ca,thal,num\n"
    sites = [
        read_delimited(names + _real("heart_sites", f"processed.{site}.data").read_text(), site)
        for site in ("cleveland", "hungarian", "switzerland", "va")
    ]
    assert [len(site) for site in sites] == [303, 294, 123, 200]
    frame = pd.concat(sites)
    columns = [name for name in frame.columns if name != "num"]
    encoder = TableEncoder.fit(frame, columns=columns, train_rows=np.arange(303))
    inputs, _ = encoder.transform(frame)
    assert inputs.isfinite().all()
    missing = frame["thal"].isna().to_numpy()
    assert inputs[:, encoder.feature_names.index("thal is missing")].bool().tolist() == missing.tolist()


def test_the_fashion_titles_table_encodes() -> None:
    frame = read_table(_real("fashion_styles", "styles.csv"))
    encoder = _fit(frame.drop(columns="id"))
    inputs, report = encoder.transform(frame)
    assert inputs.isfinite().all() and len(inputs) == 44_446
    assert "only the 100 most frequent of" in report.notes["articleType"]
    names = encoder.feature_names
    counts = frame["season"].value_counts(dropna=False)
    assert inputs[:, names.index("season=Summer")].sum() == counts["Summer"]
    assert inputs[:, names.index("season is missing")].sum() == frame["season"].isna().sum()


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([2**64 - 2 - 2 * (index % 30) for index in range(60)], dtype="uint64"),
        pd.Series([f"1.{index % 30}" for index in range(60)], dtype=object),
    ],
    ids=["longer than a float", "classes such as 1.1 and 1.10"],
)
def test_numbers_that_are_categories_on_purpose_are_not_remarked_upon(column):
    assert quantities_note(column) == ""


def test_rows_far_outside_the_training_range_are_counted_with_it():
    table = pd.DataFrame({"age": np.linspace(18, 80, 50), "b": np.arange(50) % 5})
    encoder = TableEncoder.fit(table, columns=["age", "b"], train_rows=np.arange(50))
    strange = table.head(4).assign(age=[10.0, 81.0, 30.0, 200.0])
    inputs, report = encoder.transform(strange)
    (message,) = report.messages(fitting=False)
    assert message.startswith("3 of 4 rows have 'age' outside the training range 18 to 80")
    assert report.messages() == [] and inputs.isfinite().all()
    again = TableEncoder.from_json(encoder.to_json())
    assert again == encoder and again.transform(strange)[1] == report
    both = report.with_more(report)
    assert both.messages(fitting=False)[0].startswith("6 of 8 rows have 'age'")


def test_rows_a_little_outside_are_as_new_rows_are_and_missing_ones_are_nowhere():
    table = pd.DataFrame({"age": np.linspace(18, 80, 50)})
    encoder = TableEncoder.fit(table, columns=["age"], train_rows=np.arange(50))
    _, report = encoder.transform(pd.DataFrame({"age": [17.0, 85.0, np.nan, 40.0]}))
    assert not report.outside
    (one,) = encoder.encodings
    old = replace(one, low=None, high=None)  # as models of earlier versions have it
    assert old.encode(pd.Series([1e9])).n_outside == 0 and one.encode(pd.Series([1e9])).n_outside == 1
