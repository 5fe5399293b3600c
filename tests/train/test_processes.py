"""Runs in two processes: the same result as one, and a clear end where one of them is lost."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.train import joint_run

SCRIPT = Path(__file__).with_name("joint_run.py")
TOGETHER = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}


def port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run(folder: Path, *arguments: int, launcher: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Run the script; a run that hangs fails the test."""
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, *launcher, str(SCRIPT), str(folder), *map(str, arguments)],
        env={**TOGETHER, "MASTER_PORT": str(port())},
        capture_output=True, text=True, timeout=1500,
    )  # fmt: skip


def torchrun() -> tuple[str, ...]:
    return (
        "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1",
        f"--master-port={port()}",
    )  # fmt: skip


def run_on_two_machines(folder: Path, *arguments: int, **variables: str) -> list[subprocess.Popen[str]]:
    """Run the script by a torchrun for each of two machines, which here are one; return what ended."""
    folder.mkdir(exist_ok=True)
    address = f"--master-port={port()}"
    started = [
        subprocess.Popen(
            [
                sys.executable, "-m", "torch.distributed.run", "--nnodes=2", f"--node-rank={rank}",
                "--nproc-per-node=1", "--master-addr=127.0.0.1", address, str(SCRIPT), str(folder),
                *map(str, arguments),
            ],
            env={**TOGETHER, "NODES": "2", **variables},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    for each in started:
        each.said, _ = each.communicate(timeout=1500)
    return started


def run_here(folder: Path, n_steps: int) -> torch.Tensor:
    """Run the script in this process alone; the weights it ends with."""
    folder.mkdir(exist_ok=True)
    n_threads = torch.get_num_threads()
    joint_run.main(folder, 1, n_steps)
    torch.set_num_threads(n_threads)
    return weights(folder)


def weights(folder: Path) -> torch.Tensor:
    return torch.load(folder / "weights.pt")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> torch.Tensor:
    """The weights after 40 steps in one process."""
    return run_here(tmp_path_factory.mktemp("alone"), 40)


@pytest.mark.parametrize("by", ["fabric", "torchrun"])
def test_two_processes_train_a_second_time_and_end_where_one_does(tmp_path, alone, by):
    done = run(tmp_path, 2, 40, -1, 20, launcher=torchrun() if by == "torchrun" else ())
    assert done.returncode == 0, done.stderr
    torch.testing.assert_close(weights(tmp_path), alone, rtol=1e-10, atol=1e-12)


def test_losing_a_process_ends_the_run_with_an_error_and_its_checkpoint_resumes(tmp_path, alone):
    lost = run(tmp_path, 2, 40, 25)
    assert lost.returncode != 0
    # Whoever is first tells: the process that is left, or Fabric, which started the other one.
    told = "TrainingError: Process 0 of 2 lost another one" in lost.stderr and "resume=True" in lost.stderr
    assert told or "terminated with code 1. Forcefully terminating all other processes" in lost.stderr
    assert not (tmp_path / "weights.pt").exists()
    torch.testing.assert_close(run_here(tmp_path, 40), alone, rtol=1e-10, atol=1e-12)


def test_two_machines_end_where_one_process_does(tmp_path, alone):
    for done in run_on_two_machines(tmp_path, 1, 40):
        assert done.returncode == 0, done.said
    torch.testing.assert_close(weights(tmp_path), alone, rtol=1e-10, atol=1e-12)


def test_machines_that_do_not_see_one_folder_do_not_resume_apart(tmp_path):
    first = tmp_path / "0"
    run_here(first, 20)
    (tmp_path / "1").mkdir()
    for done in run_on_two_machines(tmp_path, 1, 40, OWN_DISKS="1"):
        assert done.returncode != 0
        assert "resume from different steps, by rank: 20, 0" in done.said
        assert "has to be on a disk that all machines see" in done.said


def test_processes_that_would_each_train_alone_are_refused(tmp_path):
    done = run(tmp_path, 1, 40, launcher=torchrun())
    assert done.returncode != 0
    assert "torchrun has started 2 processes, but `devices` x `nodes` is 1 x 1" in done.stderr
    assert "the processes of a machine as `devices`" in done.stderr
