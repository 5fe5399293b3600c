"""Where compiled programs are kept."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from polytask.core.torch_internals import program_folder_of_torch
from polytask.execution.program_cache import (
    kept_programs,
    made_with_kept_programs,
    program_folder,
    program_folder_at_fault,
)
from polytask.execution.program_sums import SUMS

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


def broken(folder: Path) -> OSError:
    return OSError(f"{folder}/ab/x.main.so: file too short")


def test_what_kept_files_spoil_is_made_once_more_in_an_empty_folder_that_takes_their_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    used: list[Path] = []

    def make() -> str:
        used.append(Path(os.environ[VARIABLE]))
        if (used[-1] / "damaged").exists():
            raise RuntimeError("it cannot be compiled") from broken(used[-1])
        (used[-1] / "ab").mkdir()
        (used[-1] / "ab" / "x.so").write_bytes(b"good")
        return "made"

    folder = program_folder()
    folder.mkdir(parents=True)
    (folder / "damaged").touch()
    with caplog.at_level(logging.WARNING, logger="polytask.execution"):
        assert made_with_kept_programs(make) == "made"
    assert used[0] == folder and used[1] != folder
    assert str(folder) in caplog.text and "it cannot be compiled" in caplog.text
    assert sorted(file.name for file in folder.iterdir()) == ["ab", SUMS]
    assert [other.name for other in folder.parent.iterdir()] == [folder.name]


def test_where_that_does_not_help_what_was_kept_stays_and_the_folder_is_named() -> None:
    folder = program_folder()
    folder.mkdir(parents=True)
    (folder / "kept.so").write_bytes(b"good")

    def make() -> None:
        raise broken(Path(os.environ[VARIABLE]))

    with pytest.raises(OSError, match="file too short") as raised:
        made_with_kept_programs(make)
    assert program_folder_at_fault(raised.value) == folder
    assert [file.name for file in folder.iterdir()] == ["kept.so"]
    assert [other.name for other in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("error", [TypeError("a branch on a value"), OSError(2, "no compiler", "g++")])
def test_what_has_nothing_to_do_with_kept_files_is_tried_once(error: Exception) -> None:
    calls: list[int] = []

    def make() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        made_with_kept_programs(make)
    assert len(calls) == 1 and program_folder_at_fault(error) is None


def test_of_a_full_disk_the_folder_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full = OSError(28, "No space left on device")
    assert program_folder_at_fault(full) == program_folder()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "theirs"))
    assert program_folder_at_fault(full) == tmp_path / "theirs"


STEP = """
import json, logging, sys, torch
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
from polytask.core import Batch, Episode, Task, generator, seeded
from polytask.core.learner import run_loop
from polytask.execution.compiled import Compiled
from polytask.meta import mlp
from polytask.meta.initialization import MAML
x = torch.randn(5, 2, generator=generator(0, 0))
batch = Batch(inputs=x, targets={"y": x.prod(1)})
episode = Episode(tasks=(Task(name="y", kind="regression"),), support=batch, query=batch)
with seeded(0):
    model = MAML(mlp([2, 4, 1], torch.nn.Tanh), inner_rate=0.1, n_steps=2)
found = Compiled()(model, [episode] * 2)
expected = run_loop(model, [episode] * 2)
print(json.dumps(float((found - expected).detach().abs().max())))
"""


def run_step(cache: Path) -> subprocess.CompletedProcess[str]:
    """Make a step in a process that compiles as a user's does, and not as other tests do."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TORCHINDUCTOR_")}
    return subprocess.run(
        [sys.executable, "-c", STEP],
        capture_output=True,
        text=True,
        env={**environment, "POLYTASK_CACHE": str(cache)},
        check=False,
    )


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder in which another process has compiled a step."""
    cache = tmp_path_factory.mktemp("compiled")
    ended = run_step(cache)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return cache


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]


@pytest.mark.slow
@pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() == "DEFAULT",
    reason="torch compiles for the processor at hand, but its headers go by ATEN_CPU_CAPABILITY",
)
@pytest.mark.parametrize(
    ("damage", "is_noted"),
    [
        (lambda content: content[:1000], True),
        (lambda content: content[:1000], False),
        (flip, True),
        (lambda _: b"", False),
        (None, False),
    ],
    ids=["cut short", "cut short before it was noted", "a byte flipped", "empty", "a folder"],
)
def test_a_damaged_program_is_compiled_anew_with_a_word(
    damage: Callable[[bytes], bytes] | None, is_noted: bool, compiled: Path, cache: Path
) -> None:
    shutil.copytree(compiled, cache, dirs_exist_ok=True)
    programs = list(cache.rglob("*.so"))
    assert programs
    for program in programs:
        content = program.read_bytes()
        program.unlink()
        if damage is None:
            program.mkdir()
        else:
            program.write_bytes(damage(content))
    if not is_noted:
        next(cache.rglob(SUMS)).unlink()
    ended = run_step(cache)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout) < 1e-5
    assert "compiled anew" in ended.stderr and str(cache / "compiled") in ended.stderr
    again = run_step(cache)
    assert (again.returncode, again.stderr) == (0, "")
