"""The folder of a service: it goes with it, and what a killed one left is removed by the next."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from polytask.serve.runtime_folder import hold_runtime_folder, runtime_folder

pytest.importorskip("fcntl")
SERVICE = """
import os, signal, subprocess, sys
from polytask.serve.runtime_folder import hold_runtime_folder, runtime_folder
if len(sys.argv) > 1:  # a worker
    hold_runtime_folder(sys.argv[1])
    print(sys.argv[1], flush=True)
    sys.stdin.read()
with runtime_folder() as folder:
    worker = subprocess.Popen([sys.executable, "-c", os.environ["SERVICE"], folder])
    sys.stdin.read()
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def service(root: Path) -> Iterator[subprocess.Popen]:
    """A service with a worker, which have their folder."""
    environment = {**os.environ, "TMPDIR": str(root), "SERVICE": SERVICE}
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdout is not None and process.stdout.readline()
        yield process
        process.kill()


def test_it_goes_with_the_block(root: Path):
    with runtime_folder() as folder:
        (Path(folder) / "rates").mkdir()
        assert Path(folder).parent == root
    assert list(root.iterdir()) == []


def test_what_a_killed_service_left_is_removed_once_its_workers_are_gone_too(root: Path, service):
    (left,) = root.iterdir()
    service.send_signal(signal.SIGKILL)
    service.wait(timeout=60)
    with runtime_folder():
        assert left.is_dir()  # the worker lives
    service.stdin.close()  # which ends it
    service.stdout.read()
    with runtime_folder() as folder:
        assert [path.name for path in root.iterdir()] == [Path(folder).name]


def test_the_folders_of_living_services_of_others_and_of_other_programs_stay(root: Path):
    (root / "polytask-serve-mine").mkdir()  # without the file: made this very moment
    (root / "polytask-serve-link").symlink_to(root)
    (root / "alive").touch()
    (root / "other").mkdir()
    with runtime_folder() as first, runtime_folder() as second:
        assert Path(first).is_dir() and Path(second).is_dir()
    assert sorted(path.name for path in root.iterdir()) == [
        "alive", "other", "polytask-serve-link", "polytask-serve-mine",
    ]  # fmt: skip


def test_a_folder_that_is_gone_cannot_be_held(root: Path):
    with pytest.raises(OSError, match="nothing"):
        hold_runtime_folder(str(root / "nothing"))
