"""The settings that a candidate chose in all folds, in a few words."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from polytask.core.names import counted

__all__ = ["settings_text"]


def settings_text(chosen: Mapping[str, int]) -> str:
    """Say what was chosen; of numbers that differ from fold to fold, the lowest and the highest.

    Args:
        chosen: Settings as JSON, and in how many folds; see `CandidateResult.settings`.

    Example:
        >>> settings_text({'{"alpha": 0.3, "kind": "a"}': 2, '{"alpha": 12.0, "kind": "b"}': 1})
        'alpha 0.3 to 12, kind a (2) or b (1)'
        >>> settings_text({'{"alpha": 0.3}': 4, "{}": 1})
        'alpha 0.3; the usual ones in 1 of 5 folds'
        >>> settings_text({"{}": 5})
        'the usual ones'
    """
    n_folds = sum(chosen.values())
    values: dict[str, Counter[Any]] = {}
    for text, count in chosen.items():
        for name, value in json.loads(text).items():
            values.setdefault(name, Counter())[value] += count
    usual = chosen.get("{}", 0)
    if not values:
        return "the usual ones" if chosen else ""
    words = ", ".join(f"{name} {_values(counts)}" for name, counts in values.items())
    return words + (f"; the usual ones in {usual} of {counted(n_folds, 'fold')}" if usual else "")


def _values(counts: Counter[Any]) -> str:
    numbers = [value for value in counts if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) == len(counts):
        low, high = (
            f"{end:.3g}" if isinstance(end, float) else str(end) for end in (min(numbers), max(numbers))
        )
        return low if low == high else f"{low} to {high}"
    if len(counts) == 1:
        return str(next(iter(counts)))
    return " or ".join(f"{value} ({count})" for value, count in counts.most_common())
