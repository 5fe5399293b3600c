"""Records come out of plain JSON field by field, and nothing is converted by a guess."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from polytask.core import InputError
from polytask.core.records import record_from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    size: int = 3

    def __post_init__(self) -> None:
        if self.size < 0:
            raise InputError("`size` is below 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    name: str
    kind: Literal["a", "b"]
    rate: float
    on: bool = True
    steps: int | None = None
    names: tuple[str, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)
    inner: Inner | None = None


GOOD: dict[str, Any] = {"name": "x", "kind": "a", "rate": 1}


def read(**changes) -> Record:
    return record_from_json(Record, {**GOOD, **changes}, name="the record")


def test_a_record_is_read_with_its_types():
    found = read(on=False, steps=2, names=["a", "b"], notes={"a": "b"}, inner={"size": 4})
    assert found == Record(
        name="x",
        kind="a",
        rate=1.0,
        on=False,
        steps=2,
        names=("a", "b"),
        notes={"a": "b"},
        inner=Inner(size=4),
    )
    assert type(found.rate) is float
    assert read(inner=None, steps=None) == Record(name="x", kind="a", rate=1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"name": 3},
        {"name": None},
        {"kind": "c"},
        {"kind": ["a"]},
        {"rate": "1"},
        {"rate": True},
        {"rate": 10**400},
        {"on": 1},
        {"steps": 1.0},
        {"steps": True},
        {"steps": "2"},
        {"names": "ab"},
        {"names": ["a", 1]},
        {"notes": {"a": 1}},
        {"notes": []},
        {"inner": 3},
        {"inner": {"size": "3"}},
        {"inner": {"size": -1}},
        {"inner": {"colour": 1}},
        {"other": 1},
    ],
    ids=lambda change: str(change)[:40],
)
def test_another_type_or_an_unknown_field_is_refused(change):
    with pytest.raises(InputError, match=next(iter(change)) if "inner" not in change else "Inner|size|inner"):
        read(**change)


def test_all_problems_are_listed_at_once():
    with pytest.raises(
        InputError, match=r"the record: 'x' is unknown; 'name' .* text, not 3; 'kind' is missing"
    ):
        record_from_json(Record, {"name": 3, "rate": 1, "x": 1}, name="the record")


@pytest.mark.parametrize("data", [None, [], "x", 3])
def test_something_that_is_no_object_is_refused(data):
    with pytest.raises(InputError, match="the record is no object"):
        record_from_json(Record, data, name="the record")
