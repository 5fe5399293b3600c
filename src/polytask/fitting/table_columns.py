"""What the columns of a table are: targets, features, what keeps rows together, what is left out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
import pandas as pd

from polytask.core import InputError
from polytask.data.tables.column import column_hint, each_by_itself
from polytask.data.tables.problems import problem_error
from polytask.data.tables.target_kinds import TargetKind, parse_target
from polytask.encoders.frozen_choice import FROZEN_ENCODERS

__all__ = ["Columns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The roles of a table's columns.

    Args:
        targets: As ``NAME`` or ``NAME:KIND``.
        group: Rows with one value of it stay on one side of a split.
        time: Training rows come before test rows.
        drop: Not used at all.
        weight: How much each row counts.
        fold: Rows that share a value of it are a fold.
        of_tasks: Whether groups are tasks, which may have rows with the same features.
        text_encoder: The encoder of columns of text; None for MiniLM where its weights are.
    """

    targets: tuple[str, ...]
    group: str | None = None
    time: str | None = None
    drop: tuple[str, ...] = ()
    weight: str | None = None
    fold: str | None = None
    of_tasks: bool = False
    text_encoder: str | None = None

    @classmethod
    def of(
        cls,
        targets: Any,
        *,
        group: Any = None,
        time: Any = None,
        drop: Any = (),
        weight: Any = None,
        fold: Any = None,
        text_encoder: Any = None,
    ) -> "Columns":
        """Take column names as people write them.

        Args:
            targets: One name, or several in a list, a tuple, an array or a pandas index, each as NAME or
                NAME:KIND; or a dictionary of kinds by name, None for whatever fits. A name that is no text
                stands for the column that is so named in the data frame.
            group: A name.
            time: A name.
            drop: One name, or several.
            weight: A name.
            fold: A name.
            text_encoder: The name of an encoder of texts.

        Raises:
            InputError: It cannot be understood.
        """
        if isinstance(targets, Mapping):
            wanted = [_asked(name, kind) for name, kind in targets.items()]
        else:
            wanted = _names(targets, "targets")
        if not wanted:
            raise InputError("`targets` is empty; name at least one column.")
        return cls(
            targets=tuple(wanted),
            group=None if group is None else _name(group, "group"),
            time=None if time is None else _name(time, "time_column"),
            drop=() if drop is None else tuple(_names(drop, "drop")),
            weight=None if weight is None else _name(weight, "weight_column"),
            fold=None if fold is None else _name(fold, "fold_column"),
            text_encoder=_text_encoder(text_encoder),
        )

    @property
    def group_setting(self) -> str:
        """The setting that named the groups."""
        return "task_column" if self.of_tasks else "group"

    @property
    def unit(self) -> str:
        """What messages call a group."""
        return "task" if self.of_tasks else "group"

    def features(self, frame: pd.DataFrame) -> list[str]:
        """Return the columns that remain as features.

        Raises:
            DataError: A named column does not exist, both a group and a time are given, or a target is to be
                dropped.
        """
        roles = {self.group_setting: self.group, "time_column": self.time, "weight_column": self.weight}
        roles["fold_column"] = self.fold
        named = [(role, name) for role, name in roles.items() if name is not None]
        named += [("drop", name) for name in self.drop]
        problems = [
            f"`{role}`: there is no column {name!r}"
            + (
                f", but {several}."
                if role == "drop" and (several := each_by_itself(name, list(frame.columns), role))
                else f"; {column_hint(frame, name)}"
            )
            for role, name in named
            if name not in frame.columns
        ]
        if self.group is not None and self.time is not None:
            problems.append("Give either `group` or `time_column`: a split follows one of them.")
        if self.fold is not None and self.time is not None:
            problems.append("Give either `fold_column` or `time_column`: folds follow one of them.")
        asked = {parse_target(text, frame.columns)[0] for text in self.targets}
        problems += [
            f"`drop`: {name!r} is among the `targets`, too. Take it from one of them."
            for name in dict.fromkeys(self.drop)
            if name in asked
        ]
        if problems:
            raise problem_error(problems)
        used = asked | {name for _, name in named}
        return [column for column in frame.columns if column not in used]


def _asked(name: Any, kind: Any) -> str:
    if kind is not None and kind not in get_args(TargetKind):
        raise InputError(
            f"`targets` asks {name!r} as {kind!r}; use one of {', '.join(get_args(TargetKind))}, or None."
        )
    return _name(name, "targets") + (f":{kind}" if kind else "")


def _text_encoder(given: Any) -> str | None:
    names = [name for name, entry in FROZEN_ENCODERS.items() if entry.kind == "text"]
    if given is not None and given not in names:
        raise InputError(f"`text_encoder` is {given!r}; use one of {', '.join(names)}, or None.")
    return given


def _names(given: Any, option: str) -> list[str]:
    """Read one name or several."""
    if isinstance(given, np.ndarray) and given.ndim == 0:
        given = given.item()
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        return [_name(given, option)]
    if isinstance(given, set | frozenset):
        given = sorted(given, key=str)
    return [_name(name, option) for name in given]


def _name(given: Any, option: str) -> str:
    """Read a column's name, which is text in a table that was read."""
    if given is None or isinstance(given, pd.DataFrame | pd.Series | list | dict | np.ndarray | bytes):
        raise InputError(
            f"`{option}` takes names of columns, e.g. 'size' or ['size', 'colour'], got "
            f"{type(given).__name__}."
        )
    return str(given)
