"""Hostile tables: cells, types, names, targets and files that `fit` and `predict` may be given."""

import datetime
import decimal
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import polytask
from polytask.data import TableEncoder, read_table
from polytask.data.tables.table import fingerprint
from polytask.data.tables.target_column import TargetColumn
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.models.table_model import TableModel

__all__ = ["attempt"]

_SIZES = (1, 3, 12, 30, 40, 40, 60, 60, 60, 60, 60, 90, 90)
_FIT_EVERY = 40
_WORDS = (
    "unknown",
    "-",
    "NA",
    "None",
    "?",
    "",
    " ",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "0x10",
    "1_000",
    "٣",
    "½",
    "a\nb",
    "ä",
    "\0",
)
_ODD: tuple[Any, ...] = (
    *(None, np.nan, pd.NA, pd.NaT, True, False, 0, -1, 2**63, 2**64, -(2**70), 10**400, 10**5000, 1.5, -0.0),
    *(
        np.inf,
        1e308,
        5e-324,
        1j,
        "a",
        "1",
        "01",
        "\ud800",
        "x" * 10_000,
        b"bytes",
        [1],
        [],
        {},
        {"a": 1},
        {1},
    ),
    *((1, 2), (), np.zeros(2), np.array(3), object(), type, len, Ellipsis, range(3)),
    *(decimal.Decimal(text) for text in ("1.5", "NaN", "sNaN", "Infinity", "1e999999")),
    *(datetime.date(2024, 2, 29), datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59)),
    *(datetime.time(3), datetime.timedelta(1), datetime.timedelta.max, np.timedelta64(1, "Y")),
    *(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), pd.Timestamp("2024-01-01", tz="Europe/Berlin")),
    *(
        np.timedelta64("NaT"),
        np.datetime64("NaT"),
        np.datetime64("2024-01-01"),
        np.datetime64("300000-01-01"),
    ),
    *(np.float16(1.5), np.longdouble(1.5), np.str_("b"), np.bool_(True), pd.Interval(0, 1)),
    *(pd.Period("2024-01", "M"), pd.Timedelta("1D"), pd.Series([1, 2]), pd.DataFrame({"q": [1]})),
)


