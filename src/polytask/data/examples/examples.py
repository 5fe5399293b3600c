"""What is read: examples of one kind, with their labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import pandas as pd

from polytask.core import DataError, InputError
from polytask.core.names import counted, name_problem

__all__ = ["KINDS", "ExampleKind", "Examples", "check_two_classes", "checked_kind"]

ExampleKind: TypeAlias = Literal["text", "image", "sound", "vector"]

KINDS: tuple[ExampleKind, ...] = get_args(ExampleKind)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """Examples of one kind.

    Args:
        kind: What they are.
        items: One for each example: a text; an image, uint8 ``[height, width, 3]``, red, green, blue; a
            `Sound`; or a vector, float32 ``[feature]``.
        labels: The class of each; None where there are none, as for what is to be predicted.
        index: How each is called: by its file, then the index is named ``"file"``; or by its row.
        messages: What was noteworthy, in sentences: the kind and why, what was left out, which columns.
        origin: How they were read, plain JSON: `read_examples` reads others alike by it.
        table: The rows of the table that they stand in, in their order; None where they are in none.

    Raises:
        DataError: Items, labels and index differ in number.
    """

    kind: ExampleKind
    items: tuple[Any, ...]
    labels: tuple[str, ...] | None
    index: pd.Index
    messages: tuple[str, ...]
    origin: Mapping[str, object]
    table: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        n_labels = len(self.items) if self.labels is None else len(self.labels)
        if not len(self.items) == n_labels == len(self.index):
            raise DataError(
                f"Items, labels and index differ in number: {len(self.items)}, {n_labels} and "
                f"{len(self.index)}."
            )

    def __len__(self) -> int:
        return len(self.items)


def check_two_classes(examples: Examples) -> None:
    """Refuse labelled examples that leave nothing to tell apart.

    Raises:
        DataError: They are of one class only.
    """
    n_classes = len(set(examples.labels or ()))
    if n_classes < 2:
        raise DataError(
            f"The support has {counted(n_classes, 'class', 'classes')}; at least 2 are needed to tell apart. "
            "Give examples of another one."
        )


def checked_kind(kind: Any) -> ExampleKind | None:
    """Return a kind that a user named.

    Raises:
        InputError: There is no such kind.
    """
    if kind is None or kind in KINDS:
        return kind
    raise InputError(f"{name_problem(f'`kind` is {kind!r}', kind, KINDS)}.")
