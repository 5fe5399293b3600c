import numpy as np
import pandas as pd
import pytest

from polytask.core import DataError
from polytask.data.tables.leaks import check_leak
from polytask.data.tables.splits import Split, split_groups, split_rows, split_time


def _split(train: list[int], validation: list[int], test: list[int]) -> Split:
    return Split(train=np.array(train), validation=np.array(validation), test=np.array(test))


_FRAME = pd.DataFrame(
    {
        "x": [1.0, 2.0, np.nan, 1.0, 3.0, np.nan],
        "c": ["a", "b", None, "a", "b", None],
        "g": ["p", "p", "q", "q", "r", "r"],
        "t": [1, 2, 3, 4, 5, 6],
    }
)
_GOOD = _split([0, 1], [2, 3], [4, 5])


def test_good_splits_pass() -> None:
    groups = split_groups(_FRAME["g"], seed=0)
    assert check_leak(_FRAME, groups, group="g") == []
    assert check_leak(_FRAME, split_time(_FRAME["t"]), time="t") == []
    assert check_leak(_FRAME, split_rows(6, seed=0)) == []


@pytest.mark.parametrize(
    ("columns", "n_repeated"), [(["x"], 1), (["c"], 2), (["x", "c"], 1), (["x", "c", "t"], 0), ([], 0)]
)
def test_test_rows_that_equal_a_training_row_are_counted(columns: list[str], n_repeated: int) -> None:
    warnings = check_leak(_FRAME, _split([0, 1, 2], [3], [4, 5]), columns=columns)
    assert [int(warning.split()[0]) for warning in warnings] == ([n_repeated] if n_repeated else [])


def test_repeated_rows_are_found_as_pandas_finds_them() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "a": draw.integers(0, 4, 200),
            "b": draw.choice(["x", "y", None], 200),
            "c": draw.integers(0, 5, 200) / 2,
        }
    )
    split = split_rows(200, fractions=(0.1, 0.1, 0.8), seed=0)
    train = frame.iloc[split.train].drop_duplicates()
    merged = frame.iloc[split.test].merge(train, on=["a", "b", "c"], how="inner")
    (warning,) = check_leak(frame, split, columns=["a", "b", "c"])
    assert warning.startswith(f"{len(merged)} of 160 test rows equal a training row")


def test_a_row_in_two_parts_is_refused() -> None:
    with pytest.raises(DataError, match="The train and test rows share 2 rows"):
        check_leak(_FRAME, _split([0, 1, 2], [3], [1, 2]))


def test_a_group_in_two_parts_is_refused() -> None:
    with pytest.raises(DataError, match=r"Groups 'p' of 'g' are both in train and in validation\. Split by"):
        check_leak(_FRAME, _split([0], [1], [2, 3]), group="g")


def test_test_rows_before_training_rows_are_refused() -> None:
    with pytest.raises(DataError, match="Some test rows are not later in 't' than all train rows"):
        check_leak(_FRAME, _split([4], [5], [0]), time="t")


def test_equal_times_on_two_sides_are_refused() -> None:
    with pytest.raises(DataError, match="Some validation rows are not later in 't' than all train rows"):
        check_leak(_FRAME.assign(t=[1, 1, 2, 3, 4, 5]), _split([0], [1, 2], [3, 4, 5]), time="t")


def test_all_leaks_are_listed_at_once() -> None:
    with pytest.raises(DataError, match=r"There are 3 problems:(.|\n)*share 1 row;(.|\n)*Groups(.|\n)*Some"):
        check_leak(_FRAME, _split([0], [0], [5]), group="g", time="t")


def test_a_position_outside_the_table_is_refused() -> None:
    with pytest.raises(DataError, match="The test rows are not all positions of a table with 6 rows"):
        check_leak(_FRAME, _split([0], [1], [6]))


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(DataError, match="There is no column 'G'; did you mean 'g'"):
        check_leak(_FRAME, _GOOD, group="G")
