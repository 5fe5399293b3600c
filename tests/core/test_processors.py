"""How many processors a process may use."""

import os

import pytest

from polytask.core.processors import processors


def test_only_those_that_the_process_may_use_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 5, 7}, raising=False)
    assert processors() == 3


@pytest.mark.parametrize(("counted", "told"), [(12, 12), (None, 1)])
def test_where_the_system_does_not_tell_all_count(
    counted: int | None, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert processors() == told
