"""JSON is written and read as the standard has it."""

import math

import pytest

from polytask.core import InputError
from polytask.core.strict_json import format_json, parse_json


def test_plain_values_come_back():
    value = {"a": [1, -2.5, None, True, "ä\U0001f600"], "b": {"c": []}, "big": 2**63}
    for indent in (None, 2):
        assert parse_json(format_json(value, indent=indent).encode()) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_named_with_its_place(number):
    with pytest.raises(InputError, match=rf"`tasks/1/rmse` is {number}"):
        format_json({"tasks": [{"rmse": 1.0}, {"rmse": number}]})


def test_a_lone_surrogate_is_not_written():
    with pytest.raises(InputError, match="cannot be written as JSON"):
        format_json({"name": "\ud800"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e400]", "too large"),
        (b"9" * 301, "too large"),
        (b"9" * 10_000, "too large"),
        (b'{"a": {"b": 1, "b": 1}}', "'b' stands twice"),
        (b'"\\ud83d"', "surrogates"),
        (b'"\xff"', "utf-8"),
        (b"[" * 10**5 + b"]" * 10**5, "deep"),
        (b"", "Expecting"),
        (b"{} {}", "Extra data"),
        (b" " * (2**25 + 1), "bytes"),
    ],
)
def test_anything_else_is_refused_with_the_reason(content, said):
    with pytest.raises(InputError, match=said):
        parse_json(content)
