"""Whether different values of a column are text with something in common, or codes that tell rows apart."""

import re
from collections import Counter
from collections.abc import Collection
from itertools import chain

__all__ = ["is_prose", "n_words"]

_N_JUDGED = 2000
_ADDRESS = re.compile(r"\S+@\S+\.\S+|\w+://\S+")
_LETTERS = re.compile(r"[^\W\d_]{3,}")
_MOST_COMMON_WORD, _MOST_COMMON_RUN = 0.8, 0.5  # of the values: what all have in common tells nothing
_FEWEST_WORDS, _FEWEST_RUNS = 8, 20
_FEWEST_LETTERS = 6
_SURPRISE = 5.0  # times as often as by chance


def is_prose(values: Collection[str]) -> bool:
    """Tell whether most of many different values share words, or runs of letters, with some of the others.

    Codes, hashes and addresses do not: what letters they share is in all of them, or there by chance.

    Example:
        >>> kinds, things = ("red", "blue", "old", "tiny", "soft"), ("chair", "lamp", "table", "shelf")
        >>> is_prose([f"A {one} {two} for {index}" for index, one in enumerate(kinds) for two in things])
        True
        >>> is_prose([f"row {index}" for index in range(50)])
        False
    """
    judged = sorted(values)
    judged = judged[:: 1 + len(judged) // _N_JUDGED]
    if 2 * sum(_ADDRESS.fullmatch(value.strip()) is not None for value in judged) > len(judged):
        return False
    return _share(
        [_words(value) for value in judged], _MOST_COMMON_WORD, fewest=_FEWEST_WORDS
    ) or _share_runs(judged)


def n_words(values: Collection[str]) -> int:
    """Return how many words a value has, the median."""
    counts = sorted(len(value.split()) for value in values)
    return counts[len(counts) // 2] if counts else 0


def _words(value: str) -> set[str]:
    """Return the words of a value that are letters alone."""
    found = (word.strip(".,;:!?()[]\"'").lower() for word in value.split())
    return {word for word in found if len(word) > 1 and word.isalpha()}


def _share(pieces: list[set[str]], most: float, *, fewest: int, known: Collection[str] | None = None) -> bool:
    """Tell whether over half of the values have a piece that some others have, but not nearly all."""
    counts = Counter(chain.from_iterable(pieces))
    shared = {
        piece
        for piece, count in counts.items()
        if 2 <= count <= most * len(pieces) and count >= 0.002 * len(pieces)
    }
    if known is not None:
        shared &= set(known)
    return len(shared) >= fewest and 2 * sum(not own.isdisjoint(shared) for own in pieces) > len(pieces)


def _share_runs(values: list[str]) -> bool:
    """Tell whether values share runs of three letters that letters by chance would not make."""
    letters = [[run.lower() for run in _LETTERS.findall(value)] for value in values]
    single = Counter("".join(chain.from_iterable(letters)))
    if single.total() < _FEWEST_LETTERS * len(values):
        return False
    runs = [
        {word[start : start + 3] for word in words for start in range(len(word) - 2)} for words in letters
    ]
    per_value = sum(len(own) for own in runs) / len(values)
    counts = Counter(chain.from_iterable(runs))
    odd = []
    for run, count in counts.items():
        by_chance = per_value
        for letter in run:
            by_chance *= single[letter] / single.total()
        if count >= max(3, 0.01 * len(values), _SURPRISE * by_chance * len(values)):
            odd.append(run)
    return _share(runs, _MOST_COMMON_RUN, fewest=_FEWEST_RUNS, known=odd)
