"""The examples, the README's code, and the benchmark scripts."""

import contextlib
import doctest
import runpy
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from reaching.runs import Run

__all__ = ["benchmarks", "examples"]

ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "two_inputs_two_heads.py": ["--seeds", "2", "--steps", "4"],
    "learning_to_learn.py": ["--steps", "2"],
}
"""So little training holds no claim; `make test` runs the examples in full."""


def examples(folder: Path) -> Iterator[Run]:
    """Yield the examples, as small as they go, and the code of the README and of the guides."""
    for file in sorted((ROOT / "examples").glob("*.py")):
        yield Run(file.name, partial(_example, file, folder))
    for file in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        yield Run(file.name, partial(_text, file, folder))


def _example(file: Path, folder: Path) -> None:
    sys.argv = [str(file), *SMALL.get(file.name, [])]
    allowed = contextlib.suppress(SystemExit) if file.name in SMALL else contextlib.nullcontext()
    with contextlib.chdir(folder), allowed:
        runpy.run_path(str(file), run_name="__main__")


def _text(file: Path, folder: Path) -> None:
    with contextlib.chdir(folder):
        failed, _ = doctest.testfile(str(file), module_relative=False, optionflags=doctest.ELLIPSIS)
    if failed:
        raise RuntimeError(f"{failed} lines of {file.name} give something else")


def benchmarks(_: Path) -> Iterator[Run]:
    """Yield the benchmark scripts, as `benchmarks.smoke` runs them."""
    sys.path.append(str(Path(__file__).parents[2]))
    from benchmarks import smoke

    def script(name: str, folder: Path) -> None:
        report = smoke.attempt(name, folder)
        if report.failed:
            raise RuntimeError(report.failed)

    place = Path(tempfile.mkdtemp(prefix="reached."))
    smoke.with_results(place)
    for name in smoke.CASES:
        yield Run(f"benchmark {name}", partial(script, name, place))