class _Unspeakable:
    """Cannot be written, compared or hashed."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise TypeError("no comparison")

    def __hash__(self) -> int:
        raise TypeError("no hash")


def _objects(values: list[Any]) -> pd.Series:
    cells = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        cells[index] = value
    return pd.Series(cells, dtype=object)


def _arrow(draw: random.Random, n: int) -> pd.Series:
    import pyarrow as pa

    some = [None, 0] if draw.random() < 0.5 else [1, 0]
    kinds: list[tuple[Any, Callable[[int], Any]]] = [
        (pa.list_(pa.int64()), lambda i: [i]),
        (pa.large_list(pa.string()), lambda i: [str(i)]),
        (pa.list_(pa.int8(), 2), lambda i: [1, i % 9]),
        (pa.struct([("q", pa.int64())]), lambda i: {"q": i}),
        (pa.map_(pa.string(), pa.int64()), lambda i: [("a", i)]),
        (pa.binary(), lambda i: bytes([i % 256])),
        (pa.large_string(), str),
        (pa.string(), lambda i: "yn"[i % 2]),
        (pa.dictionary(pa.int8(), pa.string()), lambda i: "abc"[i % 3]),
        (pa.bool_(), lambda i: i % 2 == 0),
        (pa.uint64(), lambda i: 2**64 - 1 - i),
        (pa.float16(), lambda i: np.float16(i)),
        (pa.decimal128(8, 2), decimal.Decimal),
        (pa.decimal256(60, 2), lambda i: decimal.Decimal(10**40 + i)),
        (pa.date32(), lambda i: datetime.date(2000, 1, 1) + datetime.timedelta(i)),
        (pa.date64(), lambda i: datetime.date(2000, 1, 1) + datetime.timedelta(i)),
        (pa.time64("us"), lambda i: datetime.time(i % 24)),
        (pa.timestamp("s"), lambda i: datetime.datetime(2000, 1, 1) + datetime.timedelta(i)),
        (pa.timestamp("ns", tz="Asia/Tokyo"), lambda i: datetime.datetime(2000, 1, 1 + i % 28)),
        (pa.duration("s"), lambda i: datetime.timedelta(i)),
        (pa.duration("ns"), lambda i: datetime.timedelta(i)),
        (pa.null(), lambda _: None),
    ]  # fmt: skip
    kind, make = draw.choice(kinds)
    values = [make(index) if some[index % 2] is not None else None for index in range(n)]
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(values, type=kind)))


def _typed(draw: random.Random, n: int) -> pd.Series:
    rows = np.arange(n)
    days = pd.date_range("1990-01-01", periods=n)
    makes: list[Callable[[], Any]] = [
        lambda: pd.Series(
            rows.astype(draw.choice(["i1", "u1", "i8", "u8", "f2", "f4", "f8", ">f8", ">i4", "longdouble"]))
        ),
        lambda: pd.Series(rows * draw.choice([1e-320, 1e-30, 1e30, 1e38, 1e39, 1e300, 1j])),
        lambda: pd.Series(np.where(rows % 3, rows * 1.0, draw.choice([np.nan, np.inf, -np.inf]))),
        lambda: pd.array(
            [None if i % 4 == 0 else i for i in range(n)],
            dtype=draw.choice([pd.Int8Dtype(), pd.Int64Dtype(), pd.UInt64Dtype(), pd.Float32Dtype()]),
        ),
        lambda: pd.array([None if i % 4 == 0 else i % 3 == 0 for i in range(n)], dtype="boolean"),
        lambda: pd.array(
            [None if i % 4 == 0 else draw.choice(["a", "b", "1"]) for i in range(n)],
            dtype=pd.StringDtype(na_value=draw.choice([pd.NA, np.nan])),
        ),
        lambda: pd.Categorical([draw.choice(["NA", "b", "", None]) for _ in rows]),
        lambda: pd.Categorical([draw.choice([1, 2, (1, 2), None, 1.5]) for _ in rows]),
        lambda: pd.Categorical(pd.cut(rows, 3) if n > 1 else [1]),
        lambda: pd.Categorical([True, False] * n, ordered=True)[:n],
        lambda: pd.Categorical(days[: max(1, n)]),
        lambda: pd.arrays.SparseArray(rows % 4 * 1.0, fill_value=draw.choice([0.0, np.nan])),
        lambda: pd.arrays.SparseArray(rows % 2 == 0),
        lambda: pd.arrays.SparseArray(rows % 3),
        lambda: days,
        lambda: days.tz_localize("US/Eastern"),
        lambda: days.to_period("M"),
        lambda: days.astype(draw.choice(["datetime64[s]", "datetime64[us]"])),
        lambda: np.array([np.datetime64("300000-01-01", "s")] * n),
        lambda: pd.to_timedelta(rows, unit="h"),
        lambda: rows.astype("timedelta64[s]") * 10 ** draw.choice([1, 9, 12]),
        lambda: pd.interval_range(0, n) if n else [],
        lambda: pd.arrays.IntervalArray.from_breaks(pd.date_range("2000-01-01", periods=n + 1)),
        lambda: [datetime.date(2000 + i % 9, 1, 1) for i in range(n)],
        lambda: [datetime.timedelta(i) for i in range(n)],
    ]
    return pd.Series(draw.choice(makes)())


def _texts(draw: random.Random, n: int) -> pd.Series:
    number = draw.choice(
        [str, lambda i: f"{i:03}", lambda i: f"{i / 10:.2f}", lambda i: f"{i}e5", lambda i: f"1.{i}"]
    )
    some = draw.choice([0, 0, 1, 3, n // 4, n])
    values = [number(draw.randrange(draw.choice([2, 5, 200]))) for _ in range(n - min(some, n))]
    values += [draw.choice(_WORDS) for _ in range(min(some, n))]
    draw.shuffle(values)
    return _objects(values)


def _mixed(draw: random.Random, n: int) -> pd.Series:
    few = draw.sample(_ODD, draw.choice([1, 1, 2, 2, 3, 6]))
    if draw.random() < 0.1:
        few.append(_Unspeakable())
    plain = draw.choice([None, lambda i: i, lambda i: "ab"[i % 2], lambda i: i * 0.5])
    share = 1.0 if plain is None else draw.choice([0.02, 0.3])
    return _objects(
        [draw.choice(few) if plain is None or draw.random() < share else plain(i) for i in range(n)]
    )


def _frame(draw: random.Random) -> pd.DataFrame:
    n = draw.choice(_SIZES)
    numbers = np.random.default_rng(draw.randrange(2**32))
    frame = pd.DataFrame({"a": numbers.normal(size=n), "y": numbers.normal(size=n)})
    frame["k"] = [draw.choice(["lo", "hi"]) for _ in range(n)]
    for index in range(draw.choice([1, 1, 2, 3])):
        make = draw.choice([_arrow, _typed, _typed, _texts, _mixed, _mixed])
        frame = pd.concat([frame, make(draw, n).rename(f"c{index}")], axis=1)  # its type is kept
    if draw.random() < 0.1:
        frame = _renamed(frame, draw)
    if draw.random() < 0.1:
        frame.index = draw.choice(
            [pd.Index([0] * n), pd.date_range("2000", periods=n), pd.MultiIndex.from_product([[1], range(n)])]
        )
    return frame.iloc[:0] if draw.random() < 0.01 else frame


def _renamed(frame: pd.DataFrame, draw: random.Random) -> pd.DataFrame:
    names: list[Any] = list(frame.columns)
    odd = [
        1,
        "1",
        1.5,
        None,
        np.nan,
        "",
        " ",
        "\ud800",
        "a",
        "y:regression",
        "y:p(1)",
        "a/b",
        "[m/s]",
        "$x$",
        ("t", 1),
        b"b",
        pd.Timestamp(0),
        "x" * 300,
    ]
    names[draw.randrange(len(names))] = draw.choice(odd)
    if draw.random() < 0.1:
        return frame.set_axis(pd.MultiIndex.from_tuples([("u", str(i)) for i in range(len(names))]), axis=1)
    return frame.set_axis(pd.Index(names, dtype=object, tupleize_cols=False), axis=1)


def _file(draw: random.Random, folder: Path) -> Path:
    """Write a table that is malformed in one way or another."""
    text = "a,y,k,c0\n" + "".join(
        f"{draw.gauss(0, 1):.4f},{draw.gauss(0, 1)},{draw.choice(['lo', 'hi'])},{draw.choice(_WORDS[:12])}\n"
        for _ in range(draw.choice([0, 1, 40, 60]))
    )
    if draw.random() < 0.6:
        text = draw.choice(_SPOILERS)(text, draw)
    encoding = draw.choice(["utf-8"] * 6 + ["utf-8-sig", "utf-16", "latin-1", "utf-32"])
    content = text.encode(encoding, errors="replace")
    if draw.random() < 0.25:
        cut = draw.randrange(len(content) + 1)
        content = draw.choice(
            [
                content[:cut],
                content[:cut] + bytes(draw.randrange(256) for _ in range(4)) + content[cut:],
                content * 3,
            ]
        )
    ending = draw.choice(
        [".csv"] * 9 + [".tsv", ".txt", ".csv.gz", ".csv.gz", ".parquet", ".pq", ".xlsx", ""]
    )
    path = folder / f"table{ending}"
    if ending in (".parquet", ".pq") and draw.random() < 0.8:
        packed = folder / "whole"
        pd.DataFrame({"a": range(30), "y": [1.5, 2, 4] * 10, "c0": [["x"], None, ["y"]] * 10}).to_parquet(
            packed
        )
        content = packed.read_bytes()
        for _ in range(draw.choice([0, 1, 5])):
            cut = draw.randrange(len(content))
            content = content[:cut] + bytes([draw.randrange(256)]) + content[cut + 1 :]
        content = content[: draw.choice([len(content), draw.randrange(len(content))])]
    elif ending.endswith(".gz") and draw.random() < 0.8:
        content = gzip.compress(
            content if draw.random() < 0.9 else b"a,b\n" + b"0" * 40_000_000, 9 if len(content) < 99 else 1
        )
        if draw.random() < 0.5:
            cut = draw.randrange(len(content))
            content = draw.choice(
                [content[:cut], content[:cut] + b"\xff" + content[cut + 1 :], content + b"more", content * 2]
            )
    path.write_bytes(content)
    return path


_SPOILERS: tuple[Callable[[str, random.Random], str], ...] = (
    lambda text, draw: text.replace(",", draw.choice([";", "\t", "|", " ", ":", ",,"])),
    lambda text, draw: text.replace("\n", draw.choice(["\r\n", "\r", "\n\n", ",\n", "\x0b", "\u2028", ""])),
    lambda text, draw: (
        draw.choice(["sep=,\n", "sep=;\n", "sep=\n", '"sep=,"\n', "sep=,,\n", "\n\n", "# note\n", "\0"])
        + text
    ),
    lambda text, draw: text.replace(
        "lo",
        draw.choice(['"lo', 'l"o', '"l"o', '"lo\n"', '"l""o"', "'lo'", "lo,", "\x00"]),
        draw.choice([1, -1]),
    ),
    lambda text, draw: text.replace("hi", "h" * draw.choice([1000, 140_000]), draw.choice([1, 2])),
    lambda text, draw: text.replace(
        "a,y", draw.choice([",y", "a,a", "1,2", "a,y,y", "\ufeffa,y", "a,y:p(lo)", " a , y "]), 1
    ),
    lambda _, draw: "".join(draw.choice("a,1\n\"';\r\t|\\ é") for _ in range(draw.choice([0, 1, 5, 200]))),
    lambda text, _: "\n".join(f"{index},{line}" for index, line in enumerate(text.splitlines())),
    lambda text, draw: text.replace("lo", "9" * draw.choice([20, 400, 5000])),
)


def _asked(frame: pd.DataFrame, draw: random.Random) -> Columns:
    """Ask for targets and roles: half of the time plainly, so that the cells are what is tried."""
    names = [str(name) for name in frame.columns]
    if draw.random() < 0.3:
        return Columns.of(["y", "k"])
    last = draw.choice(names[2:] or names)
    if draw.random() < 0.4:
        return Columns.of([last + draw.choice(["", "", ":regression", ":multiclass", ":binary"]), "y"])
    wanted: Any = draw.choice(
        [names[-2:], pd.Index(names[-2:]), np.array(["y", "k"]), last, set(names[:2]), iter(["y"]), 1, [],
         {last: None, "y": "regression"}, {last: draw.choice(["binary", "no", 3])}, [last + ":multilabel"],
         ["y", None], [["y"]], ["y", "y"], ["absent"], [f"{last}:no"], pd.Series([last])]
    )  # fmt: skip
    role = draw.choice(["none", "group", "group", "time", "drop"])
    return Columns.of(
        wanted,
        group=draw.choice([last, "k", 5]) if role == "group" else None,
        time=draw.choice([last, "y"]) if role == "time" else None,
        drop=draw.choice([last, "a", [0], None, ["a", "absent"]]) if role == "drop" else (),
    )


def _changed(frame: pd.DataFrame, way: int, draw: random.Random) -> Any:
    """Make the table of a later prediction: part of the rows, other types, fewer columns."""
    if way == 0:
        return frame.sample(frac=0.5, random_state=1) if len(frame) > 2 else frame
    if way == 1:
        return frame.drop(columns=frame.columns[draw.randrange(len(frame.columns))])
    if way == 2:
        return frame.astype(object)
    if way == 3:
        return {str(name): list(frame[name]) for name in frame.columns}
    if way == 4:
        return pd.concat([frame] * 2)
    return frame


def _check_prepared(frame: pd.DataFrame, prepared: PreparedTable) -> None:
    rows = prepared.rows
    assert torch.isfinite(torch.as_tensor(rows.inputs)).all(), "features that are not finite"
    assert all(torch.isfinite(target).all() for target in rows.targets.values()), (
        "targets that are not finite"
    )
    for folds in prepared.repeats:
        assert all(len(fold.train) and len(fold.held_out) for fold in folds), "an empty fold"
        judged = np.concatenate([fold.held_out for fold in folds])
        assert len(np.unique(judged)) == len(judged), "a row that is judged twice"
        assert not any(np.intersect1d(fold.train, fold.held_out).size for fold in folds), (
            "a row on both sides"
        )
    for target in prepared.targets:
        assert rows.n_labels(target.task.name), "a target without labels"
        if target.classes:
            mask = rows.masks[target.task.name]
            seen = set(rows.targets[target.task.name][mask].long().tolist())
            assert seen == set(range(len(target.classes))), "a class without a row"
        plain = json.loads(json.dumps(target.to_json(), allow_nan=False).encode())
        assert TargetColumn.from_json(plain) == target, "another target after loading"
        logits = torch.randn(7, target.task.n_outputs)
        assert all(len(column) == 7 for column in target.decode(logits).values())
        _check_labels(frame[target.task.name], target)
    encoder = TableEncoder.from_json(
        json.loads(json.dumps(prepared.encoder.to_json(), allow_nan=False).encode())
    )
    assert torch.equal(encoder.transform(frame)[0], prepared.encoder.transform(frame)[0]), (
        "other features after loading"
    )


def _check_labels(column: pd.Series, target: TargetColumn) -> None:
    """Answers that name the right class must equal the label, unless the messages say that they are text."""
    codes, mask = target.encode(column)
    if not target.classes or all(isinstance(label, str) for label in target.labels):
        return
    right = torch.nn.functional.one_hot(codes.long(), len(target.classes)).float()
    answers = target.decode(right[:, 1:2] - 0.5 if target.task.kind == "binary" else right)[""]
    for answer, truth, known in zip(answers.tolist(), column.tolist(), mask.tolist(), strict=True):
        assert not known or answer == truth or float(answer) == float(truth), (
            f"{answer!r} stands for {truth!r}"
        )


def attempt(seed: int, folder: Path) -> str:
    """Try a hostile table: read, prepare, encode; now and then fit, predict, save and load."""
    draw = random.Random(seed)
    source: Any = _file(draw, folder) if draw.random() < 0.3 else _frame(draw)
    what = source.suffix if isinstance(source, Path) else ", ".join(map(str, source.dtypes[3:]))
    frame = read_table(source)
    assert fingerprint(frame) == fingerprint(read_table(source)), "a fingerprint that changes"
    try:
        return f"{_use(source, frame, _asked(frame, draw), draw, folder, fit=seed % _FIT_EVERY == 0)}: {what}"
    except polytask.PolytaskError as refusal:
        if "y" not in frame.columns:
            raise
        # What was asked was refused; the table itself is to be read all the same.
        return (
            f"{_use(source, frame, Columns.of('y'), draw, folder, fit=False)} after {refusal!s:.60}: {what}"
        )


def _use(
    source: Any, frame: pd.DataFrame, columns: Columns, draw: random.Random, folder: Path, *, fit: bool
) -> str:
    """Fit, predict, save and load; or, as that takes longer, only what reads the table."""
    if fit:
        model = polytask.fit(
            source, list(columns.targets), group=columns.group, time_column=columns.time, drop=columns.drop,
            folds=draw.choice([2, 3, 5]), epochs=1, width=4, depth=1, baselines=False,
            batch_size=draw.choice([1, 7, 64]),
        )  # fmt: skip
        answers = model.predict(source)
        assert len(answers) == len(frame)
        again = polytask.load(model.save(folder / "model"))
        assert isinstance(again, TableModel)
        assert again.predict(source).equals(answers), "other answers after loading"
        return "fit"
    prepared = prepare_table(frame, columns, seed=draw.randrange(9))
    _check_prepared(frame, prepared)
    try:
        changed = _changed(frame, draw.randrange(6), draw)
    except (ValueError, TypeError):  # pandas cannot do it
        changed = frame
    later = read_table(changed)
    inputs, report = prepared.encoder.transform(later)
    assert torch.isfinite(inputs).all() and len(inputs) == len(later)
    "\n".join([*report.messages(), *prepared.messages]).encode()
    return "prepared"
