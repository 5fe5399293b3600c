"""Which columns of a table are the examples and which their labels: by name, then by what they hold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from polytask.core import DataError, InputError
from polytask.core.names import counted, name_problem
from polytask.data.examples.column_forms import ColumnForm, cells, column_form, distinct, kind_of_form
from polytask.data.examples.examples import ExampleKind
from polytask.data.examples.request import Request
from polytask.data.tables.column import column_hint
from polytask.data.tables.problems import examples

__all__ = ["Columns", "choose_columns", "is_table"]

_LABELS = (
    *("label", "labels", "class", "classes", "intent", "category", "target", "y", "sentiment", "topic"),
    *("tag", "genre", "species", "emotion", "language"),
)
_PLAIN_LABELS = ("label", "labels", "class", "classes")
_TEXTS = (
    *("text", "texts", "sentence", "utterance", "query", "question", "message", "review", "comment", "tweet"),
    *("content", "document", "body", "prompt", "transcript", "description", "title", "abstract", "input"),
)
_FILES = (
    *("path", "file", "filename", "filepath", "image", "images", "img", "photo", "picture", "audio", "sound"),
    *("wav", "recording", "clip"),
)
_NUMBERING = ("id", "index", "row", "row_id", "unnamed: 0", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The columns that were chosen.

    Args:
        item: That of the examples; None where each row is a vector.
        features: The columns of a vector.
        label: That of the labels; None where none are wanted.
        kind: Of the examples.
        form: What the examples' column holds.
        messages: How they were chosen.
    """

    item: str | None
    features: tuple[str, ...]
    label: str | None
    kind: ExampleKind
    form: ColumnForm
    messages: tuple[str, ...]


def choose_columns(frame: pd.DataFrame, where: str, request: Request) -> Columns:
    """Choose the columns of examples and labels.

    A name that was given comes first, then the names that such columns usually have, then what they hold.

    Args:
        frame: The table.
        where: Names it in messages.
        request: What the caller asks.

    Raises:
        InputError: A column that was named is not there.
        DataError: No column fits, or several do; they are named.
    """
    return _Choice(frame, where, request).made()


