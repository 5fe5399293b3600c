"""A model and reports that tests share."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.report.charts import canvas

HOSTILE = "<script>alert(1)</script>"
NAMES = {"a": f'a"{HOSTILE}', "y": f"y' {HOSTILE} & $x^2$", "z": "{{ 7 * 7 }} z"}
CLASSES = [f"no {HOSTILE}", "yes `| </td>"]


def hostile_table(n_rows: int = 120) -> pd.DataFrame:
    """A table whose columns and classes are markup, templates and quotes."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n_rows, 2))
    return pd.DataFrame(
        {
            NAMES["a"]: x[:, 0],
            "b": x[:, 1],
            NAMES["y"]: x[:, 0] + 0.2 * draw.normal(size=n_rows),
            NAMES["z"]: np.array(CLASSES)[(x[:, 1] + 0.3 * draw.normal(size=n_rows) > 0).astype(int)],
        }
    )


def hostile_model() -> polytask.models.TableModel:
    """A model of it, trained for a moment."""
    return polytask.fit(
        hostile_table(), [NAMES["y"], NAMES["z"]], epochs=15, width=8, depth=1, folds=3, progress=False
    )


def headings(page: str) -> list[int]:
    """The levels of a page's headings, in order."""
    return [int(level) for level in re.findall(r"<h([1-6])", page)]


def drawn_once(draw: Callable[..., Any], asked: list[str]) -> Callable[..., Any]:
    """Draw the first picture and take it for all others, which are as large; note the titles."""
    drawn = []

    def picture(*given: Any, title: str, **more: Any) -> Any:
        asked.append(title)
        if not drawn:
            drawn.append(draw(*given, title=title, **more))
        return drawn[0]

    return picture


_OF_KIND: dict[str, str] = {}


def draw_kinds_once(patch: pytest.MonkeyPatch) -> None:
    """Draw the first picture of each kind, and take it for all others of its kind."""
    drawn = canvas._svg

    def picture(draw: Callable[[Any], object], size: tuple[float, float]) -> str:
        kind = getattr(draw, "__qualname__", "")
        if kind not in _OF_KIND:
            _OF_KIND[kind] = drawn(draw, size)
        return _OF_KIND[kind]

    patch.setattr(canvas, "_svg", picture)
