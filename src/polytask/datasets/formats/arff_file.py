"""Tables in Weka's attribute-relation file format (ARFF)."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polytask.core import DataError
from polytask.data.tables.problems import examples

__all__ = ["ArffColumn", "read_arff"]

_ATTRIBUTE = re.compile(
    r"""@attribute\s+("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s{]+)\s*(\{.*\}|\S+)\s*""", re.IGNORECASE
)
_NUMERIC = ("numeric", "real", "integer")
_MISSING = "?"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ArffColumn:
    """A column of an ARFF file.

    Args:
        name: As the file gives it, without quotes around it.
        categories: The values that the file declares; empty for numbers.
        values: float64 ``[row]``: numbers, or indices of the categories; NaN where missing.
    """

    name: str
    categories: tuple[str, ...]
    values: np.ndarray


def read_arff(path: Path) -> tuple[ArffColumn, ...]:
    """Read a dense ARFF file with numeric and nominal attributes.

    Args:
        path: The file.

    Raises:
        DataError: The file is missing, is no text in UTF-8 or Latin-1, has no rows, or has a row or an
            attribute that does not fit; the message names the line.

    References:
        Witten, Frank, "Data mining: practical machine learning tools and techniques", Morgan Kaufmann, 2005.
    """
    lines = _lines(path)
    names, domains = _header(lines, path)
    rows = [(number, _fields(line, path, number)) for number, line in lines]
    if not names or not rows:
        raise DataError(f"{path} has {len(names)} attributes and {len(rows)} rows; get the file again.")
    for number, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {number}: there are {len(names)} attributes, but this row has {len(row)} "
                "values. Get the file again."
            )
    return tuple(
        ArffColumn(
            name=name,
            categories=domain,
            values=np.array([_value(row[index], name, domain, path, number) for number, row in rows]),
        )
        for index, (name, domain) in enumerate(zip(names, domains, strict=True))
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line that is neither empty nor a comment."""
    if not path.is_file():
        raise DataError(f"The file {path} is missing; put the official file there.")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    for number, line in enumerate(io.StringIO(text), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("%"):
            yield number, stripped


def _header(lines: Iterator[tuple[int, str]], path: Path) -> tuple[list[str], list[tuple[str, ...]]]:
    """Read up to the line ``@data``: names, and the categories of each attribute."""
    names: list[str] = []
    domains: list[tuple[str, ...]] = []
    for number, line in lines:
        keyword = line.split(maxsplit=1)[0].lower()
        if keyword == "@data":
            return names, domains
        if keyword == "@relation":
            continue
        found = _ATTRIBUTE.fullmatch(line)
        if found is None:
            raise DataError(f"{path}, line {number}: {line[:80]!r} is no attribute. Get the file again.")
        name, kind = found.groups()
        if kind.lower() not in _NUMERIC and not kind.startswith("{"):
            raise DataError(
                f"{path}, line {number}: attribute {name} is of type {kind}; only numeric and nominal ones "
                "can be read. Remove it."
            )
        names.append(name[1:-1] if name[0] in "\"'" else name)
        domains.append(tuple(_fields(kind[1:-1], path, number)) if kind.startswith("{") else ())
    raise DataError(f"{path} has no line @data; it is no ARFF file, or it is cut off. Get it again.")


def _fields(line: str, path: Path, number: int) -> list[str]:
    if line.startswith("{"):
        raise DataError(f"{path}, line {number}: sparse rows cannot be read; write the row densely.")
    quote = "'" if "'" in line else '"'
    try:
        (fields,) = csv.reader([line], skipinitialspace=True, quotechar=quote, strict=True)
    except csv.Error as error:
        raise DataError(f"{path}, line {number}: {error}. Close every quote.") from error
    return [field.strip() for field in fields]


def _value(text: str, name: str, domain: tuple[str, ...], path: Path, number: int) -> float:
    if text == _MISSING:
        return np.nan
    try:
        return float(domain.index(text) if domain else float(text))
    except ValueError as error:
        expected = f"one of {examples(domain)}" if domain else "a number"
        raise DataError(
            f"{path}, line {number}: {name!r} is {text!r}, not {expected}. Correct it, or write ? if it is "
            "unknown."
        ) from error
