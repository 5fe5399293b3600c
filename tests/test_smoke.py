"""Every benchmark script has a small setting, so that `make bench-smoke` runs it."""

import importlib.util
import sys
from pathlib import Path

FILE = Path(__file__).parent.parent / "benchmarks" / "smoke.py"


def test_every_benchmark_script_has_a_small_setting() -> None:
    spec = importlib.util.spec_from_file_location("smoke", FILE)
    assert spec is not None
    assert spec.loader is not None
    smoke = importlib.util.module_from_spec(spec)
    sys.modules["smoke"] = smoke  # its records look their own module up
    spec.loader.exec_module(smoke)
    assert smoke.CASES.keys() == smoke.scripts().keys()
