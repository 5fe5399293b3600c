"""One reader for labelled examples of every kind, in whatever form people have them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.core import DataError, InputError
from polytask.core.doors import by_door
from polytask.core.files import user_path
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.examples.columns import is_table
from polytask.data.examples.decoding import ENDINGS, kind_of_file
from polytask.data.examples.examples import Examples
from polytask.data.examples.folders import read_files, read_folder
from polytask.data.examples.images import is_picture
from polytask.data.examples.json_rows import frame_of_rows
from polytask.data.examples.objects import read_array, read_classes, read_items, read_labelled_examples
from polytask.data.examples.request import Request
from polytask.data.examples.sounds import Sound
from polytask.data.examples.tables import TABLES, holds_column, read_frame, read_table_file
from polytask.data.images.picture import printable
from polytask.data.tables.table import plain_frame
from polytask.data.tables.table_paths import refuse_spreadsheet

__all__ = ["read_examples"]

_FRAME = "The table"


def read_examples(
    source: Any,
    *,
    labelled: bool,
    kind: str | None = None,
    item_column: str | None = None,
    label_column: str | None = None,
    labels: Sequence[Any] | None = None,
    origin: Mapping[str, object] | None = None,
    skip_unlabelled: bool = False,
) -> Examples:
    """Read examples of texts, images, sounds or vectors, and find out which of them they are.

    Args:
        source: A folder with a folder for each class, of images, sounds or ``.txt`` files; a table, ``.csv``,
            ``.tsv``, ``.jsonl``, ``.json`` or ``.parquet``, with a column of texts or files, or with
            columns of numbers, and one of labels; a data frame, or a list of dictionaries; a list of texts,
            paths, arrays, images of Pillow or `Sound`, with `labels`, or of pairs; a dictionary from each
            class to its list; an array or tensor ``[example, …]`` with `labels`; `LabelledExamples`.
            Without labels, also a folder of files, or one file.
        labelled: Whether the examples need labels. Where they do not, those that are there are not read.
        kind: ``"text"``, ``"image"``, ``"sound"`` or ``"vector"``; None: as names and contents tell.
        item_column: The column of a table that holds the examples; None: as names and contents tell.
        label_column: The column of their labels; likewise.
        labels: One for each example, where they are not in the source.
        origin: The `Examples.origin` of others, after which these are read: as of the same kind, from the
            same columns.
        skip_unlabelled: Leave out the rows of a table whose label is empty, with a message, where labels are
            needed; else they are refused.

    Returns:
        The examples. What was found and how, and what was left out, is in their messages.

    Raises:
        InputError: An argument is wrong, or the source is nothing that can be read.
        DataError: Kind or columns cannot be told; or a file, a label or an example cannot be used. Of
            examples to learn from, damaged files are left out, with a message.
        MissingPackageError: A package that reads the files is not installed.

    Example:
        >>> found = read_examples({"pet": ["a cat", "a dog"], "food": ["bread"]}, labelled=True)
        >>> found.kind, found.labels
        ('text', ('pet', 'pet', 'food'))
    """
    request = Request.of(
        labelled=labelled,
        kind=kind,
        item_column=item_column,
        label_column=label_column,
        labels=labels,
        origin=origin,
        skip_unlabelled=skip_unlabelled,
    )
    if isinstance(source, str | Path):
        return _read_path(user_path(source), request)
    return _read_memory(source, request)


def _read_path(path: Path, request: Request) -> Examples:
    if os.path.isdir(path):  # noqa: PTH112 - False, not an error, where a path is impossible
        _refuse_labels(request, "folders")
        request.refuse_columns(f"{printable(path)} is a folder")
        return read_folder(path, request)
    if not os.path.isfile(path):  # noqa: PTH113 - as above
        text = by_door(
            python="a text itself is given in a list", command="put texts into a CSV table or a .txt file"
        )
        raise DataError(
            f"There is no file or folder {printable(path)[:200]}, looked for from {Path.cwd()}. Correct the "
            f"path; {text}."
        )
    name = path.name.lower()
    refuse_spreadsheet(path)
    one_text = name.endswith(".txt") and not request.labelled and not holds_column(path, request.item_column)
    if name.endswith(TABLES) and not one_text:
        _refuse_labels(request, "table")
        return read_table_file(path, request)
    if request.kind is None and kind_of_file(path) is None:
        known = ", ".join((*TABLES, *(ending for endings in ENDINGS.values() for ending in endings[:3])))
        raise DataError(
            f"{printable(path)}: what the file holds cannot be told by its ending; known are {known} and "
            "more. Rename it, or say what it holds by `kind`."
        )
    if request.labelled and request.labels is None:
        raise DataError(
            f"{printable(path)} is one example, without a label. Give a folder with a folder for each class, "
            "or a table."
        )
    request.refuse_columns(f"{printable(path)} is none")
    return read_files([path], request, request.labels)


def _read_memory(source: Any, request: Request) -> Examples:
    rows = (
        isinstance(source, list | tuple) and bool(source) and all(isinstance(row, Mapping) for row in source)
    )
    frame = isinstance(source, pd.DataFrame) or any(
        callable(getattr(source, name, None)) for name in ("to_pandas", "toPandas", "to_df")
    )
    if not (rows or frame or isinstance(source, Mapping)):
        request.refuse_columns(f"the examples come as {type(source).__name__}")
    if isinstance(source, Examples):
        return _again(source, request)
    if isinstance(source, LabelledExamples):
        _refuse_labels(request, "examples")
        return read_labelled_examples(source, request)
    if isinstance(source, np.ndarray | Tensor):
        return read_array(source, request)
    if isinstance(source, Mapping):
        return _read_mapping(source, request)
    if is_picture(source) or isinstance(source, Sound):
        return read_items([source], request)
    if isinstance(source, pd.Series | pd.Index):
        return read_items(
            source.tolist(), request, index=source.index if isinstance(source, pd.Series) else None
        )
    if rows:
        return _read_table(frame_of_rows(list(source)), request)
    if frame:
        return _read_table(plain_frame(source), request)
    if isinstance(source, list | tuple) or (hasattr(source, "__len__") and hasattr(source, "__getitem__")):
        return read_items([source[index] for index in range(len(source))], request)
    raise InputError(
        f"Examples are a path, a table, a list, a dictionary of lists or an array, not "
        f"{type(source).__name__}."
    )


def _again(source: Examples, request: Request) -> Examples:
    """Take examples that were read before."""
    if request.kind not in (None, source.kind):
        raise InputError(
            f"The examples are {source.kind}s, not {request.kind}s. Read them from their source."
        )
    if request.labels is not None:
        return read_items(source.items, replace(request, kind=source.kind), index=source.index)
    if request.labelled and source.labels is None:
        raise InputError("The examples were read without labels. Give `labels`, or read them again.")
    return source if request.labelled else replace(source, labels=None)


def _read_mapping(source: Mapping[Any, Any], request: Request) -> Examples:
    """Read a dictionary: from names of columns to them, or from classes to their examples."""
    named = request.item_column is not None or request.label_column is not None
    if not source:
        raise DataError("There are no examples: the dictionary is empty. Give a list for each class.")
    if named or is_table(list(source), labelled=request.labelled):
        return _read_table(plain_frame(source), request)
    if not request.labelled:
        items = [item for group in source.values() for item in group]
        return read_items(items, request)
    return read_classes(source, request)


def _read_table(frame: pd.DataFrame, request: Request) -> Examples:
    if request.labels is not None:
        if len(request.labels) != len(frame):
            raise InputError(
                f"The table has {len(frame)} rows, but there are {len(request.labels)} `labels`. Give one "
                "for each."
            )
        frame = frame.assign(label=pd.Series(list(request.labels), index=frame.index, dtype=object))
        request = replace(request, label_column="label")
    return read_frame(frame, _FRAME, Path(), request)


def _refuse_labels(request: Request, where: str) -> None:
    if request.labels is not None:
        raise InputError(f"The labels are in the {where} already. Leave `labels` out.")
