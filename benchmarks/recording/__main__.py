"""Record what polytask computes, and compare it with what it computed before.

    python -m benchmarks.recording write runs/recording
    python -m benchmarks.recording compare runs/recording              # with what it computes now
    python -m benchmarks.recording compare runs/recording runs/other   # with another folder of records
    python -m benchmarks.recording compare runs/recording --only 'learners/maml*' 'balancing/*'

Differences that are meant to be there stand in ``differences.json``: patterns of their keys
(``record`` or ``record:part``), each with its reason.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from benchmarks.recording.comparison import compared, read, read_expected, reported
from benchmarks.recording.writing import write


def compare(folder: Path, other: Path | None, only: Iterable[str], jobs: int) -> bool:
    """Tell whether two folders, or one and what is computed now, hold the same."""
    if other is None:
        with tempfile.TemporaryDirectory() as made:
            write(Path(made), only, jobs)
            return compare(folder, Path(made), only, jobs)
    before, after = read(folder), read(other)
    expected, patterns = read_expected(), [f"{pattern}/*" for pattern in only]
    used: Counter[str] = Counter()
    same = bool(before)
    for group in sorted(before.keys() | after.keys()):
        old, new = (
            {
                name: each
                for name, each in side.get(group, {}).items()
                if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
            }
            for side in (before, after)
        )
        outcome = compared(old, new, expected)
        if outcome.n_records:
            print(reported(group, outcome))
        same = same and not outcome.differing
        for found in outcome.expected.values():
            keys = {each.key for each in found}
            used.update(p for p in expected if any(fnmatchcase(key, p) for key in keys))
    for pattern, reason in expected.items():
        print(f"expected in {used[pattern]} records: {pattern}: {reason}")
    print("equal" if same else "NOT equal")
    return same


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("write", "compare"):
        command = commands.add_parser(name)
        command.add_argument("folder", type=Path, nargs="?", default=Path("runs/recording"))
        if name == "compare":
            command.add_argument("other", type=Path, nargs="?", help="records to compare with")
        command.add_argument("--only", nargs="+", default=[], metavar="GROUP/UNIT", help="patterns")
        command.add_argument("--jobs", type=int, default=2, help="processes")
    asked = parser.parse_args()
    if asked.command == "write":
        write(asked.folder, asked.only, asked.jobs)
    elif not compare(asked.folder, asked.other, asked.only, asked.jobs):
        sys.exit(1)


if __name__ == "__main__":
    main()
