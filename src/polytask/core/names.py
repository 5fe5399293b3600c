"""Names as people give them (columns, classes, files): fit for one line, and what is meant by a wrong one."""

import difflib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "all_of",
    "counted",
    "either",
    "name_problem",
    "near_names",
    "printable",
    "short_name",
    "text_beginning",
]

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MOST_NAMED = 12  # names in a message, beyond which nobody finds the right one
_FIRST_NAMED = 5
_JOINERS = "\u200c\u200d"  # within words of some scripts, and emoji


def printable(text: str, *, keep_lines: bool = False) -> str:
    """Replace what a terminal would obey or could not write, such as escape codes and lone surrogates.

    Args:
        text: Any text.
        keep_lines: Leave line breaks and tabs as they are.

    Example:
        >>> printable("a\\x1b[31m\\nb")
        'a [31m b'
    """
    if text.isprintable():  # most are, and this tells at once
        return text
    kept = "\n\t" if keep_lines else ""
    return "".join(character if _shows(character) or character in kept else " " for character in text)


def _shows(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _INVISIBLE


def short_name(name: str, most: int = 100) -> str:
    """Return a name in one line of at most ``most`` characters; the middle of a longer one is left out.

    Example:
        >>> short_name("the quick brown fox", 11)
        'the q…n fox'
    """
    line = re.sub(r"\s+", " ", printable(name)).strip() or "(blank)"
    if len(line) <= most:
        return line
    head = most // 2
    return f"{line[:head]}…{line[len(line) - (most - head - 1) :]}"


def text_beginning(text: str, most: int = 80) -> str:
    """Return how a text begins, on one line: enough for a person to see which one it is.

    Example:
        >>> text_beginning("pay\\nmy bill,  please", 12)
        'pay my bill…'
    """
    line = " ".join(printable(text[: 2 * most]).split())
    return line if len(line) <= most and len(text) <= 2 * most else f"{line[: most - 1]}…"


def counted(count: int, one: str, several: str = "") -> str:
    """Write a number with its noun.

    Example:
        >>> counted(1, "row"), counted(2, "row"), counted(2, "class", "classes")
        ('1 row', '2 rows', '2 classes')
    """
    return f"{count} {one if count == 1 else several or f'{one}s'}"


def all_of(names: Sequence[str]) -> str:
    """Join names that are all meant.

    Example:
        >>> all_of(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), *names[-1:]])


def either(names: Sequence[str]) -> str:
    """Join names of which one is to be chosen.

    Example:
        >>> either(["a", "b", "c"])
        'a, b or c'
    """
    return " or ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), *names[-1:]])


def near_names(given: Any, known: Iterable[str], most: int = 3) -> list[str]:
    """Return the names that may be meant by a wrong one, the nearest first; case does not count.

    Example:
        >>> near_names("UPGARD", ["equal", "upgrad", "pcgrad"])
        ['upgrad', 'pcgrad']
        >>> near_names("message", ["age", "message_text"])  # letters within a word are not the word
        ['message_text']
    """
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(name.casefold(), name)
    asked = str(given).casefold()
    words = [name for name in folded if not _within_a_word(asked, name)]
    return [folded[near] for near in difflib.get_close_matches(asked, words, n=most)]


def _within_a_word(first: str, second: str) -> bool:
    """Tell whether one is less than half of the other, and there does not begin a word: age of message."""
    part, whole = sorted((first, second), key=len)
    if not part or 2 * len(part) >= len(whole) or part not in whole:
        return False
    return re.search(rf"(?<![^\W_]){re.escape(part)}", whole) is None


def name_problem(what: str, given: Any, known: Iterable[str], *, listing: str = "") -> str:
    """Say that a name is unknown, what may be meant, and what there is.

    Args:
        what: The beginning of the sentence.
        given: The wrong name.
        known: The right ones.
        listing: How to see all of them, said where they are many.

    Example:
        >>> name_problem("`colour` is 'rde'", "rde", ["red", "green"])
        "`colour` is 'rde'; did you mean 'red'? There are red, green"
    """
    known = list(known)
    near = near_names(given, known)
    meant = f"; did you mean {either([repr(name) for name in near])}?" if near else ""
    if len(known) <= _MOST_NAMED:
        return (
            f"{what}{meant} There are {', '.join(known)}"
            if near
            else f"{what}; use one of {', '.join(known)}"
        )
    if listing:
        return f"{what}{meant or ';'} {listing} lists all {len(known)}"
    some = f"{', '.join(known[:_FIRST_NAMED])} and {len(known) - _FIRST_NAMED} more"
    return f"{what}{meant} There are {some}" if near else f"{what}; there are {some}"
