"""Where compiled programs are kept."""

import logging
import os
from pathlib import Path

import pytest

from polytask.core.torch_internals import program_folder_of_torch
from polytask.execution.program_cache import kept_programs, program_folder

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path))
    monkeypatch.delenv(VARIABLE)
    return tmp_path


@pytest.mark.parametrize("before", [None, program_folder_of_torch()], ids=["nothing", "noted by torch"])
def test_programs_are_kept_in_the_cache_folder(
    before: str | None, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if before is not None:
        monkeypatch.setenv(VARIABLE, before)
    with kept_programs():
        assert os.environ[VARIABLE] == str(program_folder())
        assert program_folder().is_dir()
    assert program_folder().is_relative_to(cache / "compiled")
    assert os.environ.get(VARIABLE) == before


def test_a_folder_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv(VARIABLE, "/somewhere")
    with kept_programs():
        assert os.environ[VARIABLE] == "/somewhere"
    assert not any(cache.iterdir())


def test_processors_do_not_share_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    before = program_folder()
    monkeypatch.setattr("torch.backends.cpu.get_cpu_capability", lambda: "another")
    assert program_folder() != before


def test_where_no_folder_can_be_made_torch_keeps_its_own(
    cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (cache / "file").write_text("")
    monkeypatch.setenv("POLYTASK_CACHE", str(cache / "file"))
    with caplog.at_level(logging.WARNING, logger="polytask.execution"), kept_programs():
        assert VARIABLE not in os.environ
    assert "kept where torch has them" in caplog.text
