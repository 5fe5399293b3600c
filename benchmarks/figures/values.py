"""One value of a result file, by the path to it, as a page shows it.

    joint-tox21 > methods > equal > delta_m : 1          # "7.3 ± 7.1" of "7.25 ± 7.11"
    omniglot > prototypes > by seed > * > minutes : 0 range   # "27 to 33" of all seeds

The first name is the file's, the others lead through its ``figures`` (through the whole file after ``@``:
``plasticity > @setting > chance``); ``*`` goes through all entries. After the colon: the number of decimals,
and any of ``mean`` or ``half`` (of an interval), ``x100``, ``plus`` (a sign before gains), ``list``,
``range``, ``min``, ``max`` (of what ``*`` finds).
"""

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["MissingError", "interval", "leaves", "number", "read", "value"]

FOLDERS = [Path(__file__).parents[1] / folder / "results" for folder in ("quality", "speed", "warrant")]
JOINED = {"en": (", ", " to "), "zh": ("、", " 到 ")}


class MissingError(LookupError):
    """What a block names is not there."""


@cache
def read(stem: str) -> dict[str, Any]:
    """Return a result file by its name without the ending."""
    for folder in FOLDERS:
        if (folder / f"{stem}.json").is_file():
            return json.loads((folder / f"{stem}.json").read_text("utf-8"))
    raise MissingError(f"there are no results `{stem}.json`")


def value(asked: str, *, language: str = "en") -> str:
    """Return a value as text."""
    path, _, said = asked.rpartition(" : ") if " : " in asked else (asked, "", "")
    stem, *keys = (part.strip() for part in path.split(" > "))
    options = said.split()
    digits = next((int(word) for word in options if word.isdigit()), None)
    found = leaves(read(stem), keys)
    comma, to = JOINED[language]
    pairs = [interval(leaf) for leaf in found]
    if {"range", "min", "max"} & set(options):
        means = sorted(mean for mean, _ in pairs)
        texts = [_shown((means[0], None), digits, options), _shown((means[-1], None), digits, options)]
        if "range" in options:
            return texts[0] if texts[0] == texts[1] else to.join(texts)
        return texts[0] if "min" in options else texts[1]
    if len(pairs) > 1 and "list" not in options:
        raise MissingError(f"`{path}` is {len(pairs)} values; say list, range, min or max of them")
    return comma.join(_shown(pair, digits, options) for pair in pairs)


def leaves(content: Any, keys: list[str]) -> list[Any]:
    """Return what lies at the end of a path; of several entries with ``*``."""
    here = [content if keys and keys[0].startswith("@") else content["figures"]]
    for key in keys:
        name = key.removeprefix("@")
        found = []
        for entry in here:
            if name == "*":
                found += entry if isinstance(entry, list) else entry.values()
            elif isinstance(entry, dict) and name in entry:
                found.append(entry[name])
            elif isinstance(entry, list) and name.isdigit() and int(name) < len(entry):
                found.append(entry[int(name)])
        if not found:
            raise MissingError(f"there is no `{name}` in `{' > '.join(keys)}`")
        here = found
    return here


def interval(leaf: Any) -> tuple[float, float | None]:
    """Return mean and half width of what a file holds; None where there is no half width."""
    if isinstance(leaf, dict):
        mean = next((leaf[name] for name in ("mean", "accuracy", "log_likelihood") if name in leaf), None)
        half = next((leaf[name] for name in leaf if name.startswith(("half_width", "sd"))), None)
        if mean is not None:
            return float(mean), half
    if isinstance(leaf, list) and len(leaf) == 2:
        return float(leaf[0]), float(leaf[1])
    if isinstance(leaf, str):
        numbers = re.findall(r"[-−]?\d+(?:\.\d+)?", leaf)
        if numbers:
            return float(numbers[0].replace("−", "-")), float(numbers[1]) if "±" in leaf else None
    if isinstance(leaf, int | float):
        return float(leaf), None
    raise MissingError(f"{str(leaf)[:60]!r} is no number")


def _shown(pair: tuple[float, float | None], digits: int | None, options: list[str]) -> str:
    mean, half = pair
    scale = 100.0 if "x100" in options else 1.0
    if "half" in options:
        return number((half or 0.0) * scale, digits)
    text = number(mean * scale, digits, plus="plus" in options)
    return text if half is None or "mean" in options else f"{text} ± {number(half * scale, digits)}"


def number(amount: float, digits: int | None, *, plus: bool = False) -> str:
    """Write a number with so many decimals, or as it is; with a minus, not a hyphen."""
    if digits is None:
        text = f"{amount:,g}"
    else:
        # What was rounded once is rounded again as by hand: 0.125 to 0.13, not to 0.12.
        rounded = math.floor(abs(amount) * 10**digits + 0.5 + 1e-9) / 10**digits
        text = f"{math.copysign(rounded, amount):,.{digits}f}"
    if not float(text.replace(",", "")):
        text = text.removeprefix("-")
    return ("+" if plus and not text.startswith("-") else "") + text.replace("-", "−")
