"""What a run is, read from its objects."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from polytask.train.identity import described, described_modules, differences


class Colour(enum.Enum):
    red = 1


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: Any


class Kept:
    """Keeps its arguments, one under another name, and something else."""

    def __init__(self, rate: float, steps: int, forgotten: int = 0) -> None:
        self.rate = rate
        self._steps = steps
        self.counter = 7


class Tied:
    def __init__(self, inner: Any) -> None:
        self.inner = inner


def test_values_are_told_as_they_are():
    value = {
        "a": None,
        "b": True,
        "c": 3,
        "d": 0.5,
        "e": "x",
        "f": float("inf"),
        "g": Path("p"),
        "h": Colour.red,
    }
    assert described("v", value) == {
        "v.a": None, "v.b": True, "v.c": 3, "v.d": 0.5, "v.e": "x", "v.f": "inf", "v.g": "p",
        "v.h": "Colour.red",
    }  # fmt: skip


def test_objects_are_told_by_the_arguments_that_they_keep():
    assert described("k", Kept(0.1, 5)) == {"k": "Kept", "k.rate": 0.1, "k.steps": 5}
    assert described("p", Point(1.0, (1, "a"))) == {"p": "Point", "p.x": 1.0, "p.y": '[1, "a"]'}
    assert described("f", partial(max, 3, key=len)) == {
        "f.function": "max", "f.arguments": "[3]", "f.key": "len"
    }  # fmt: skip
    assert described("s", {3, 1}) == {"s": '["1", "3"]'}
    assert described("t", [torch.float32, int, Point(1.0, None)]) == {
        "t.0": "torch.float32", "t.1": "int", "t.2": "Point", "t.2.x": 1.0, "t.2.y": None,
    }  # fmt: skip


class KeptByBase(Kept):
    def __init__(self, name: str, **more: Any) -> None:
        super().__init__(**more)
        self.name = name


def test_arguments_that_are_passed_on_to_the_base_are_told():
    told = described("k", KeptByBase("n", rate=0.1, steps=5))
    assert told == {"k": "KeptByBase", "k.name": "n", "k.rate": 0.1, "k.steps": 5}


PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "a number": (lambda: torch.tensor([1.0, 2.0]), lambda: torch.tensor([1.0, 3.0])),
    "a form": (lambda: torch.ones(2, 3), lambda: torch.ones(3, 2)),
    "a type": (lambda: torch.zeros(2), lambda: torch.zeros(2, dtype=torch.float16)),
    "16 bits": (lambda: torch.ones(2).bfloat16(), lambda: torch.zeros(2).bfloat16()),
    "sparse": (lambda: torch.eye(2).to_sparse(), lambda: 2 * torch.eye(2).to_sparse()),
    "scalars": (lambda: torch.tensor(1), lambda: torch.tensor(2)),
    "array": (lambda: np.arange(3), lambda: np.arange(1, 4)),
    "array of objects": (lambda: np.array(["a", 1], object), lambda: np.array(["a", 2], object)),
    "table": (lambda: pd.DataFrame({"x": [1]}), lambda: pd.DataFrame({"x": [2]})),
    "column": (lambda: pd.Series([1.0]), lambda: pd.Series([2.0])),
    "long list": (lambda: list(range(1000)), lambda: [*range(999), 7]),
    "long list of tensors": (lambda: [torch.ones(1)] * 99, lambda: [*[torch.ones(1)] * 98, torch.zeros(1)]),
    "inside": (lambda: {"a": [Kept(0.1, 5)]}, lambda: {"a": [Kept(0.1, 6)]}),
    "function": (lambda: len, lambda: max),
}


@pytest.mark.parametrize("what", PAIRS)
def test_equal_values_are_told_alike_and_others_differently(what):
    first, second = PAIRS[what]
    assert described("v", first()) == described("v", first())
    assert described("v", first()) != described("v", second())
    assert len(described("v", first())) < 10


def test_an_object_that_holds_itself_comes_to_an_end():
    tied = Tied(None)
    tied.inner = [tied]
    assert described("t", tied) == {"t": "Tied", "t.inner.0": "Tied"}


def test_modules_are_told_without_their_weights():
    net = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.25))
    found = described_modules("net", net)
    assert found["net.0.out_features"] == 3 and found["net.1.p"] == 0.25
    with torch.no_grad():
        net[0].weight.zero_()
    assert described_modules("net", net) == found
    net[1].p = 0.5
    assert described_modules("net", net) != found


def test_differences_are_named_and_counted_and_what_is_inside_another_thing_is_not():
    saved = {"a": 1, "b": 2.0, "c": "x", "c.d": 1, "same": True}
    present = {"a": 2, "b": 2, "c": "y", "c.e": 1, "same": True, "new": None}
    assert differences(saved, present) == [
        "`a` was 1, is 2", "`b` was 2.0, is 2", "`c` was x, is y", "`new` was not there, is None",
    ]  # fmt: skip
    assert differences(saved, dict(saved)) == []
    many = differences({}, {str(index): index for index in range(8)})
    assert len(many) == 6 and many[-1] == "and 3 more"


def test_long_values_are_shortened():
    digest = "0123456789abcdef" * 4
    assert differences({"a": digest}, {"a": "x" * 999}) == [f"`a` was 0123456789ab…, is {'x' * 200}…"]
