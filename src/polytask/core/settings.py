"""Check settings as people write them: every problem of a call in one message."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from polytask.core.errors import InputError
from polytask.core.files import rehearse_write, user_path
from polytask.core.names import either, name_problem
from polytask.core.watching import watched

__all__ = ["SettingsCheck", "shown"]

T = TypeVar("T")


class SettingsCheck:
    """Collects what is wrong with settings; `done` raises it all at once.

    Every method returns the value as plain Python, so that a numpy integer becomes an ``int``; a value that
    is wrong comes back as it is. True and False are no numbers.

    Example:
        >>> check = SettingsCheck()
        >>> check.whole("width", "8", least=1), check.whole("depth", 0, least=1), check.number("rate", 1)
        ('8', 0, 1.0)
        >>> check.problems
        ["`width` must be a whole number, got '8'", '`depth` must be at least 1, got 0']
    """

    def __init__(self) -> None:
        self.problems: list[str] = []

    def whole(self, name: str, value: Any, *, least: int, note: str = "") -> int:
        """Check a whole number of at least ``least``; ``note`` says what the least one means."""
        if isinstance(value, bool) or not isinstance(value, Integral):
            self.problems.append(f"`{name}` must be a whole number, got {shown(value)}")
            return value
        number = int(value)
        if number < least:
            self.problems.append(f"`{name}` must be at least {least}{note}, got {number}")
        elif number >= 2**63:
            self.problems.append(f"`{name}` must be below 2**63, got {shown(number)}")
        return number

    def number(
        self,
        name: str,
        value: Any,
        *,
        least: float | None = None,
        above: float | None = None,
        below: float | None = None,
    ) -> float:
        """Check a finite number within the limits that are given."""
        if isinstance(value, bool) or not isinstance(value, Real):
            self.problems.append(f"`{name}` must be a number, got {shown(value)}")
            return value
        number = float(value)
        limits = [
            *([] if least is None else [(number >= least, f"at least {least:g}")]),
            *([] if above is None else [(number > above, f"above {above:g}")]),
            *([] if below is None else [(number < below, f"below {below:g}")]),
        ]
        if not math.isfinite(number):
            self.problems.append(f"`{name}` must be a finite number, got {value}")
        elif not all(holds for holds, _ in limits):
            words = " and ".join(text for _, text in limits)
            self.problems.append(f"`{name}` must be {words}, got {value}")
        return number

    def choice(self, name: str, value: Any, choices: Iterable[str], *, listing: str = "") -> Any:
        """Check one of some names; see `name_problem`."""
        choices = list(choices)
        if not isinstance(value, str) or value not in choices:
            what = f"`{name}` is {shown(value)}"
            self.problems.append(name_problem(what, value, choices, listing=listing))
            return value
        return str(value)

    def unused(self, name: str, setting: str, value: str, users: Sequence[str], *, that: str = "") -> None:
        """Report that a setting was given which another one makes pointless.

        Args:
            name: What was given.
            setting: What decides whether it is used.
            value: How that one is set.
            users: Its values with which the given one is used.
            that: What these have in common, said instead of their names.

        Example:
            >>> check = SettingsCheck()
            >>> check.unused("members", "kind", "hard", ["tabm"])
            >>> check.problems
            ["`members` is not used with `kind='hard'`; leave it out, or choose `kind='tabm'`"]
        """
        names = either([f"`{setting}={user!r}`" for user in users])
        others = f"a `{setting}` that {that}, such as {users[0]!r}" if that else names
        self.problems.append(
            f"`{name}` is not used with `{setting}={value!r}`; leave it out, or choose {others}"
        )

    def flag(self, name: str, value: Any) -> bool:
        """Check True or False."""
        if type(value).__name__ not in ("bool", "bool_"):  # numpy's own bool is another class
            self.problems.append(f"`{name}` must be True or False, got {shown(value)}")
            return value
        return bool(value)

    def shown(self, name: str, value: Any) -> bool:
        """Check whether progress is shown: True, False, or None for where a person watches."""
        return watched() if value is None else self.flag(name, value)

    def names(self, given: Iterable[str], known: Iterable[str]) -> None:
        """Check that all settings exist."""
        known = list(known)
        for name in given:
            if name not in known:
                self.problems.append(name_problem(f"there is no setting `{name}`", name, known))

    def accelerator(self, name: str, value: Any) -> Any:
        """Check that an accelerator exists, on this machine."""
        import torch

        here = {
            "cpu": True,
            "auto": True,
            "cuda": torch.cuda.is_available(),
            "gpu": torch.cuda.is_available() or torch.backends.mps.is_available(),
            "mps": torch.backends.mps.is_available(),
        }
        checked = self.choice(name, value, here)
        if isinstance(checked, str) and not here.get(checked, True):
            usable = ", ".join(key for key, there in here.items() if there)
            self.problems.append(f"`{name}` is {checked!r}, which this machine does not have; use {usable}")
        return checked

    def folder(self, name: str, value: Any) -> Path | None:
        """Check that a folder can be written to, if one is given; nothing is left in it."""
        if value is None:
            return None
        if not isinstance(value, (str, Path)):
            self.problems.append(f"`{name}` must be a path, got {shown(value)}")
            return None
        try:
            path = user_path(value)
            rehearse_write(path / "metrics.csv")
        except InputError as error:
            self.problems.append(f"`{name}`: {str(error).removesuffix('.')}")
            return None
        return path

    def precision(self, name: str, value: Any) -> Any:
        """Check that a precision is one that training supports."""
        return self.choice(name, value, ("32-true", "64-true", "bf16-mixed", "bf16-true"))

    def finish(self, build: Callable[[], T]) -> T:
        """Build what the settings are for, and raise what it finds together with what was found before.

        Raises:
            InputError: All problems, in one message.
        """
        try:
            built = build()
        except InputError as error:
            text = str(error).removesuffix(".")
            self.problems.append(text[:1].lower() + text[1:])
            self.done()
            raise
        self.done()
        return built

    def done(self) -> None:
        """Raise what is wrong.

        Raises:
            InputError: All problems, in one message.
        """
        if self.problems:
            text = "; ".join(self.problems)
            raise InputError(text[:1].upper() + text[1:] + ".")

    def settle(self, record: object, values: Mapping[str, Any]) -> None:
        """Raise what is wrong; else give a frozen record the values that were checked, as plain Python.

        Raises:
            InputError: All problems, in one message.
        """
        self.done()
        for name, value in values.items():
            object.__setattr__(record, name, value)


def shown(value: Any) -> str:
    """Write a value for a message, however long it is."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
