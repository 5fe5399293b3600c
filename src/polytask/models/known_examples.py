"""The labelled examples of a classifier, class by class: what living classes are made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from unicodedata import normalize

import numpy as np
import torch
from torch import Tensor

from polytask.core import DataError, InputError
from polytask.core.names import name_problem, text_beginning
from polytask.data.examples.examples import Examples

__all__ = ["KnownExamples", "beginnings"]


@dataclass(frozen=True, slots=True)
class KnownExamples:
    """Features and names of the examples of every class; a change gives a new one, which shares the rest.

    Args:
        features: By class, ``[example, feature]``, at least one example each.
        names: By class, what each example is called.
        texts: How texts begin that are called by a number, by that; empty for all other examples.
    """

    features: Mapping[str, Tensor]
    names: Mapping[str, tuple[str, ...]]
    texts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        features: Tensor,
        labels: Sequence[str],
        names: Sequence[str],
        texts: Mapping[str, str] = MappingProxyType({}),
    ) -> "KnownExamples":
        """Group rows ``[example, feature]`` by their labels; classes stand in alphabetical order."""
        classes = sorted(set(labels))
        rows: dict[str, list[int]] = {name: [] for name in classes}
        for row, label in enumerate(labels):
            rows[label].append(row)
        return cls(
            {name: features[rows[name]] for name in classes},
            {name: tuple(names[row] for row in rows[name]) for name in classes},
            dict(texts),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of all classes, in their order."""
        return tuple(self.features)

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.features.values())

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Return all features, float64 ``[example, feature]``, and the index of each one's class."""
        labels = np.repeat(np.arange(len(self.features)), [len(rows) for rows in self.features.values()])
        return torch.cat(list(self.features.values())).double().numpy(), labels

    def added(
        self,
        features: Tensor,
        labels: Sequence[str],
        names: Sequence[str],
        texts: Mapping[str, str] = MappingProxyType({}),
    ) -> "KnownExamples":
        """Return these and more; a label that is new becomes a class, behind the others.

        Raises:
            DataError: A name of an example is there already.
        """
        all_features, all_names = dict(self.features), dict(self.names)
        for label in dict.fromkeys(labels):
            rows = [row for row, given in enumerate(labels) if given == label]
            new = tuple(names[row] for row in rows)
            before = all_names.get(label, ())
            if double := sorted(set(new) & set(before)) or _twice(new):
                raise DataError(
                    f"Class {label!r} has an example {double[0]!r} already. Remove it first, or give the new "
                    "one another name."
                )
            parts = [all_features[label]] if label in all_features else []
            all_features[label] = torch.cat([*parts, features[rows]])
            all_names[label] = before + new
        return KnownExamples(all_features, all_names, {**self.texts, **texts})

    def new_names(self, more: Examples) -> list[str]:
        """Say what further examples are called: by their files, or by the numbers that come next."""
        if more.index.name == "file":
            return [str(name) for name in more.index]
        numbers = [int(name) for names in self.names.values() for name in names if name.isdecimal()]
        first = max(numbers, default=-1) + 1
        return [str(first + offset) for offset in range(len(more))]

    def labels_of(self, texts: Sequence[str], features: Tensor) -> dict[str, str]:
        """Return the labels of those texts that are known, by their beginnings and features.

        Args:
            texts: Whole.
            features: Theirs, ``[text, feature]``.
        """
        beginnings = [text_beginning(text) for text in texts]
        asked = frozenset(beginnings)
        known: dict[str, list[tuple[str, Tensor]]] = {}
        for label, names in self.names.items():
            for index, name in enumerate(names):
                if (beginning := self.texts.get(name)) in asked:
                    known.setdefault(beginning, []).append((label, self.features[label][index]))
        return {
            text: label
            for text, beginning, row in zip(texts, beginnings, features, strict=True)
            for label, there in known.get(beginning, ())
            if torch.allclose(row, there, rtol=1e-3, atol=1e-5)
        }

    def corrected(self, name: str, label: str) -> "KnownExamples":
        """Return these with one example in another class, which may be new.

        Raises:
            DataError: There is no such example, or several; or it is the last of its class.
            InputError: The name of the class is none.
        """
        _check_name(label)
        old, index = self._found(name)
        if old == label:
            return self
        row = self.features[old][index : index + 1]
        text = {name: self.texts[name]} if name in self.texts else {}
        return self.without_example(name).added(row, [label], [name], text)

    def without_example(self, name: str) -> "KnownExamples":
        """Return these without one example.

        Raises:
            DataError: There is no such example, or several; or it is the last of its class.
        """
        label, index = self._found(name)
        names, rows = self.names[label], self.features[label]
        if len(names) == 1:
            raise DataError(
                f"{name!r} is the last example of class {label!r}. Add another one first, or remove the "
                "class."
            )
        rows = torch.cat([rows[:index], rows[index + 1 :]])
        return KnownExamples(
            {**self.features, label: rows},
            {**self.names, label: names[:index] + names[index + 1 :]},
            self._texts_without([name]),
        )

    def without_class(self, label: str) -> "KnownExamples":
        """Return these without a class.

        Raises:
            DataError: There is no such class.
        """
        self._check_class(label)
        return KnownExamples(
            {name: rows for name, rows in self.features.items() if name != label},
            {name: names for name, names in self.names.items() if name != label},
            self._texts_without(self.names[label]),
        )

    def renamed(self, label: str, new: str) -> "KnownExamples":
        """Return these with another name for a class, in its place.

        Raises:
            DataError: There is no such class, or one of the new name.
            InputError: The new name is none.
        """
        self._check_class(label)
        _check_name(new)
        if new != label and new in self.features:
            raise DataError(f"There is a class {new!r} already. Correct single examples to join classes.")
        return KnownExamples(
            {new if name == label else name: rows for name, rows in self.features.items()},
            {new if name == label else name: names for name, names in self.names.items()},
            self.texts,
        )

    def _texts_without(self, names: Iterable[str]) -> Mapping[str, str]:
        left_out = set(names)
        return {name: text for name, text in self.texts.items() if name not in left_out}

    def _found(self, name: str) -> tuple[str, int]:
        places = [(label, names.index(name)) for label, names in self.names.items() if name in names]
        if len(places) == 1:
            return places[0]
        if places:
            raise DataError(
                f"Classes {', '.join(label for label, _ in places)} each have an example {name!r}."
            )
        every = (given for names in self.names.values() for given in names)
        raise DataError(f"{name_problem(f'There is no example {name!r}', name, every)}.")

    def _check_class(self, label: str) -> None:
        if label not in self.features:
            raise DataError(f"{name_problem(f'There is no class {label!r}', label, self.features)}.")


def beginnings(examples: Examples, names: Sequence[str]) -> dict[str, str]:
    """Return how texts begin that are called by their number, by their names; nothing of other examples.

    Args:
        examples: What was read.
        names: What each of them is called.
    """
    if examples.kind != "text" or examples.index.name == "file":
        return {}
    return dict(zip(names, map(text_beginning, examples.items), strict=True))


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return [name for name in names if name in seen or seen.add(name)]


def _check_name(label: str) -> None:
    """Refuse names that no label of an example could have, or that could not be saved."""
    if not isinstance(label, str) or not label.strip() or _changed_by_utf8(label):
        raise InputError(
            f"A class is called by a text that says something, got {label!r}. Write another name."
        )
    if label != normalize("NFC", label).strip():
        raise InputError(
            f"White space around {label!r} does not count in labels, and accents are written in the composed "
            f"form (NFC). Write {normalize('NFC', label).strip()!r}."
        )


def _changed_by_utf8(label: str) -> bool:
    return label.encode(errors="replace").decode() != label
