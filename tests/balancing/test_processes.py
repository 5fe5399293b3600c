"""Two processes with half of the batch each make the update of one process with all of it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("two_processes.py")


def port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def gradients(tmp_path_factory) -> Path:
    """Run the cases in one process, and in two started by torchrun; each writes its gradients."""
    folder = tmp_path_factory.mktemp("processes")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    torchrun = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1",
        f"--master-port={port()}",
    ]  # fmt: skip
    for command in ([sys.executable], torchrun):
        done = subprocess.run(
            [*command, str(SCRIPT), str(folder)], env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
    return folder


def cases() -> list[str]:
    sys.path.insert(0, str(SCRIPT.parent))
    try:
        from two_processes import CASES
    finally:
        sys.path.pop(0)
    return list(CASES)


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("name", cases())
def test_two_processes_make_the_update_of_one(gradients, name, rank):
    whole = torch.load(gradients / f"{name}-0-of-1.pt")
    part = torch.load(gradients / f"{name}-{rank}-of-2.pt")
    assert set(part) == set(whole)
    difference = sum(float((part[key] - whole[key]).square().sum()) for key in whole) ** 0.5
    size = sum(float(whole[key].square().sum()) for key in whole) ** 0.5
    assert difference <= 1e-10 * size
