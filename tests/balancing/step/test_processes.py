"""Two processes with half of the batch each make the update of one process with all of it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as distributed
from tests.balancing.step import two_processes
from tests.train.forked import FORKED
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward
from polytask.balancing.methods import EqualWeights
from polytask.core import InputError, SharedModel, Task

SCRIPT = Path(two_processes.__file__)
TOGETHER = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "MASTER_ADDR": "127.0.0.1"}


def port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def started_by_torchrun(folder: Path) -> None:
    """Run all cases in two processes."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1",
        f"--master-port={port()}",
    ]  # fmt: skip
    done = subprocess.run(
        [*command, str(SCRIPT), str(folder), "all"],
        env={**os.environ, **TOGETHER},
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr


def forked(folder: Path) -> None:
    """Run some in two processes that are told what torchrun tells, and need no seconds to import torch."""
    told = {**TOGETHER, "MASTER_PORT": str(port())}
    processes = [
        FORKED.Process(target=two_processes.one_of_two, args=(rank, told, folder)) for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=600)
        process.kill()  # one that hangs fails the test
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]


def error(part: dict[str, torch.Tensor], whole: dict[str, torch.Tensor]) -> float:
    assert set(part) == set(whole)
    difference = sum(float((part[key] - whole[key]).square().sum()) for key in whole)
    return (difference / sum(float(each.square().sum()) for each in whole.values())) ** 0.5


@pytest.mark.parametrize("which", ["some", pytest.param("all", marks=pytest.mark.slow)])
def test_two_processes_make_the_update_of_one(tmp_path, which):
    two_processes.main(tmp_path, which)
    (started_by_torchrun if which == "all" else forked)(tmp_path)
    cases = sorted(path.name.removesuffix("-0-of-1.pt") for path in tmp_path.glob("*-0-of-1.pt"))
    assert len(cases) > 5
    errors = {
        f"{name}, rank {rank}": error(
            torch.load(tmp_path / f"{name}-{rank}-of-2.pt"), torch.load(tmp_path / f"{name}-0-of-1.pt")
        )
        for name in cases
        for rank in (0, 1)
    }
    assert {name: found for name, found in errors.items() if found > 1e-10} == {}


@pytest.fixture
def one_process(tmp_path):
    """A `torch.distributed` run of this process alone."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize("wrap", [DistributedDataParallel, fully_shard])
def test_what_joins_gradients_by_itself_is_refused(wrap, one_process):
    trunk, head = nn.Linear(3, 4), nn.Linear(4, 1)
    model = SharedModel([Task(name="y", kind="regression")], HardSharing(trunk), {"y": head})
    model.sharing.trunk = wrap(trunk)
    with pytest.raises(InputError, match=r"is wrapped in torch's .*Give the module without it"):
        BalancedBackward(model, EqualWeights())
