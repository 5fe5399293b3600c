"""The mistakes that `make mutants` plants by hand are in code that is there."""

from pathlib import Path

import pytest


def test_every_mistake_by_hand_can_be_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cosmic_ray")
    from mutants import planted

    monkeypatch.chdir(Path(__file__).parent.parent)
    assert len(planted.planted()) == len(planted._MISTAKES) > 0
