"""Names as people give them (columns, classes, files), made fit for one line of a page or a terminal."""

import re
import unicodedata

__all__ = ["printable", "short_name"]

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
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
