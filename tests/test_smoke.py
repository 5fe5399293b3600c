"""Every benchmark script is in the list, and has a small setting, so that `make bench-smoke` runs it."""

from benchmarks.scripts import SCRIPTS, script_files

from benchmarks import smoke


def test_every_benchmark_script_is_listed_and_has_a_small_setting() -> None:
    assert SCRIPTS.keys() == script_files().keys()
    assert smoke.CASES.keys() == SCRIPTS.keys()
