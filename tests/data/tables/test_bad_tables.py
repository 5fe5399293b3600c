"""Whatever a table holds, it either works or is refused with an `InputError`."""

import contextlib
import datetime
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import InputError
from polytask.data.tables.features import TableEncoder
from polytask.data.tables.leaks import check_leak
from polytask.data.tables.splits import Split, split_groups, split_rows, split_time
from polytask.data.tables.table import fingerprint, read_table
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.targets import fit_targets

_SOUP = st.text(alphabet='ab01.-eE,;|"\t\n\r ?é', max_size=80) | st.text(max_size=40)
_CELL = st.sampled_from(
    ["", "1", "2", "2.5", "-1e3", "inf", "NA", "?", "yes", "no", "true", "2024-03-31", '"']
)
_WORDS = st.sampled_from(
    ["a", "b", "1", "01", "", "NA", "true", "False", "inf", "1e999", "2024-03-31", "nan", "é"]
)
_NUMBERS = st.floats() | st.integers(-3, 3) | st.integers() | st.sampled_from([10**400, 2**63, -0.0, 1e-320])
_ODD = (
    st.decimals(allow_nan=False)  # pandas itself fails on a signalling NaN
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.timedeltas()
    | st.complex_numbers()
    | st.lists(st.integers(), max_size=2)
    | st.binary(max_size=2)
)
_VALUES = [
    st.floats(),
    st.integers(-2, 2),
    st.booleans(),
    _WORDS,
    st.none() | st.floats(0, 1),
    st.none() | st.booleans(),
    st.none() | _WORDS,
    st.dates(),
    st.datetimes(),
    _NUMBERS,
    _NUMBERS | _WORDS | st.booleans() | st.none(),
    _NUMBERS | _WORDS | _ODD | st.none(),
]
_DTYPES = st.sampled_from([None, None, object, "category", "string", "Int64", "float32", "boolean"])


@st.composite
def _frames(draw: st.DrawFn) -> pd.DataFrame:
    n_rows = draw(st.integers(0, 25))
    names = draw(st.lists(st.text(alphabet="ab: ", max_size=2), min_size=1, max_size=4))
    columns = []
    for _ in names:
        values = draw(st.sampled_from(_VALUES))
        column = pd.Series(draw(st.lists(values, min_size=n_rows, max_size=n_rows)), dtype=object)
        dtype = draw(_DTYPES)
        with contextlib.suppress(Exception):  # pandas itself refuses many a combination
            column = column.infer_objects() if dtype is None else column.astype(dtype)
        columns.append(column)
    frame = pd.concat(columns, axis=1)
    frame.columns = pd.Index(names, dtype=object)
    return frame.set_index(pd.Index(draw(st.lists(st.integers(0, 3), min_size=n_rows, max_size=n_rows))))


@st.composite
def _grids(draw: st.DrawFn) -> str:
    """Draw delimited text whose columns hold few kinds of cells; now and then a line is too long."""
    cells = draw(
        st.lists(st.lists(_CELL, min_size=1, max_size=3).map(st.sampled_from), min_size=1, max_size=4)
    )
    rows = draw(st.lists(st.tuples(*cells), min_size=1, max_size=20))
    lines = [",".join(f"c{position}" for position in range(len(cells))), *map(",".join, rows)]
    if draw(st.integers(0, 9)) == 0:
        lines.insert(draw(st.integers(0, len(rows))), "1,2,3,4,5")
    return "\n".join(lines)


@settings(max_examples=60, deadline=None)
@given(_SOUP | _grids())
def test_text_soup_is_a_table_or_an_input_error(text: str) -> None:
    _use_file(text.encode("utf-8", errors="surrogatepass"))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.binary(max_size=30).map(lambda noise: b"a,b\n1,2\n3," + noise))
def test_bytes_are_a_table_or_an_input_error(content: bytes) -> None:
    _use_file(content)


@settings(max_examples=80, deadline=None)
@given(_frames())
def test_any_data_frame_works_or_is_an_input_error(frame: pd.DataFrame) -> None:
    with contextlib.suppress(InputError):
        _use_frame(read_table(frame))


@settings(max_examples=60, deadline=None)
@given(_frames(), _frames())
def test_any_data_frame_can_be_encoded_for_prediction_or_is_an_input_error(
    fitted: pd.DataFrame, other: pd.DataFrame
) -> None:
    with contextlib.suppress(InputError):
        fitted, other = read_table(fitted), read_table(other)
        encoder = TableEncoder.fit(fitted, columns=list(fitted.columns), train_rows=np.arange(len(fitted)))
        n_shared = min(len(fitted.columns), len(other.columns))
        other = other.set_axis(
            [*fitted.columns[:n_shared], *map(str, range(n_shared, len(other.columns)))], axis=1
        )
        inputs, _ = encoder.transform(other)
        assert inputs.shape == (len(other), encoder.n_features) and inputs.isfinite().all()


def _use_file(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(InputError):
        path = Path(folder) / "table.csv"
        path.write_bytes(content)
        _use_frame(read_table(path))


def _use_frame(frame: pd.DataFrame) -> None:
    """Go the whole way from a table to tensors, with every way to split it."""
    assert len(frame) and len(frame.columns)
    assert fingerprint(frame) == fingerprint(frame.copy())
    target, *features = frame.columns
    ways: list[Callable[[], Split]] = [
        lambda: split_rows(len(frame), seed=0),
        lambda: split_rows(len(frame), seed=0, stratify=frame[target]),
        lambda: split_groups(frame[target], seed=0),
        lambda: split_time(frame[target]),
    ]
    for way in ways:
        with contextlib.suppress(InputError):
            split = way()
            assert len(split.train) and len(split.validation) and len(split.test)
            parts = np.concatenate([split.train, split.validation, split.test])
            assert sorted(parts.tolist()) == list(range(len(frame)))
            _learn_from(frame, target, features, split)


def _learn_from(frame: pd.DataFrame, target: str, features: list[str], split: Split) -> None:
    with contextlib.suppress(InputError):
        check_leak(frame, split, columns=features)
    with contextlib.suppress(InputError):
        encoder = TableEncoder.fit(frame, columns=features, train_rows=split.train)
        assert TableEncoder.from_json(json.loads(json.dumps(encoder.to_json(), allow_nan=False))) == encoder
        inputs, report = encoder.transform(frame)
        assert inputs.dtype == torch.float32 and inputs.shape == (len(frame), encoder.n_features)
        assert inputs.isfinite().all()
        assert all(isinstance(message, str) for message in report.messages())
    for kind in ("", ":regression", ":binary", ":multiclass"):
        with contextlib.suppress(InputError):
            (column,) = fit_targets(frame, [target + kind], train_rows=split.train)
            _check_target(column, frame[target])


def _check_target(column: TargetColumn, values: pd.Series) -> None:
    assert TargetColumn.from_json(json.loads(json.dumps(column.to_json(), allow_nan=False))) == column
    target, mask = column.encode(values)
    assert mask.tolist() == values.notna().tolist()
    assert target.isfinite().all()
    n_classes = max(2, column.task.n_outputs)
    assert column.task.kind == "regression" or (target.min() >= 0 and target.max() < n_classes)
    prediction = torch.zeros(len(values), column.task.n_outputs)
    assert {len(answers) for answers in column.decode(prediction).values()} == {len(values)}
