"""Numbers and tables of the pages, made of the results: nothing measured is typed by hand.

    python -m benchmarks.figures           # write the blocks of all pages anew
    python -m benchmarks.figures --check   # fail where a block differs, or a number was typed

Between ``<!-- figures: NAME -->`` and ``<!-- end -->`` stands what a table of `tables` makes, or, in the
midst of a line, one value of a result file by the path to it (`values`). Numbers that no result file has are
marked: ``<!-- paper -->`` of a paper, ``<!-- gpu -->`` of a GPU, ``<!-- teaching -->`` of an example,
``<!-- setting -->`` of how it was measured, and ``<!-- once -->`` of a trial by hand that no script repeats;
all up to ``<!-- end -->``. What the catalogues say of each method (`verdicts`) is written alongside.
CONTRIBUTING.md tells how to add a figure.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.figures.blocks import rewritten
from benchmarks.figures.typed import typed_numbers
from benchmarks.figures.verdicts import VERDICTS_FILE, verdicts

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "README.zh-CN.md",
    "docs/encoders.md",
    "docs/figures.md",
    "docs/large-tables.md",
    "docs/many-small-tasks.md",
    "docs/targets.md",
    "docs/multi-task-learning.md",
    "docs/serving.md",
)
"""Pages that quote what was measured."""


def main() -> int:
    """Write the pages or check them; the exit code tells whether all is well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing")
    asked = parser.parse_args()
    faults: list[str] = []
    for name in PAGES:
        page = ROOT / name
        before = page.read_text("utf-8")
        after, wrong = rewritten(before, language="zh" if "zh" in name else "en")
        faults += [f"{name}:{line}: {told}" for line, told in wrong]
        faults += [f"{name}:{line}: {told}" for line, told in typed_numbers(after)]
        if before != after and asked.check:
            faults.append(f"{name}: {_first_difference(before, after)}; run `python -m benchmarks.figures`")
        elif before != after:
            page.write_text(after, "utf-8")
            print(f"{name} was written anew")
    written = verdicts()
    if asked.check and VERDICTS_FILE.read_text("utf-8") != written:
        faults.append(f"{VERDICTS_FILE.name} is not what the results say; run `python -m benchmarks.figures`")
    elif not asked.check:
        VERDICTS_FILE.write_text(written, "utf-8")
    print(*faults, sep="\n", end="\n" if faults else "", file=sys.stderr)
    return int(bool(faults))


def _first_difference(before: str, after: str) -> str:
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    line, (old, _) = next(
        ((n, pair) for n, pair in enumerate(pairs, 1) if pair[0] != pair[1]), (0, ("the end of the page", ""))
    )
    return f"line {line} is not what the results say: {old[:80]}"


if __name__ == "__main__":
    sys.exit(main())
