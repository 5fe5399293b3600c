"""Runs the benchmarks: a fast tier, or all of them, and shows what is stored beside what came out.

    python -m benchmarks.run                  # the fast tier, planned for 45 minutes on two cores: runs/bench
    python -m benchmarks.run --only meta joint
    python -m benchmarks.run --full           # all, into the committed results; hours
    python -m benchmarks.run --list

The fast tier needs no data that a clean clone lacks, and has fewer seeds, steps and rounds: its figures are
not those of the pages, and ``runs/bench/table.md`` shows both with what differs in their settings. The full
tier remembers each part that is done with the hash of the modules that ran: stopped anywhere, it goes on,
and a second run does what has changed. Scripts that measure time run one by one, the others two at a time.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.beside import beside
from benchmarks.scripts import HERE, SCRIPTS, loaded, redirect, script_files

from polytask.core.processors import processors

RUNS = HERE.parent / "runs"
LEFT_OUT = 3  # the exit code of a script whose data or model is not there


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A script with what its command line says.

    Args:
        script: Its name.
        arguments: Of the command line.
        fast: Whether it runs in the fast tier.
        minutes: What it takes, about.
    """

    script: str
    arguments: tuple[str, ...]
    fast: bool
    minutes: float

    @property
    def name(self) -> str:
        """A name for people."""
        return " ".join([self.script, *self.arguments])

    @property
    def file(self) -> str:
        """A name for files."""
        return "".join(c if c.isalnum() else "-" for c in self.name)[:150] + ".json"


def parts_of(*, full: bool, only: Sequence[str]) -> list[Part]:
    """Return what a tier runs, in order."""
    found = []
    for name, script in SCRIPTS.items():
        if only and name not in only:
            continue
        if full:
            each = script.minutes / len(script.parts)
            found += [Part(script=name, arguments=part, fast=False, minutes=each) for part in script.parts]
        elif script.fast is not None:
            fast = script.fast
            found.append(Part(script=name, arguments=fast.arguments, fast=True, minutes=fast.minutes))
    return found


def is_done(part: Part, folder: Path) -> bool:
    """Tell whether a part was run by the same code already."""
    file = folder / part.file
    if not file.is_file():
        return False
    told = json.loads(file.read_text("utf-8"))
    return told["modules"] is not None and _writer().hash_of(told["files"]) == told["modules"]


def run_part(part: Part, into: Path, done: Path) -> str:
    """Run a part in a process of its own; return what to say of it."""
    command = [sys.executable, "-m", "benchmarks.run", "--one", part.script, "--into", str(into)]
    command += [
        "--done",
        str(done / part.file),
        *(["--full"] if not part.fast else []),
        "--",
        *part.arguments,
    ]
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    start = time.perf_counter()
    done.mkdir(parents=True, exist_ok=True)
    with (done / part.file).with_suffix(".log").open("w", encoding="utf-8") as log:
        code = subprocess.run(
            command, cwd=HERE.parent, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False
        ).returncode
        log.flush()
    minutes = (time.perf_counter() - start) / 60
    last = (done / part.file).with_suffix(".log").read_text("utf-8").strip().splitlines()[-1:]
    told = f": {last[0]}" if code and last else ""
    word = "done" if code == 0 else "left out" if code == LEFT_OUT else "FAILED"
    return f"{part.name:60} {word} ({minutes:.1f} min){told}"


def run_one(name: str, arguments: Sequence[str], *, into: Path | None, done: Path, fast: bool) -> int:
    """Run a script in this process, and write down by which code."""
    from polytask.core import DataError
    from polytask.core.files import write_atomically

    case = SCRIPTS[name].fast
    module: Any = loaded(name, case.constants if fast and case is not None else None)
    if into is not None:
        into.mkdir(parents=True, exist_ok=True)
        redirect(module, into)
    sys.argv = [str(script_files()[name]), *arguments]
    try:
        module.main()
    except DataError as error:
        if any(remedy in str(error) for remedy in ("POLYTASK_DATA", "polytask models fetch")):
            print(error)
            return LEFT_OUT
        traceback.print_exc()
        return 1
    writer = _writer()
    files = writer.modules_that_ran()
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    told = {
        "modules": writer.hash_of(files),
        "files": files,
        "processor minutes": round(sum(one.ru_utime + one.ru_stime for one in used) / 60, 2),
    }
    write_atomically(done, lambda file: file.write(json.dumps(told, indent=1).encode()))
    return 0


def _writer() -> Any:
    """Return the module that writes results, as the scripts import it."""
    return loaded("results")


def main() -> int:
    """Run a tier; the exit code tells whether a script failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--full", action="store_true", help="all, into the committed results")
    parser.add_argument("--only", nargs="+", default=[], choices=list(SCRIPTS), metavar="SCRIPT")
    parser.add_argument("--list", action="store_true", help="show what would run, and how long")
    parser.add_argument("--resume", action="store_true", help="let the fast tier go on where it stopped")
    parser.add_argument("--again", action="store_true", help="let the full tier do what is done already")
    parser.add_argument("--jobs", type=int, default=min(2, processors()), help="of what is not timed")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--done", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        into = None if asked.full else asked.into
        return run_one(asked.one, asked.arguments, into=into, done=asked.done, fast=not asked.full)
    parts = parts_of(full=asked.full, only=asked.only)
    folder = RUNS / ("bench-full" if asked.full else "bench")
    done = folder / "done"
    keeps = not asked.again if asked.full else asked.resume
    waiting = [part for part in parts if not (keeps and is_done(part, done))]
    minutes = sum(part.minutes for part in waiting)
    print(f"{len(waiting)} of {len(parts)} parts, about {minutes:.0f} minutes of a core")
    if asked.list:
        print(*(f"{part.minutes:6.1f}  {part.name}" for part in waiting), sep="\n")
        return 0
    if not asked.full and not asked.resume:
        for file in folder.glob("*.json"):  # else a script would add to what another run made
            file.unlink()
    said = run_all(waiting, folder, done, asked.jobs)
    if not asked.full:
        (folder / "table.md").write_text(beside(folder), encoding="utf-8")
        print(f"stored figures beside fresh ones: {folder / 'table.md'}")
    failed, without = (sum(word in line for line in said) for word in (" FAILED (", " left out ("))
    print(f"{len(said)} parts, {failed} failed, {without} left out for want of data")
    return int(bool(failed))


def run_all(parts: Sequence[Part], folder: Path, done: Path, jobs: int) -> list[str]:
    """Run what is timed one by one, and the rest some at a time."""
    said = []

    def run(part: Part) -> None:
        (done / part.file).unlink(missing_ok=True)
        said.append(run_part(part, folder, done))
        print(said[-1], flush=True)

    for part in (part for part in parts if _timed(part)):
        run(part)
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(run, [part for part in parts if not _timed(part)]))
    return said


def _timed(part: Part) -> bool:
    return script_files()[part.script].parent.name == "speed"


if __name__ == "__main__":
    sys.exit(main())
