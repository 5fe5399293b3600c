"""Two folders of records, number by number."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

__all__ = ["Difference", "Outcome", "compared", "read", "read_expected", "reported"]

TOLERANCE = 1e-9
FLOOR = 1e-3
"""Numbers are held against the largest of those that belong together, and at least against this."""

_EXPECTED = Path(__file__).parent / "differences.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A part of a record that is not the same.

    Args:
        key: ``record:part``; the record alone where it is missing on one side.
        what: Where in it, and how far apart; or which side lacks it.
        size: The largest difference, relative; infinite where no numbers can be compared.
    """

    key: str
    what: str
    size: float


@dataclass(slots=True)
class Outcome:
    """What comparing a group came to."""

    n_equal: int = 0
    expected: dict[str, list[Difference]] = field(default_factory=dict)
    differing: dict[str, list[Difference]] = field(default_factory=dict)

    @property
    def n_records(self) -> int:
        return self.n_equal + len(self.expected.keys() | self.differing.keys())


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the records by name, by group."""
    return {
        path.stem: json.loads(path.read_text())
        for path in sorted(folder.glob("*.json"))
        if path.stem != "about"
    }


def read_expected() -> dict[str, str]:
    """Return the reasons of differences that are meant to be there, by patterns of their keys."""
    return json.loads(_EXPECTED.read_text())


def compared(before: dict[str, Any], after: dict[str, Any], expected: dict[str, str]) -> Outcome:
    """Compare the records of a group."""
    outcome = Outcome()
    for name in sorted(before.keys() | after.keys()):
        found = list(_of_record(name, before.get(name), after.get(name)))
        known = [each for each in found if any(fnmatchcase(each.key, pattern) for pattern in expected)]
        if known:
            outcome.expected[name] = known
        if unknown := [each for each in found if each not in known]:
            outcome.differing[name] = unknown
        outcome.n_equal += not found
    return outcome


def reported(group: str, outcome: Outcome) -> str:
    """Say in words how a group compares; the most different records come first."""
    lines = [f"{group}: {outcome.n_equal} of {outcome.n_records} equal to {TOLERANCE:g}"]
    if outcome.expected:
        lines[0] += f", {len(outcome.expected)} differ as expected"
    if outcome.differing:
        lines[0] += f", {len(outcome.differing)} DIFFER"
    worst = {name: max(found, key=lambda each: each.size) for name, found in outcome.differing.items()}
    for name in sorted(worst, key=lambda name: -worst[name].size):
        others = len(outcome.differing[name]) - 1
        more = f" (and {others} more parts)" if others else ""
        lines.append(f"  {worst[name].key}: {worst[name].what}{more}")
    return "\n".join(lines)


def _of_record(name: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is None or after is None:
        side = "in the new records" if after is None else "in the old records"
        yield Difference(key=name, what=f"missing {side}", size=math.inf)
        return
    for part in dict.fromkeys([*before, *after]):
        if part == "message":
            continue
        if part not in before or part not in after:
            side = "new" if part in before else "old"
            said = "" if part != "refused" else f": {(before | after)[part]}"
            yield Difference(key=f"{name}:{part}", what=f"not in the {side} record{said}", size=math.inf)
            continue
        where, size = _largest(before[part], after[part])
        if size > TOLERANCE:
            words = f"{size:.1e}" if math.isfinite(size) else "no numbers to compare"
            yield Difference(key=f"{name}:{part}", what=f"{words} at {where}", size=size)


def _largest(before: Any, after: Any, where: str = "") -> tuple[str, float]:
    """Return where two values differ most, and how much of their scale that is."""
    if isinstance(before, dict) and isinstance(after, dict):
        if before.keys() == after.keys() == {"tensors"}:
            return _of_tensors(before["tensors"], after["tensors"])
        if before.keys() != after.keys():
            unlike = sorted(before.keys() ^ after.keys())
            return f"{where} (names {', '.join(unlike)})", math.inf
        found = [_largest(before[key], after[key], f"{where}/{key}") for key in before]
        return max(found, key=lambda pair: pair[1], default=(where, 0.0))
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return f"{where} ({len(before)} values, now {len(after)})", math.inf
        if all(_is_number(value) or value is None for value in [*before, *after]):
            return _of_numbers(before, after, where)
        found = [_largest(*pair, f"{where}[{i}]") for i, pair in enumerate(zip(before, after))]
        return max(found, key=lambda pair: pair[1], default=(where, 0.0))
    if _is_number(before) and _is_number(after):
        return _of_numbers([before], [after], where)
    return (where, 0.0) if before == after else (f"{where} ({before!r}, now {after!r})", math.inf)


def _of_numbers(before: Sequence[Any], after: Sequence[Any], where: str) -> tuple[str, float]:
    """Compare numbers that belong together, such as an objective step by step: they share their scale."""
    known = [abs(value) for value in (*before, *after) if value is not None and math.isfinite(value)]
    scale = max([FLOOR, *known])
    sizes = [_apart(one, other) / scale for one, other in zip(before, after)]
    worst = max(range(len(sizes)), key=lambda index: sizes[index], default=0)
    return f"{where}[{worst}]", sizes[worst] if sizes else 0.0


def _apart(one: float | None, other: float | None) -> float:
    if one == other or (one is not None and other is not None and math.isnan(one) and math.isnan(other)):
        return 0.0
    found = math.inf if one is None or other is None else abs(one - other)
    return found if math.isfinite(found) else math.inf


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _of_tensors(before: list[Any], after: list[Any]) -> tuple[str, float]:
    """Compare tensors in their order; where they do not match so, each with one that holds the same."""
    if len(before) != len(after):
        return f"({len(before)} tensors, now {len(after)})", math.inf
    found = [_of_tensor(*pair) for pair in zip(before, after)]
    sizes = [size for _, size in found]
    if max(sizes, default=0.0) > TOLERANCE and _reordered(before, after):
        return "", 0.0
    return max(found, key=lambda pair: pair[1], default=("", 0.0))


def _reordered(before: list[Any], after: list[Any]) -> bool:
    left = list(after)
    for one in before:
        same = next((other for other in left if _of_tensor(one, other)[1] <= TOLERANCE), None)
        if same is None:
            return False
        left.remove(same)
    return True


def _of_tensor(before: list[Any], after: list[Any]) -> tuple[str, float]:
    (name, shape, *one), (_, other_shape, *other) = before, after
    if shape != other_shape:
        return f"{name} (shape {shape}, now {other_shape})", math.inf
    return _of_numbers(one, other, f"{name} {shape}")
