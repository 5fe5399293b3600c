"""What the list of unreached lines leaves apart or keeps is really there."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent
LISTS = runpy.run_path(str(ROOT / "benchmarks" / "reaching" / "verdicts.py"))
PACKAGE = ROOT / "src" / "polytask"


def test_every_file_with_a_verdict_is_where_it_says():
    places = [place for place, _ in LISTS["VERDICTS"].values()]
    assert [place for place in places if not (PACKAGE / place).is_file()] == []


def test_every_door_to_come_has_files_that_wait_for_it():
    files = [path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py")]
    empty = [start for start in LISTS["DOORS_TO_COME"] if not any(file.startswith(start) for file in files)]
    assert empty == []
