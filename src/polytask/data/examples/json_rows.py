"""Rows out of JSON: an object a line, or a list of objects."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from polytask.core import DataError, InputError
from polytask.core.strict_json import parse_json
from polytask.data.examples.texts import decode_text

__all__ = ["JSON", "frame_of_rows", "read_json_rows"]

JSON = (".jsonl", ".ndjson", ".json")
"""How the name of a JSON file ends, in lower case."""

_MAX_BYTES = 2**29


def read_json_rows(path: Path) -> pd.DataFrame:
    """Read a JSON file of rows: an object on each line, or one list of objects.

    Raises:
        DataError: It cannot be read, or is no such file; the line is named.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path} has more than {_MAX_BYTES // 2**20} MiB. Give it in several parts.")
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    text = decode_text(content, str(path))
    if path.suffix.lower() == ".json" or text.lstrip().startswith("["):
        rows, called = _list_of(text, path), "entry"
    else:
        rows, called = _lines_of(text, path), "line"
    for number, row in rows:
        if not isinstance(row, dict):
            raise DataError(
                f'{path}, {called} {number}: an object was expected, such as {{"text": …, "label": …}}, not '
                f"{type(row).__name__}. Write every example as an object."
            )
    if not rows:
        raise DataError(f"{path} is empty; it needs a line for each example.")
    return frame_of_rows([row for _, row in rows])


def frame_of_rows(rows: list[Any]) -> pd.DataFrame:
    """Make a table of objects, with a column for every name in any of them; what is not there is None.

    Example:
        >>> frame_of_rows([{"text": "hi", "label": 1}, {"text": "bye"}])["label"].tolist()
        [1, None]
    """
    names = dict.fromkeys(str(name) for row in rows for name in row)
    columns = {name: pd.Series([row.get(name) for row in rows], dtype=object, name=name) for name in names}
    return pd.DataFrame(columns, columns=list(names))


def _lines_of(text: str, path: Path) -> list[tuple[int, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), start=1):  # not `splitlines`: U+2028 may be in a text
        if not line.strip():
            continue
        try:
            rows.append((number, parse_json(line.encode())))
        except InputError as error:
            raise DataError(
                f"{path}, line {number}: this is no JSON ({error}). Write one object a line."
            ) from error
    return rows


def _list_of(text: str, path: Path) -> list[tuple[int, Any]]:
    try:
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        remedy = "Write a list of objects, or one object a line in a file that ends in .jsonl"
        raise DataError(f"{path}, line {error.lineno}: this is no JSON ({error.msg}). {remedy}.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON that can be read ({error}). Write a list of objects.") from error
    if not isinstance(found, list):
        raise DataError(
            f"{path} holds {type(found).__name__}, not a list of objects such as "
            '{"text": …, "label": …}. Write one object for each example.'
        )
    return list(enumerate(found, start=1))
