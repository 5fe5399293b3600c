"""What the benchmarks of speed fit to their curves of growth."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).parent.parent / "benchmarks" / "speed" / "growth.py"


@pytest.fixture(scope="module")
def growth() -> Any:
    spec = importlib.util.spec_from_file_location("growth", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("power", [0.0, 1.0, 2.5])
def test_a_power_is_found_again_in_any_unit(growth: Any, power: float) -> None:
    sizes = [2, 16, 128, 1024]
    assert growth.fitted_exponent(sizes, [3e-4 * n**power for n in sizes]) == pytest.approx(power, abs=1e-9)


@pytest.mark.parametrize(("sizes", "seconds"), [([2, 2], [1, 1]), ([2, 4], [1]), ([2, 4], [0, 1]), ([], [])])
def test_what_has_no_exponent_is_refused(growth: Any, sizes: list[float], seconds: list[float]) -> None:
    with pytest.raises(ValueError, match="two different sizes"):
        growth.fitted_exponent(sizes, seconds)
