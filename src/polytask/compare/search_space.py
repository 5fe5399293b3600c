"""Between which settings a search chooses: by name, some values, or a span of numbers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from polytask.compare.catalogue import plain_names
from polytask.core import InputError
from polytask.core.names import name_problem
from polytask.core.settings import shown

if TYPE_CHECKING:
    from polytask.compare.candidate import Candidate

__all__ = ["Space", "Span", "space_from_json", "space_of", "space_text", "space_to_json", "spaces_for"]

_FORMS = "a list of values, range(1, 30), (low, high), or (low, high, 'log')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Numbers from one to another, both among them; whole ones where both are.

    Args:
        low: The least.
        high: The greatest.
        log: Whether each factor counts alike, as for a learning rate.
        step: Between whole numbers.

    Raises:
        InputError: There is nothing between them, or no logarithm.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        numbers = all(
            isinstance(end, int | float) and not isinstance(end, bool) for end in (self.low, self.high)
        )
        if not (numbers and math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(f"a span needs a lower and a higher number, got {self.low!r} and {self.high!r}")
        if self.log and self.low <= 0:
            raise InputError(f"a span on a log scale begins above 0, got {self.low!r}")

    @property
    def whole(self) -> bool:
        """Whether it is of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __contains__(self, value: object) -> bool:
        number = isinstance(value, int if self.whole else int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high  # pyright: ignore[reportOperatorIssue]


Space: TypeAlias = Mapping[str, Span | tuple[Any, ...]]
"""By the name of a setting, the values that may be chosen."""


def space_of(given: Any) -> Space:
    """Read a space as people write it.

    Args:
        given: By the name of a setting a list of values, a ``range``, or a tuple of a lower and a higher
            number, perhaps with ``"log"``.

    Raises:
        InputError: It is something else.

    Example:
        >>> space_of({"depth": range(1, 5), "weights": ["uniform", "distance"]})
        {'depth': Span(low=1, high=4, log=False, step=1), 'weights': ('uniform', 'distance')}
        >>> space_of({"alpha": (1e-3, 10.0, "log")})["alpha"].log
        True
    """
    if not isinstance(given, Mapping) or not given:
        raise InputError(
            f"a space names settings and their values, as {{'alpha': (0.1, 10.0)}}; got {shown(given)}"
        )
    found: dict[str, Span | tuple[Any, ...]] = {}
    for name, values in given.items():
        try:
            found[str(name)] = _values(values)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return found


def _values(given: Any) -> Span | tuple[Any, ...]:
    if isinstance(given, Span):
        return given
    if isinstance(given, range):
        if len(given) < 2 or given.step < 1:
            raise InputError(f"a range needs two or more rising numbers, got {given!r}")
        return Span(low=given.start, high=given[-1], step=given.step)
    if isinstance(given, tuple) and (len(given) == 2 or (len(given) == 3 and given[2] == "log")):
        low, high = (end.item() if hasattr(end, "item") else end for end in given[:2])
        return Span(low=low, high=high, log=len(given) == 3)
    plain = isinstance(given, Sequence) and not isinstance(given, str | tuple) and len(given)
    if not plain or not all(value is None or isinstance(value, bool | int | float | str) for value in given):
        raise InputError(
            f"the values are {_FORMS}, of plain numbers, texts, True, False or None; got {shown(given)}"
        )
    if any(isinstance(value, float) and not math.isfinite(value) for value in given):
        raise InputError(f"values are finite, got {shown(given)}")
    return tuple(dict.fromkeys(given))


def spaces_for(
    candidates: Sequence["Candidate"], given: Mapping[str, Any] | None
) -> dict[str, tuple[Space, Space]]:
    """Return what is searched for each candidate, for numbers and for classes; empty without a space.

    Args:
        candidates: What is compared.
        given: By the name of a candidate a space instead of its own; see `space_of`.

    Raises:
        InputError: There is no such candidate, or it has no such setting.
    """
    found = {one.name: _own(one) for one in candidates}
    for name, wanted in (given or {}).items():
        if name not in found:
            raise InputError(
                name_problem(f"`spaces` names the candidate {name!r}, which is not compared", name, found)
                + "."
            )
        candidate = next(one for one in candidates if one.name == name)
        try:
            found[name] = _fitting(candidate, space_of(wanted))
        except InputError as error:
            text = plain_names(error).removesuffix(".")
            raise InputError(f"`spaces` for {name!r}: {text}.") from error
    return found


def _own(candidate: "Candidate") -> tuple[Space, Space]:
    """Return the candidate's own space, which may be written as people do."""
    try:
        numbers, classes = (space_of(side) if side else {} for side in candidate.spaces)
    except InputError as error:
        raise InputError(f"The `spaces` of the candidate {candidate.name!r}: {error}.") from error
    return numbers, classes


def _fitting(candidate: "Candidate", space: Space) -> tuple[Space, Space]:
    """Keep for numbers, and for classes, the settings that there are; a side that has none keeps its own."""
    if candidate.defaults is None:
        return space, space
    known = sorted({name for side in candidate.defaults for name in side})
    if not known:
        raise InputError("there is nothing to choose")
    for name in space:
        if name not in known:
            raise InputError(name_problem(f"there is no setting {name!r} to choose", name, known))
    candidate.check_space(space)
    numbers, classes = (
        {name: values for name, values in space.items() if name in side} or own
        for side, own in zip(candidate.defaults, _own(candidate), strict=True)
    )
    return numbers, classes


def space_to_json(space: Space) -> dict[str, Any]:
    """Write a space as plain JSON."""
    return {
        name: asdict(values) if isinstance(values, Span) else list(values) for name, values in space.items()
    }


def space_from_json(data: Mapping[str, Any]) -> Space:
    """Read what `space_to_json` wrote."""
    return {
        name: Span(**values) if isinstance(values, dict) else tuple(values) for name, values in data.items()
    }


def space_text(space: Space) -> str:
    """Write a space for people.

    Example:
        >>> space_text({"width": Span(low=16, high=256, log=True), "heads": ("own", "shared")})
        'width 16 to 256 (log), heads own or shared'
    """
    return ", ".join(f"{name} {_text(values)}" for name, values in space.items())


def _text(values: Span | tuple[Any, ...]) -> str:
    if isinstance(values, Span):
        return f"{values.low:g} to {values.high:g}{' (log)' if values.log else ''}"
    return " or ".join(map(str, values))
