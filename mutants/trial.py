"""One mutant, tried in a process of its own that imports the mistake instead of the file."""

import doctest
import importlib
import multiprocessing
import os
import signal
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest

__all__ = ["killed"]


def killed(path: Path, code: str, tests: list[str], *, seconds: float) -> str | None:
    """Run tests on a mistake, and the examples in its file, and say what noticed it.

    Args:
        path: The file that the mistake is in.
        code: The whole file with the mistake.
        tests: Node ids of tests.
        seconds: Longest time; a run that hangs has noticed the mistake.

    Returns:
        ``"a test"``, ``"the clock"``, or None where all tests pass.
    """
    process = multiprocessing.get_context("fork").Process(target=_try, args=(path.resolve(), code, tests))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        return "the clock"
    return None if process.exitcode == 0 else "a test"


def _try(path: Path, code: str, tests: list[str]) -> None:
    # The parent has imported what the tests need, except the package itself: that comes with the mistake.
    original = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        if Path(loader.path) == path:
            return compile(code, str(path), "exec")
        return original(loader, fullname)

    SourceFileLoader.get_code = get_code  # pyright: ignore[reportAttributeAccessIssue]
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "addopts=", "-m", "not slow"]
    # The parent's imports come too early for pytest to rewrite their assertions, of which none is a test's.
    options += [
        "--doctest-modules",
        "--import-mode=importlib",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    # The file itself is no argument of pytest's: it would read it anew, without the mistake.
    passed = not tests or pytest.main([*options, *tests]) == pytest.ExitCode.OK
    passed = passed and not _failed_examples(path)
    sys.stdout.flush()
    os._exit(0 if passed else 1)


def _failed_examples(path: Path) -> int:
    """Run the examples in a file's docstrings, and return how many fail."""
    parts = path.relative_to(Path("src").resolve()).with_suffix("").parts
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    return doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).failed
