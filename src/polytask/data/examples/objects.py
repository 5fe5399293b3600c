"""Examples in memory: lists, classes with their lists, arrays, tensors, images, sounds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from polytask.core import DataError, InputError
from polytask.core.names import counted
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.examples.column_forms import content_kind, encoded
from polytask.data.examples.decoding import decode, is_file, kind_of_file
from polytask.data.examples.examples import ExampleKind, Examples
from polytask.data.examples.folders import read_files
from polytask.data.examples.labels import read_labels
from polytask.data.examples.request import Request
from polytask.data.examples.texts import checked_texts
from polytask.data.examples.vectors import vectors_of_rows

__all__ = ["read_array", "read_classes", "read_items", "read_labelled_examples"]

_WHERE = "The list"


def read_items(items: Sequence[Any], request: Request, *, index: pd.Index | None = None) -> Examples:
    """Read a list of examples: texts, paths, arrays, images of Pillow, sounds; or of pairs with a label.

    Args:
        items: The list.
        request: What the caller asks; its labels are one for each example.
        index: What the examples are called; None: by their number.

    Raises:
        InputError: Labels are lacking, or differ in number from the examples.
        DataError: The examples are of several kinds, or one cannot be used; it is named.
        MissingPackageError: A package that reads files is not installed.
    """
    items = list(items)
    labels = request.labels
    if labels is None and request.labelled and items and all(map(_is_pair, items)):
        items, labels = [item for item, _ in items], [label for _, label in items]
    if not items:
        raise DataError("There are no examples: the list is empty. Give at least one.")
    if request.labelled and labels is None:
        raise InputError(
            "The examples have no labels. Give `labels`, one for each, or pairs of example and label, or "
            "a dictionary from each class to its examples."
        )
    if labels is not None and len(labels) != len(items):
        raise InputError(
            f"There are {counted(len(items), 'example')}, but {counted(len(labels), 'label')}. Give one for "
            "each."
        )
    kind, why = _kind_of(items, request)
    if kind in ("image", "sound") and all(isinstance(item, str | Path) for item in items):
        return read_files([Path(item) for item in items], _with_kind(request, kind), labels)
    if kind == "text" and all(isinstance(item, Path) for item in items):
        return read_files(items, _with_kind(request, kind), labels)
    read, kept, messages = _read(items, kind, request)
    names: tuple[str, ...] | None = None
    notes: list[str] = []
    if labels is not None:
        names, notes = read_labels([labels[row] for row in kept], lambda row: _called(kept[row]))
    return Examples(
        kind=kind,
        items=tuple(read),
        labels=names,
        index=(pd.RangeIndex(len(items)) if index is None else index)[kept],
        messages=(f"The examples are {kind}s, {why}.", *messages, *notes),
        origin={"source": "memory", "kind": kind},
    )


def read_classes(classes: Mapping[Any, Any], request: Request) -> Examples:
    """Read a dictionary from each class to its examples.

    Raises:
        InputError: A class has no list of examples, or labels are given besides.
        DataError: As for `read_items`.
    """
    if request.labels is not None:
        raise InputError("The keys of the dictionary are the labels already. Leave `labels` out.")
    items, labels = [], []
    for name, group in classes.items():
        if isinstance(group, str | Path | bytes | Mapping) or not hasattr(group, "__iter__"):
            raise InputError(
                f"A dictionary goes from each class to a list of its examples, but that of {name!r} is "
                f"{type(group).__name__}. Put it into a list."
            )
        members = list(group)
        if not members:
            raise DataError(f"Class {name!r} has no examples. Give one, or leave the class out.")
        items += members
        labels += [name] * len(members)
    return read_items(items, _with_labels(request, labels))


def read_array(values: np.ndarray | Tensor, request: Request) -> Examples:
    """Read ``[example, feature]``, ``[example, height, width]`` or ``[example, …]`` with channels.

    Raises:
        InputError: Labels are lacking, or differ in number from the examples.
        DataError: It has another shape, or an example cannot be used.
    """
    if values.ndim == 1 and isinstance(values, np.ndarray) and values.dtype.kind in "OUS":
        return read_items(values.tolist(), request)
    if not 2 <= values.ndim <= 4:
        raise DataError(
            f"An array has a row for each example: vectors are [example, feature], images [example, height, "
            f"width, channel]; got {list(values.shape)}. A single vector is given as `array[None]`."
        )
    return read_items(list(values), request)


def read_labelled_examples(data: LabelledExamples, request: Request) -> Examples:
    """Read examples that other parts of polytask work with.

    Raises:
        DataError: Their inputs are neither images nor vectors.
    """
    labels = [data.class_names[label] for label in data.labels.tolist()] if request.labelled else None
    return read_items(list(data.inputs), _with_labels(request, labels))


def _read(items: list[Any], kind: ExampleKind, request: Request) -> tuple[list[Any], list[int], list[str]]:
    kept = list(range(len(items)))
    if kind == "text":
        return checked_texts(items, _called, labelled=request.labelled, where=_WHERE), kept, []
    if kind == "vector":
        return vectors_of_rows(items, _called, _WHERE), kept, []
    files = [Path(item) if isinstance(item, str) else encoded(item) for item in items]
    read = decode(files, kind, leave_out=False, called=_called)
    return read.items, read.kept, read.messages


def _kind_of(items: list[Any], request: Request) -> tuple[ExampleKind, str]:
    """Return the kind of the items, and why it is this one."""
    if request.kind is not None:
        return request.kind, "as `kind` says"
    kinds: dict[ExampleKind | None, int] = {}
    files = all(isinstance(item, Path) or (isinstance(item, str) and _names_media(item)) for item in items)
    for index, item in enumerate(items):
        if files:
            kind = kind_of_file(item)
        elif isinstance(item, str) or item is None:
            kind = "text"
        else:
            kind = content_kind(item)
        if kind is None:
            what = f"the file {item}" if files else f"{type(item).__name__}"
            raise DataError(
                f"{_called(index).capitalize()} is {what}, of which the kind cannot be told. Give texts, "
                "paths of files, arrays, images of Pillow or sounds, or say what they are by `kind`."
            )
        kinds[kind] = kinds.get(kind, 0) + 1
    if len(kinds) > 1:
        told = " and ".join(counted(count, str(kind)) for kind, count in kinds.items())
        raise DataError(f"The list holds {told}. Give examples of one kind.")
    return next(
        kind for kind in kinds if kind
    ), "by the endings of their files" if files else "by what they hold"


def _names_media(text: str) -> bool:
    """Tell whether a text is the path of an image or a sound: it is there, or is written without a space."""
    if len(text) > 4095 or kind_of_file(text) not in ("image", "sound"):
        return False
    return len(text.split()) == 1 or is_file(Path(text))


def _is_pair(item: Any) -> bool:
    if not isinstance(item, tuple) or len(item) != 2:
        return False
    label = item[1]
    scalar = isinstance(label, str | int | bool | np.generic) or (
        isinstance(label, Tensor) and label.ndim == 0
    )
    return scalar and not isinstance(item[0], int | float | bool | np.generic)


def _called(index: int) -> str:
    return f"example {index + 1}"


def _with_labels(request: Request, labels: Sequence[Any] | None) -> Request:
    return replace(request, labels=labels if request.labelled else None)


def _with_kind(request: Request, kind: ExampleKind) -> Request:
    return replace(request, kind=kind)
