"""How often clients ask is counted exactly, and together."""

from pathlib import Path

import pytest

from polytask.serve.rates import ClientRates


@pytest.fixture
def rates(tmp_path: Path) -> ClientRates:
    return ClientRates(tmp_path / "rates", 60)


def test_all_requests_of_a_minute_may_come_at_once_and_then_one_a_second(rates: ClientRates):
    assert [rates.wait("a", now=1000.0) for _ in range(60)] == [0.0] * 60
    assert rates.wait("a", now=1000.0) == pytest.approx(1.0)
    assert rates.wait("a", now=1000.5) == pytest.approx(0.5)
    assert rates.wait("a", now=1001.0) == 0.0
    assert rates.wait("a", now=1001.0) == pytest.approx(1.0)
    assert rates.wait("b", now=1001.0) == 0.0


def test_refused_requests_do_not_count(rates: ClientRates):
    for _ in range(100):
        rates.wait("a", now=0.0)
    assert rates.wait("a", now=60.0) == 0.0


def test_workers_count_together(tmp_path: Path):
    both = [ClientRates(tmp_path / "rates", 10) for _ in range(2)]
    found = [both[index % 2].wait("a", now=5.0) for index in range(12)]
    assert [wait > 0 for wait in found] == [False] * 10 + [True] * 2


def test_a_clock_that_is_put_back_locks_nobody_out_for_long(rates: ClientRates):
    for _ in range(60):
        rates.wait("a", now=1e9)
    assert rates.wait("a", now=5.0) <= 1.0


def test_zero_is_any_number(tmp_path: Path):
    assert not any(ClientRates(tmp_path / "rates", 0).wait("a") for _ in range(1000))
