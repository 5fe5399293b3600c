"""Runs in two processes: the same result as one, and a clear end where one of them is lost."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import torch
from tests.train import joint_run
from tests.train.forked import FORKED

TOGETHER = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "MASTER_ADDR": "127.0.0.1"}


def port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def begun(function: Callable[..., None], *arguments: object) -> BaseProcess:
    process = FORKED.Process(target=function, args=arguments)
    process.start()
    return process


def ended(*processes: BaseProcess) -> list[int | None]:
    """Wait for processes; the codes that they end with."""
    for process in processes:
        process.join(timeout=600)
        process.kill()  # one that hangs fails the test
        process.join()
    return [process.exitcode for process in processes]


def run_two(folder: Path, *arguments: int, **variables: str) -> tuple[list[int | None], list[str]]:
    """Run it in two processes, as torchrun tells them; the codes that they end with, and what they said."""
    folder.mkdir(exist_ok=True)
    told = [folder / f"said-{rank}" for rank in range(2)]
    variables |= {**TOGETHER, "MASTER_PORT": port()}
    codes = ended(
        *(begun(joint_run.one_of_two, rank, told[rank], variables, folder, *arguments) for rank in range(2))
    )
    return codes, [said.read_text() for said in told]


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


# What Fabric starts leaves to a process that is forked what it was told, as that needs no seconds to import.
STARTED = """
import json, os, sys
with open(sys.argv[1] + ".part", "w") as file:
    json.dump([dict(os.environ), sys.argv], file)
os.rename(sys.argv[1] + ".part", sys.argv[1])
"""


def test_two_processes_of_fabric_train_a_second_time_and_end_where_one_does(tmp_path, alone):
    (tmp_path / "script.py").write_text(STARTED)
    command = (str(tmp_path / "script.py"), str(tmp_path / "started"), "as typed")
    said, arguments = [tmp_path / f"said-{rank}" for rank in range(2)], (tmp_path, 2, 40, -1, 20)
    first = begun(joint_run.forked, said[0], {**TOGETHER, "MASTER_PORT": port()}, command, *arguments)
    while first.is_alive() and not (tmp_path / "started").exists():
        time.sleep(0.01)
    assert (tmp_path / "started").exists(), said[0].read_text()
    variables, typed = json.loads((tmp_path / "started").read_text())
    second = begun(joint_run.forked, said[1], variables, (), *arguments)
    assert ended(first, second) == [0, 0], [each.read_text() for each in said]
    assert typed == list(command) and variables["LOCAL_RANK"] == "1"
    torch.testing.assert_close(weights(tmp_path), alone, rtol=1e-10, atol=1e-12)


def test_two_processes_of_torchrun_train_a_second_time_and_end_where_one_does(tmp_path, alone):
    codes, said = run_two(tmp_path, 2, 40, -1, 20)
    assert codes == [0, 0], said
    torch.testing.assert_close(weights(tmp_path), alone, rtol=1e-10, atol=1e-12)


@pytest.mark.slow  # the variables that torchrun sets are in the tests beside this one
@pytest.mark.parametrize("machines", [1, 2])
def test_what_torchrun_itself_starts_ends_where_one_process_does(tmp_path, alone, machines):
    command = [
        sys.executable, "-m", "torch.distributed.run", f"--nnodes={machines}", f"--master-port={port()}",
        "--master-addr=127.0.0.1", f"--nproc-per-node={2 // machines}",
    ]  # fmt: skip
    script = [joint_run.__file__, str(tmp_path), str(2 // machines), "40"]
    started = [
        subprocess.Popen(
            [*command, f"--node-rank={rank}", *script],
            env={**os.environ, **TOGETHER, "NODES": str(machines)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for rank in range(machines)
    ]  # fmt: skip
    for each in started:
        said, _ = each.communicate(timeout=600)
        assert each.returncode == 0, said
    torch.testing.assert_close(weights(tmp_path), alone, rtol=1e-10, atol=1e-12)


def test_losing_a_process_ends_the_run_with_an_error_and_its_checkpoint_resumes(tmp_path, alone):
    codes, (said, _) = run_two(tmp_path, 2, 40, 25)
    assert codes == [1, 1]
    assert "TrainingError: Process 0 of 2 lost another one" in said and "resume=True" in said
    assert not (tmp_path / "weights.pt").exists()
    torch.testing.assert_close(run_here(tmp_path, 40), alone, rtol=1e-10, atol=1e-12)


def test_two_machines_end_where_one_process_does(tmp_path, alone):
    codes, said = run_two(tmp_path, 1, 40, NODES="2")
    assert codes == [0, 0], said
    torch.testing.assert_close(weights(tmp_path), alone, rtol=1e-10, atol=1e-12)


def test_machines_that_do_not_see_one_folder_do_not_resume_apart(tmp_path):
    run_here(tmp_path / "0", 20)
    codes, told = run_two(tmp_path, 1, 40, NODES="2", OWN_DISKS="1")
    assert codes == [1, 1]
    for said in told:
        assert "resume from different steps, by rank: 20, 0" in said
        assert "has to be on a disk that all machines see" in said


def test_processes_that_would_each_train_alone_are_refused(tmp_path):
    codes, told = run_two(tmp_path, 1, 40)
    assert codes == [1, 1]
    for said in told:
        assert "torchrun has started 2 processes, but `devices` x `nodes` is 1 x 1" in said
        assert "the processes of a machine as `devices`" in said
