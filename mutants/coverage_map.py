"""Which test enters which function, noted while the tests run once; a plugin of pytest's for that run."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import coverage
import pytest

from mutants.sample import SOURCE, functions

__all__ = ["CoverageMap", "read_map"]

FOLDER = Path(".mutants")


class CoverageMap:
    """Tests by function.

    Args:
        entered: Node ids by ``"path::function"``; an id without ``::`` stands for a whole file, of which a
            shared fixture enters the function.
        seconds: What each test took.
    """

    def __init__(self, entered: dict[str, list[str]], seconds: dict[str, float]) -> None:
        self.entered = entered
        self.seconds = seconds
        self.n_functions: dict[str, int] = defaultdict(int)
        for tests in entered.values():
            for test in tests:
                self.n_functions[test] += 1

    def tests(self, path: Path, function: str, *, limit: float) -> list[str]:
        """Return the tests that enter a function, those that enter few others first, within a time.

        Args:
            path: The function's file.
            function: Its qualified name.
            limit: Seconds that the tests may take together; the first one is returned in any case.
        """
        found = self.entered.get(f"{path}::{function}", [])
        own = f"test_{path.stem}.py"
        chosen: list[str] = []
        total = 0.0
        for test in sorted(found, key=lambda test: (own not in test, self.n_functions[test], test)):
            took = self.seconds.get(test) or sum(
                seconds for name, seconds in self.seconds.items() if name.startswith(f"{test}::")
            )
            if not chosen or total + took <= limit:
                chosen.append(test)
                total += took
        return chosen


def read_map(*, again: bool = False, jobs: int = 2) -> CoverageMap:
    """Return the map of an earlier run; run all tests where there is none.

    Args:
        again: Run them in any case.
        jobs: Processes at once.
    """
    files = sorted(str(path) for path in Path("tests").rglob("test_*.py"))
    parts = [FOLDER / f"map-{part}.json" for part in range(jobs)]
    if again or not all(part.exists() for part in parts):
        for old in FOLDER.glob("map-*.json"):
            old.unlink()
        FOLDER.mkdir(exist_ok=True)
        # Large files first, so that the parts take about as long.
        files.sort(key=lambda name: -Path(name).stat().st_size)
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda part: _run(files[part::jobs], parts[part]), range(jobs)))
    entered: dict[str, set[str]] = defaultdict(set)
    seconds: dict[str, float] = {}
    there = _collected()
    for part in sorted(FOLDER.glob("map-*.json")):
        noted = json.loads(part.read_text())
        seconds |= noted["seconds"]
        for function, tests in noted["entered"].items():
            entered[function] |= there.intersection(tests)
    return CoverageMap({function: sorted(tests) for function, tests in entered.items()}, seconds)


def _collected() -> set[str]:
    """Return the tests that there are today, and their files: some of an earlier map may have gone."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist", "-o", "addopts="]
    listed = subprocess.run(
        [*command, "--import-mode=importlib", "tests"], capture_output=True, text=True, check=False
    ).stdout
    tests = {line for line in listed.splitlines() if "::" in line}
    return tests | {test.split("::")[0] for test in tests}


def _run(files: list[str], target: Path) -> None:
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-p",
        "mutants.coverage_map",
        "-o",
        "addopts=",
    ]
    marked = ["--import-mode=importlib", "-m", "not slow", f"--coverage-map={target}"]
    command = [sys.executable, "-m", "pytest", *options, *marked, *files]
    with target.with_suffix(".log").open("w") as log:
        subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that says where the map goes."""
    parser.addoption("--coverage-map")


def pytest_configure(config: pytest.Config) -> None:
    """Start to note where there is a map to write."""
    if target := config.getoption("--coverage-map"):
        config.pluginmanager.register(_Notes(Path(target)))


class _Notes:
    """Notes the lines that each test runs."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.seconds: dict[str, float] = defaultdict(float)
        self.test = ""
        self.coverage = coverage.Coverage(data_file=None, source=[str(SOURCE)], messages=False)
        self.coverage.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        """Note under the test's name."""
        self.test = item.nodeid
        self.coverage.switch_context(self.test)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[Any]) -> Iterator[Any]:
        """Note what is set up for several tests under the file's name."""
        if fixturedef.scope == "function":
            return (yield)
        self.coverage.switch_context(self.test.split("::")[0])
        try:
            return (yield)
        finally:
            self.coverage.switch_context(self.test)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add up what the test took."""
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the map."""
        self.coverage.stop()
        data = self.coverage.get_data()
        entered: dict[str, list[str]] = {}
        for name in data.measured_files():
            path = Path(name).relative_to(Path.cwd())
            contexts = data.contexts_by_lineno(name)
            for function, (first, last) in functions(path).items():
                tests = {test for line in range(first, last + 1) for test in contexts.get(line, ())} - {""}
                entered[f"{path}::{function}"] = sorted(tests)
        self.target.parent.mkdir(exist_ok=True)
        self.target.write_text(json.dumps({"entered": entered, "seconds": self.seconds}))
