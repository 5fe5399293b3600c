"""Numbers that look measured and stand outside of blocks and marks: they were typed by hand."""

import re

from benchmarks.figures.blocks import without_blocks

__all__ = ["typed_numbers"]

_NUMBER = r"(?<![\w.,/-])\d[\d,]*(?:\.\d+)?"
_UNITS = r"(?:ms|µs|s|g|seconds?|minutes?|min|hours?|KiB|MiB|GiB|points?|毫秒|秒|分钟|小时)"
MEASURED = re.compile(
    rf"(?<![\w.])\d+\.\d+(?![\w]*\.\d)(?!\w)|{_NUMBER} ?[%％]|{_NUMBER}(?: times| ?倍|-fold|x\b)"
    rf"|±\s?\d|{_NUMBER} {_UNITS}\b"
)
"""Decimals, percentages, multiples, half widths, and amounts of time, memory and points."""
NOT_MEASURED = re.compile(
    r"```.*?```|`[^`]*`|\]\([^)]*\)|<https?:[^>]*>|<!--.*?-->"
    r"|^    (?:[A-Z_]+=\S* )*(?:polytask|curl|docker) .*?$|CC BY[-A-Z]* \d\.\d"
    r"|9[05] ?% ?(?:intervals?|区间)|Apache-2\.0|\d+\.\d+ 版"
    r"|(?:[Vv]ersion|torch|Python|alpha[,，]?|arXiv[: ]?) ?\d+\.\d+",
    re.DOTALL | re.MULTILINE,
)
"""Code, addresses, comments, commands, the coverage of intervals, and versions."""


def typed_numbers(text: str) -> list[tuple[int, str]]:
    """Return the lines of a page with a number that was typed, and what to do about it."""
    left = NOT_MEASURED.sub(lambda found: "\n" * found[0].count("\n"), without_blocks(text))
    found = []
    for line, content in enumerate(left.splitlines(), 1):
        numbers = [match[0].strip() for match in MEASURED.finditer(content)]
        if numbers:
            found.append(
                (line, f"typed by hand: {', '.join(numbers)}; see `python -m benchmarks.figures -h`")
            )
    return found
