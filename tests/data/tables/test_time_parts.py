import numpy as np
import pandas as pd
import pytest

from polytask.data.tables.column import column_days
from polytask.data.tables.time_parts import part_features, part_names, varying_parts

_TIMES = ["1969-12-31 23:30", "1970-01-01", "2000-02-29 12:00", "2024-07-14 06:15", "1904-01-01 18:00"]


@pytest.mark.parametrize("part", ["month", "weekday", "hour"])
def test_parts_that_come_round_again_are_those_of_the_standard_library(part: str) -> None:
    stamps = [pd.Timestamp(text).to_pydatetime() for text in _TIMES]
    values = {
        "month": [(stamp.month - 1) / 12 for stamp in stamps],
        "weekday": [stamp.weekday() / 7 for stamp in stamps],
        "hour": [(stamp.hour + stamp.minute / 60) / 24 for stamp in stamps],
    }[part]
    sine, cosine = part_features(column_days(pd.Series(_TIMES)), (part,), mean=0, scale=1)  # type: ignore[arg-type]
    np.testing.assert_allclose(sine, np.sin(2 * np.pi * np.array(values)), atol=1e-9)
    np.testing.assert_allclose(cosine, np.cos(2 * np.pi * np.array(values)), atol=1e-9)


def test_a_year_is_where_it_begins_on_the_scale_of_the_days() -> None:
    days = column_days(pd.Series(["1971-06-01", "1970-12-31"]))
    (year,) = part_features(days, ("year",), mean=100, scale=10)
    np.testing.assert_allclose(year, [26.5, -10])


def test_missing_times_have_no_parts() -> None:
    for values in part_features(np.array([np.nan]), ("year", "month", "weekday", "hour"), mean=1, scale=2):
        assert values.tolist() == [0]


@pytest.mark.parametrize(
    ("times", "parts"),
    [
        (["2024-01-01", "2024-01-08"], ()),
        (["2024-01-01", "2024-02-05"], ("month",)),
        (["2024-01-01", "2024-01-02"], ("weekday",)),
        (["2024-01-01 10:00", "2024-01-01 10:30"], ("hour",)),
        (["2024-01-01", "2025-03-01", None], ("year", "month", "weekday")),
    ],
)
def test_only_parts_that_differ_are_told(times: list[str | None], parts: tuple[str, ...]) -> None:
    assert varying_parts(column_days(pd.Series(times))) == parts


def test_every_feature_has_a_name() -> None:
    parts = ("year", "month", "weekday", "hour")
    assert len(part_names("day", parts)) == len(part_features(np.zeros(1), parts, mean=0, scale=1))
