"""Targets as they are asked: what is split off a name, and what is asked is understood."""

import shlex
from typing import get_args

import pytest

from polytask.core.doors import at_the_command
from polytask.data.tables.target_kinds import TargetKind, asked_as, parse_target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y", ("y", None)),
        ("y:regression", ("y", "regression")),
        ("Jitter:RAP", ("Jitter:RAP", None)),
        ("Jitter:RAP:binary", ("Jitter:RAP", "binary")),
        ("y:", ("y:", None)),
        ("", ("", None)),
    ],
)
def test_only_a_kind_is_split_off_the_name(text: str, expected: tuple[str, str | None]) -> None:
    assert parse_target(text) == expected


def test_a_column_whose_name_ends_like_a_kind_is_a_name() -> None:
    assert parse_target("y:log", ["y:log"]) == ("y:log", None)
    assert parse_target("y:log", ["y"]) == ("y", "log")


@pytest.mark.parametrize("kind", get_args(TargetKind))
def test_what_is_told_to_be_asked_is_read_as_that(kind: TargetKind) -> None:
    with at_the_command():
        option, text = shlex.split(asked_as("worth of it", kind))
    assert option == "--target"
    assert parse_target(text) == ("worth of it", kind)
