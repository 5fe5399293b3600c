"""Columns that are read as text become what all of their text says."""

import numpy as np
import pandas as pd
import pyarrow
import pytest

from polytask.data.tables.plain_written import guess_written, settle


def _settle(values: list[str | None]) -> tuple[list[object], list[bool]] | None:
    settled = settle(pd.Series(values, dtype=pd.ArrowDtype(pyarrow.string())))
    return settled and (list(settled.values), settled.missing.tolist())


@pytest.mark.parametrize(
    ("values", "is_written"),
    [
        (["007", "1"] * 20, True),
        (["1.5", "2.5"] * 20, True),
        (["1", "2"] * 20, False),
        (["1", "2", ""] * 20, True),  # floats, as some are missing
        ([f"{index}.5" for index in range(40)], False),
        (["1.5", "x"] * 20, False),
        (["1.5", "1.5"], False),
    ],
)
def test_the_first_rows_tell_which_columns_may_say_more(values: list[str], is_written: bool) -> None:
    assert guess_written([[value] for value in values]) == [0] * is_written


def test_codes_and_prices_stay_text() -> None:
    assert _settle(["007", "8", None]) == (["007", "8", np.nan], [False, False, True])
    assert _settle(["1.10", "-2", "NA", "1.10"]) == (
        ["1.10", "-2", np.nan, "1.10"],
        [False, False, True, False],
    )


def test_what_is_written_as_the_numbers_are_becomes_numbers() -> None:
    assert _settle(["1.5", "2.0", "1.5"]) == ([1.5, 2.0, 1.5], [False] * 3)
    found = _settle(["3", "NA", None])
    assert found is not None and found[0][0] == 3.0 and found[1] == [False, True, True]
    assert np.isnan(found[0][1]) and np.isnan(found[0][2])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("value", ["x", "9007199254740993.5", "1e400", "True"])
def test_other_values_are_left_to_the_reader(value: str) -> None:
    assert _settle(["1.5", value]) is None
