import datetime
import re

import numpy as np
import pandas as pd
import pytest

from polytask.data.tables.table import read_table
from polytask.data.tables.target_labels import split_labels, target_messages
from polytask.data.tables.targets import fit_targets


def _messages(values: object, kind: str = "") -> list[str]:
    frame = read_table(pd.DataFrame({"y": values}))
    return target_messages(frame, fit_targets(frame, ["y" + kind], train_rows=np.arange(len(frame))))


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        (["None"] * 6 + ["crack", "dent"] * 3, "", "'None' counts as no label in 6 of 12 rows"),
        (["1", "0", "NA"] * 3, "", "'NA' counts as no label in 3 of 9 rows"),
        (
            [*map(str, range(30)), "tba"],
            "",
            "'tba' counts as missing in 1 row, as all other values are numbers",
        ),
        ([str(index / 8) for index in range(30)], "", "is text that spells numbers, .* 'y:multiclass'"),
        ([f"{index},500" for index in range(20, 40)] * 3, "", "as categories, though '20,500', '21,500'"),
        ([f"{index},5" for index in range(20)] * 3, "", "read as numbers with a decimal comma"),
        ([f"{index} kg" for index in range(20)] * 3, "", "read as numbers in the unit 'kg'"),
        ([1, 2, "b"] * 3, "", r"several types \(int, text\); its answers are text"),
        (
            pd.period_range("2020", periods=2, freq="Y").repeat(3),
            "",
            "of type Period; its answers are their text",
        ),
        ([datetime.timedelta(days) for days in range(20)], "", "answered in days"),
        (
            ["caf\xe9", "cafe\u0301", "tea"] * 3,
            "",
            r"'cafe\\u0301' and 'caf\\xe9' look alike but count as different classes, .*\(NFC\)",
        ),
        (["a"] * 5 + ["b", "b"], "", "class 'b' has fewer than 3 rows, .* never see it; .* about it"),
        (["a"] * 5 + ["b", "c"], "", "classes 'b', 'c' have fewer than 3 rows, .* see them; .* about them"),
    ],
)
def test_what_is_read_otherwise_than_written_is_told(values: object, kind: str, message: str) -> None:
    (told,) = _messages(values, kind)
    assert told.startswith("Target 'y'") and re.search(message, told), told


@pytest.mark.parametrize(
    "values", [["a", "b"] * 3, [True, False] * 3, list(np.arange(20) / 3), [1, 2, 3] * 3]
)
def test_plain_labels_need_no_word(values: list[object]) -> None:
    assert _messages(values) == []


def test_a_categorical_column_may_have_a_class_called_none() -> None:
    frame = read_table(pd.DataFrame({"y": pd.Categorical(["None", "crack"] * 3)}))
    (target,) = fit_targets(frame, ["y"], train_rows=np.arange(6))
    assert target.classes == ("None", "crack") and not target_messages(frame, [target])


def test_training_needs_classes_and_two_numbers() -> None:
    frame = pd.DataFrame(
        {"k": ["b", None, "a", "b"], "few": [1.5, 2.5, np.nan, 3.5], "bad": [[1], [2], [3], [4]]}
    )
    labels = split_labels(frame, ["k", "few", "bad", "absent"])
    assert list(labels) == ["k", "few"]
    assert labels["k"].codes.tolist() == [0, -1, 1, 0]
    assert labels["few"].codes.tolist() == [0, 0, -1, 1] and labels["few"].all_in_training
    zeros = pd.DataFrame({"y": [0.0] * 40 + [1.5, 2.5, 3.5]})
    assert split_labels(zeros, ["y"])["y"].codes.tolist() == [0] * 40 + [1] * 3
    measured = split_labels(pd.DataFrame({"y": np.arange(40) / 3}), ["y"])["y"]
    assert not measured.all_in_training and set(measured.codes) == {0}