class _Choice:
    def __init__(self, frame: pd.DataFrame, where: str, request: Request) -> None:
        self.frame, self.where, self.request = frame, where, request
        self.names = [str(name) for name in frame.columns]
        self.forms: dict[str, ColumnForm] = {name: column_form(frame[name]) for name in self.names}

    def made(self) -> Columns:
        request = self.request
        for option, name in (("item_column", request.item_column), ("label_column", request.label_column)):
            if name is not None and name not in self.names:
                raise self._no_column(option, name)
        if request.item_column is not None and request.item_column == request.label_column:
            raise InputError(f"{request.item_column!r} cannot be both `item_column` and `label_column`.")
        label = self._label_by_name()
        if request.features is not None:
            return self._as_before(request.features, label if request.labelled else None)
        item = request.item_column or self._item_by_name(label)
        if item is None:
            return self._by_content(label)
        if label is None and request.labelled:
            label = self._label_by_content([name for name in self.names if name != item])
        return self._of_items(item, label)

    def _no_column(self, option: str, name: str) -> InputError:
        if self.request.of_model and option == "item_column":
            return InputError(
                f"{self.where}: the model reads a column called {name!r}, which is not there; "
                f"{column_hint(self.frame, name)} Rename the column of the examples to {name!r}."
            )
        problem = name_problem(f"{self.where} has no column {name!r} (`{option}`)", name, self.names)
        return InputError(f"{problem}.")

    def _label_by_name(self) -> str | None:
        request = self.request
        if request.label_column is not None:
            return request.label_column
        others = [name for name in self.names if name != request.item_column]
        named = _named_like(others, _LABELS)
        plain = [name for name in named if name.strip().casefold() in _PLAIN_LABELS]
        if len(plain) == 1:
            named = [name for name in named if name in plain or not self._is_feature(name, plain[0])]
        if len(named) > 1 and request.labelled:
            raise self._several("labels", named, "label_column")
        return named[0] if named else None

    def _is_feature(self, name: str, label: str) -> bool:
        """Tell whether numbers that are called like labels stand beside these, and do not repeat them."""
        if self.forms[name] != "numbers":
            return False
        labels = [str(value) for value in cells(self.frame[label])]
        pairs = set(zip(labels, map(str, cells(self.frame[name])), strict=True))
        coordinates = "x" in {other.strip().casefold() for other in self.names}
        return coordinates or len(pairs) > len(set(labels))

    def _item_by_name(self, label: str | None) -> str | None:
        others = [name for name in self.names if name != label]
        named = _named_like(
            [name for name in others if kind_of_form(self.forms[name]) is not None], (*_TEXTS, *_FILES)
        )
        named = [name for name in named if self._fits(name)]
        if len(named) > 1:
            raise self._several("examples", named, "item_column")
        return named[0] if named else None

    def _fits(self, name: str) -> bool:
        kind = self.request.kind
        if kind is None:
            return True
        files = self.forms[name] == "texts" and _named_like([name], _FILES)
        return kind_of_form(self.forms[name]) == kind or (kind in ("image", "sound") and bool(files))

    def _by_content(self, label: str | None) -> Columns:
        """Choose where no name of a column tells which the examples are."""
        others = [name for name in self.names if name != label and self.forms[name] != "empty"]
        whole = [name for name in others if kind_of_form(self.forms[name]) is not None]
        numbers = [name for name in others if self.forms[name] == "numbers"]
        if numbers and self.request.kind in (None, "vector"):
            found = self._vectors(label, whole, numbers)
            if found is not None:
                return found
        fitting = [name for name in whole if self._fits(name)]
        if label is None and self.request.labelled and len(fitting) > 1:
            label = self._label_by_content(self.names, among=fitting)
            fitting = [name for name in fitting if name != label]
        if len(fitting) > 1:
            raise self._several("examples", fitting, "item_column")
        if not fitting:
            raise self._none_fits(others)
        numbers = [name for name in numbers if not self._is_numbering(name)]
        if numbers and self.forms[fitting[0]] == "texts" and not self._reads_like_text(fitting[0]):
            raise DataError(
                f"{self.where}: {examples(numbers, limit=3)} hold numbers, but {fitting[0]!r} is text; it "
                "is not clear which are the examples. If the texts are, name them by `item_column`; for "
                "vectors leave the column of text out, or write its numbers plainly: 1234.5."
            )
        if label is None and self.request.labelled:
            label = self._label_by_content([name for name in self.names if name != fitting[0]])
        self._refuse_first_row(fitting[0], label)
        return self._of_items(fitting[0], label)

    def _vectors(self, label: str | None, whole: Sequence[str], numbers: Sequence[str]) -> Columns | None:
        """Take numbers as vectors where nothing but their label stands beside them; None elsewhere."""
        if not whole and (label is not None or not self.request.labelled):
            return self._of_numbers(numbers, label)
        if label is not None or not self.request.labelled:
            return None
        if not whole:
            raise self._several("labels", numbers, "label_column")
        words = len(whole) == 1 and self.forms[whole[0]] == "texts" and self._repeats(whole[0])
        return self._of_numbers(numbers, whole[0]) if words and len(numbers) > 1 else None

    def _label_by_content(self, names: Sequence[str], among: Sequence[str] | None = None) -> str:
        """Choose the one column whose values repeat."""
        names = [name for name in (among or names) if self.forms[name] not in ("empty", "other")]
        if len(names) == 1 and among is None:
            return names[0]
        repeating = [name for name in names if self._repeats(name)]
        if len(repeating) == 1:
            return repeating[0]
        if not names:
            raise DataError(
                f"{self.where} has no column of labels. Add one, called label, with the class of each row."
            )
        raise self._several("labels", repeating or names, "label_column")

    def _of_items(self, item: str, label: str | None) -> Columns:
        form = self.forms[item]
        kind = self.request.kind or kind_of_form(form)
        if kind is None:
            if form != "empty":
                raise DataError(
                    f"{self.where}: column {item!r} holds {form}, not texts or names of files. Name another "
                    "one by `item_column`, or say what it holds by `kind`."
                )
            kind = "text"
        left = [name for name in self.names if name not in (item, label)]
        shown = label if self.request.labelled else None
        told = f"The examples are the {_plural(kind)} of column {item!r}{_labelled_by(shown)}."
        if left and self.request.labelled:
            told += f" Not used: {examples(left)}."
        return Columns(item=item, features=(), label=shown, kind=kind, form=form, messages=(told,))

    def _of_numbers(self, numbers: Sequence[str], label: str | None) -> Columns:
        numbering = [name for name in numbers if self._is_numbering(name)] if len(numbers) > 1 else []
        features = tuple(name for name in numbers if name not in numbering)
        shown = label if self.request.labelled else None
        told = f"The examples are vectors of {counted(len(features), 'column')}{_labelled_by(shown)}."
        if numbering:
            told += f" Left out, as it numbers the rows: {examples(numbering)}."
        return Columns(
            item=None, features=features, label=shown, kind="vector", form="numbers", messages=(told,)
        )

    def _as_before(self, features: tuple[str, ...], label: str | None) -> Columns:
        """Take the columns of a vector that the examples before had."""
        if label is None and self.request.labelled:
            label = self._label_by_content([name for name in self.names if name not in features])
        missing = [name for name in features if name not in self.names]
        if missing:
            raise DataError(
                f"{self.where} lacks {examples(missing)}, which the examples before had. Add what is missing."
            )
        told = f"The examples are vectors of {counted(len(features), 'column')}, as those before."
        return Columns(
            item=None, features=features, label=label, kind="vector", form="numbers", messages=(told,)
        )

    def _is_numbering(self, name: str) -> bool:
        if name.strip().lower() not in _NUMBERING:
            return False
        return not self._repeats(name)

    def _repeats(self, name: str) -> bool:
        """Tell whether a value is there twice, as labels are."""
        found = cells(self.frame[name])
        return distinct(found) < len(found)

    def _reads_like_text(self, name: str) -> bool:
        found = [value for value in cells(self.frame[name]) if value]
        return 2 * sum(len(str(value).split()) > 1 for value in found) > len(found)

    def _refuse_first_row(self, item: str, label: str | None) -> None:
        """Refuse a table whose first line is an example: then its label is one of those below."""
        if label is None or _named_like([label], _LABELS):
            return
        if label in {str(value) for value in cells(self.frame[label])}:
            raise DataError(
                f"{self.where}: the first line, {item[:60]!r} and {label[:60]!r}, looks like an example, not "
                "like names of columns. Put a line of names above it: text, label."
            )

    def _several(self, what: str, names: Sequence[str], option: str) -> DataError:
        one = "the examples" if what == "examples" else "their labels"
        remedy = f"Name the right one by `{option}`, e.g. `{option}={names[0]!r}`"
        if self.request.of_model and what == "examples":
            remedy = "Leave the others out of the table"
        return DataError(f"{self.where}: several columns may be {one}: {examples(names)}. {remedy}.")

    def _none_fits(self, others: Sequence[str]) -> DataError:
        wanted = (
            _plural(self.request.kind) if self.request.kind else "texts, names of files, or numbers alone"
        )
        held = ", ".join(f"{name!r} ({self.forms[name]})" for name in others[:5]) or "no other column"
        remedy = "Name the column of the examples by `item_column`"
        if self.request.of_model:
            remedy = f"The model reads {wanted}: give a table with a column of them"
        return DataError(f"{self.where}: no column holds {wanted}; there is {held}. {remedy}.")


def _named_like(names: Sequence[str], usual: Sequence[str]) -> list[str]:
    """Return the names that are usual ones; where none is, those with a usual word in them."""
    folded = {name: re.sub(r"[\s\-.]+", "_", name.strip().casefold()) for name in names}
    exact = [name for name in names if folded[name] in usual]
    words = {word for word in usual if len(word) > 1}  # `y`, but not `position_y`
    return exact or [name for name in names if not words.isdisjoint(folded[name].split("_"))]


def _labelled_by(label: str | None) -> str:
    return "" if label is None else f", and their labels are in {label!r}"


def _plural(kind: ExampleKind) -> str:
    return f"{kind}s"


def is_table(names: Sequence[object], *, labelled: bool) -> bool:
    """Tell by the keys of a dictionary whether they name columns, and not classes.

    Example:
        >>> is_table(["text", "label"], labelled=True), is_table(["text", "image"], labelled=True)
        (True, False)
    """
    texts = [name for name in names if isinstance(name, str)]
    folded = {name.strip().casefold() for name in texts}
    columns = not folded.isdisjoint((*_TEXTS, *_FILES))
    return columns and (not labelled or not folded.isdisjoint(_LABELS))
