"""What our own comparisons say of the methods of the catalogues, in a sentence for each.

`verdicts.json` is made of the committed results of ``benchmarks/quality/every_method.py`` and
``glyph_learners.py`` by ``python -m benchmarks.figures``; nobody types into it.
"""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

__all__ = ["VERDICTS_FILE", "Kind", "method_verdict"]

VERDICTS_FILE = Path(__file__).with_name("verdicts.json")
"""What was measured, by kind of method and name."""

Kind = Literal["balancing", "architecture", "learner"]


def method_verdict(kind: Kind, name: str, *, short: bool = False) -> str:
    """Return what a method was worth in our comparison of all methods; empty where it had no part.

    Args:
        kind: What it is.
        name: Its name in the catalogue.
        short: In a few words, for a column that says what was compared.

    Example:
        >>> method_verdict("balancing", "mine")
        ''
    """
    found = _verdicts().get(kind, {}).get(name)
    if not found:
        return ""
    return _of_learner(found, short) if kind == "learner" else _of_sets(found, short)


def _of_sets(found: Mapping[str, Any], short: bool) -> str:
    """Say on which sets joint training with the method is clearly better or worse than the plain one."""
    if "baseline" in found:
        return "the baseline" if short else f"the others are compared with it, on {', '.join(found['sets'])}"
    told: dict[str, list[str]] = {"better": [], "worse": [], "no clear difference": [], "failed": []}
    for name, one in found["sets"].items():
        clear = one["verdict"] in ("better", "worse") and not short
        told[one["verdict"]].append(f"{name} ({one['gain']} %)" if clear else name)
    if short:
        told["no clear difference"] = []
    words = {"failed": "diverged"}
    parts = [f"{words.get(word, word)} on {', '.join(names)}" for word, names in told.items() if names]
    if not (told["better"] or short):
        parts = [f"never clearly better: {parts[0]}", *parts[1:]]
    return f"{'; '.join(parts) or 'no clear difference'}; {found['time']:.3g}x the time"


def _of_learner(found: Mapping[str, Any], short: bool) -> str:
    """Say how many new classes are told apart, beside the two rivals that everybody has."""
    if short:
        return found["accuracy"]
    return (
        f"{found['accuracy']} of 5 letters of unseen scripts, one example each, at equal time "
        f"(prototypes {found['prototypes']}, pixels {found['pixels']})"
    )


@functools.cache
def _verdicts() -> dict[str, dict[str, Any]]:
    return json.loads(VERDICTS_FILE.read_text(encoding="utf-8"))
