"""Which lines of the source does nobody reach: no command, no estimator, no example, no benchmark?

    python benchmarks/reached.py             # a quarter of an hour on two cores; writes logs/reached.md
    python benchmarks/reached.py tables library --data DIR     # some of tables, images, library, examples ...
    python benchmarks/reached.py none --data DIR               # the table of what such runs have left there

Everything runs in this process on tiny inputs under ``coverage``; what runs is in ``reaching/``, and whatever
does not end as it should is told. What refuses wrong input does not count, as the tests try all of it: a
``raise``, and what stands before it in its block. What later work opens a door for is counted apart.
"""

import argparse
import ast
import contextlib
import io
import os
import sys
import tempfile
import time
import traceback
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import coverage
from reaching.images import image_commands
from reaching.library import library_runs
from reaching.scripts import benchmarks, examples
from reaching.tables import table_commands
from reaching.verdicts import DOORS_TO_COME, VERDICTS

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "src" / "polytask"
LOG = HERE / "logs" / "reached.md"

KINDS = {
    "tables": table_commands,
    "images": image_commands,
    "library": library_runs,
    "examples": examples,
    "benchmarks": benchmarks,
}
"""Each yields runs, given a folder that is thrown away."""


# What was executed


@dataclass(frozen=True, slots=True)
class Lines:
    """A file's statements, and those that nobody executed."""

    path: str
    statements: int
    missing: tuple[int, ...]


def measured(kinds: list[str], data: Path) -> list[str]:
    """Run everything under coverage and add what was executed to the folder of data; return what failed."""
    recorder = coverage.Coverage(
        source=[str(PACKAGE)], data_file=str(data / "-".join(kinds)), config_file=False
    )
    recorder.start()
    failed = []
    with tempfile.TemporaryDirectory(prefix="reached.") as name:
        for kind in kinds:
            for run in KINDS[kind](Path(name)):
                start = time.process_time()
                try:
                    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
                        warnings.simplefilter("ignore")
                        run.act()
                except (Exception, SystemExit):  # noqa: BLE001 - told at the end
                    failed.append(f"{run.name}: {traceback.format_exc()[-700:]}")
                    print(f"FAILED {failed[-1]}", file=sys.stderr, flush=True)
                print(f"{time.process_time() - start:6.1f} s  {run.name[:150]}", file=sys.stderr, flush=True)
                recorder.save()  # whatever comes, this much is known
    recorder.stop()
    recorder.save()
    return failed


def executed(data: Path) -> list[Lines]:
    """Return every file with what none of the runs in a folder of data executed."""
    recorder = coverage.Coverage(source=[str(PACKAGE)], data_file=None, config_file=False)
    recorder.exclude(r"^\s*raise ")
    recorder.exclude(r"if TYPE_CHECKING:")
    recorder.combine([str(file) for file in data.iterdir()], keep=True)
    files = []
    for path in sorted(PACKAGE.rglob("*.py")):
        _, statements, _, missing, _ = recorder.analysis2(str(path))
        refusing = refusing_lines(path.read_text())
        files.append(
            Lines(
                path.relative_to(PACKAGE).as_posix(),
                len(set(statements) - refusing),
                tuple(sorted(set(missing) - refusing)),
            )
        )
    return files


def refusing_lines(text: str) -> set[int]:
    """Return the lines of statements that do nothing but lead to a ``raise`` in their branch."""
    lines: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.If | ast.ExceptHandler):
            for block in (node.body, getattr(node, "orelse", [])):
                if block and isinstance(last := block[-1], ast.Raise) and last.exc is not None:
                    lines |= {
                        inner.lineno
                        for part in block
                        for inner in ast.walk(part)
                        if isinstance(inner, ast.stmt)
                    }
    return lines


def door_of(path: str) -> str | None:
    """Return the door to come for a file, if it waits for one."""
    return next((door for start, door in DOORS_TO_COME.items() if path.startswith(start)), None)


def written(files: list[Lines]) -> str:
    """Lay out the table by room, and the list of files."""
    rooms: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for file in files:
        at = 2 if door_of(file.path) else 0
        room = rooms[file.path.split("/")[0]]
        room[at] += file.statements
        room[at + 1] += len(file.missing)
    total = [sum(room[column] for room in rooms.values()) for column in range(4)]
    out = [
        "# Lines that no command, estimator, example or benchmark reaches",
        "",
        "Written by `python benchmarks/reached.py`.",
        "",
        "| room | statements | not executed | % | of doors to come | not executed |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for room, (count, missing, later, later_missing) in [*sorted(rooms.items()), ("**all**", total)]:
        share = f"{100 * missing / count:.1f}" if count else ""
        out.append(f"| {room} | {count} | {missing} | {share} | {later} | {later_missing} |")
    out += ["", "## Files, most lines first", ""]
    for file in sorted(files, key=lambda one: -len(one.missing)):
        if len(file.missing) >= 3 and not door_of(file.path):
            out.append(f"- `{file.path}`: {len(file.missing)} of {file.statements} ({ranges(file.missing)})")
    out += [
        "",
        "## Files that only tests reached, and what became of them",
        "",
        "Before the rooms were built anew: no command, estimator, example or benchmark came to these by",
        "following what each file imports.",
        "",
    ]
    for path, (place, verdict) in VERDICTS.items():
        out.append(f"- `{path}`{f', now `{place}`' if place != path else ''}: {verdict}")
    out += ["", "## Doors to come", ""]
    for file in files:
        if (door := door_of(file.path)) and file.missing:
            out.append(f"- `{file.path}`: {len(file.missing)} of {file.statements}; {door}")
    return "\n".join(out) + "\n"


def ranges(lines: tuple[int, ...]) -> str:
    """Write line numbers as ranges."""
    found: list[list[int]] = []
    for line in lines:
        if found and line <= found[-1][1] + 2:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in found)


def main() -> int:
    """Measure, write and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--data", type=Path, help="a folder that several such runs may share")
    asked = parser.parse_args()
    os.environ["COLUMNS"] = "120"
    with tempfile.TemporaryDirectory(prefix="reached.") as folder:
        data = (asked.data or Path(folder)).resolve()
        data.mkdir(parents=True, exist_ok=True)
        failed = measured(asked.kinds, data) if asked.kinds != ["none"] else []
        text = written(executed(data))
    print(text)
    for message in failed:
        print(f"FAILED {message}", file=sys.stderr)
    if asked.data is not None or set(asked.kinds) == set(KINDS):
        LOG.write_text(text)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
