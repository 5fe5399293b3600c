"""What the columns of a table hold: numbers, texts, names of files, encoded images."""

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.data.examples.decoding import kind_of_file
from polytask.data.examples.examples import ExampleKind
from polytask.data.examples.images import is_picture
from polytask.data.examples.labels import is_missing
from polytask.data.examples.sounds import Sound
from polytask.data.tables.cell import NUMERIC, read_number
from polytask.data.tables.typed_columns import MISSING

__all__ = ["ColumnForm", "cells", "column_form", "content_kind", "kind_of_form"]

ColumnForm: TypeAlias = Literal[
    "numbers",
    "texts",
    "image files",
    "sound files",
    "text files",
    "images",
    "sounds",
    "vectors",
    "empty",
    "other",
]

_N_JUDGED = 200
_FILES: dict[ExampleKind | None, ColumnForm] = {
    "image": "image files",
    "sound": "sound files",
    "text": "text files",
}
_BY_DIMENSIONS: dict[int, ExampleKind] = {1: "vector", 2: "image", 3: "image"}


def cells(column: pd.Series) -> list[Any]:
    """Return the values of a column; what is missing is None."""
    return [None if is_missing(value) else value for value in column.tolist()]


def column_form(column: pd.Series) -> ColumnForm:
    """Tell what a column holds by its first values that are there."""
    judged = column.dropna()
    if judged.dtype == object:
        judged = judged[[not (isinstance(value, str) and not value.strip()) for value in judged.tolist()]]
    values: list[Any] = judged.iloc[:_N_JUDGED].tolist()
    if not values:
        return "empty"
    if all(isinstance(value, str | PurePath) for value in values):
        written = [value for value in values if not (isinstance(value, str) and value.strip() in MISSING)]
        if written and all(isinstance(one, str) and read_number(one) is not None for one in written):
            return "numbers"
        in_files: set[ExampleKind | None] = {_kind_of_name(value) for value in values}
        return _FILES.get(in_files.pop(), "texts") if len(in_files) == 1 else "texts"
    if all(isinstance(value, (*NUMERIC, bool)) for value in values):
        return "numbers"
    kinds = {content_kind(value) for value in values}
    if kinds == {"image"}:
        return "images"
    if kinds == {"sound"}:
        return "sounds"
    return "vectors" if kinds == {"vector"} else "other"


def kind_of_form(form: ColumnForm) -> ExampleKind | None:
    """Tell of which kind the examples of a column are; None where it holds no whole examples."""
    kinds: dict[ColumnForm, ExampleKind] = {
        "texts": "text",
        "text files": "text",
        "image files": "image",
        "images": "image",
        "sound files": "sound",
        "sounds": "sound",
        "vectors": "vector",
    }
    return kinds.get(form)


def content_kind(value: Any) -> ExampleKind | None:
    """Tell what an object in a cell or a list is: an image, a sound, a vector; None where it is none."""
    value = encoded(value)
    if isinstance(value, bytes):
        return "sound" if _is_sound(value) else "image"
    if is_picture(value):
        return "image"
    if isinstance(value, Sound):
        return "sound"
    if isinstance(value, np.ndarray | Tensor):
        return _BY_DIMENSIONS.get(value.ndim)
    numbers = isinstance(value, list | tuple) and value and all(isinstance(one, NUMERIC) for one in value)
    return "vector" if numbers else None


def encoded(value: Any) -> Any:
    """Return the bytes of a file, or the sound, out of a cell of Hugging Face's tables."""
    if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
        return value["bytes"]
    if isinstance(value, dict) and {"array", "sampling_rate"} <= value.keys():
        return Sound(value["array"], value["sampling_rate"])
    return bytes(value) if isinstance(value, bytearray | memoryview) else value


def _is_sound(content: bytes) -> bool:
    wav = content[:4] in (b"RIFF", b"RIFX", b"RF64") and content[8:12] == b"WAVE"
    return wav or content[:4] in (b"fLaC", b"OggS") or content[:3] == b"ID3"


def _kind_of_name(value: str | PurePath) -> ExampleKind | None:
    """Tell what a value names: a sentence that ends in the name of a file is none."""
    text = str(value).strip()
    if len(text) > 1000 or "\n" in text or (isinstance(value, str) and len(text.split()) > 6):
        return None
    return kind_of_file(text)


def distinct(values: Sequence[Any]) -> int:
    """Count different values of a column, also those that cannot be hashed."""
    return len({str(value) for value in values if value is not None})
