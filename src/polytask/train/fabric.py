"""The device, processes and precision of a run, by Lightning Fabric."""

import atexit
import os
import warnings
from functools import cache
from typing import Literal

import torch
import torch.distributed as distributed
from lightning_fabric import Fabric

from polytask.core import InputError
from polytask.core.names import counted

__all__ = ["Precision", "device_for", "fabric_for"]

Precision = Literal["32-true", "64-true", "bf16-mixed", "bf16-true"]

_BF16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def fabric_for(accelerator: str, devices: int, precision: Precision, *, nodes: int = 1) -> Fabric:
    """Return a Fabric whose processes are started; of one process, the same for all its runs.

    Raises:
        InputError: There are no such numbers, or ``torchrun`` has started another number of processes.

    Warns:
        RuntimeWarning: The processor has no instructions for 16-bit floats, and will be slow with them.
    """
    _check_processes(devices, nodes)
    if devices == nodes == 1:
        fabric = _alone(accelerator, precision)
    else:
        fabric = Fabric(
            accelerator=accelerator, devices=devices, num_nodes=nodes, strategy="ddp", precision=precision
        )
        if not distributed.is_initialized():
            fabric.launch()
            # A process that exits with its connections open may be aborted by their threads.
            atexit.register(_disconnect)
    _warn_of_slow(precision, fabric.device)
    return fabric


def _check_processes(devices: int, nodes: int) -> None:
    for name, value in {"devices": devices, "nodes": nodes}.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"`{name}` must be a whole number from 1, got {value!r}.")
    # With several processes that do not know of each other, each would train on everything, by itself.
    started = int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    if started not in (1, devices * nodes):
        raise InputError(
            f"torchrun has started {counted(started, 'process', 'processes')}, but `devices` x `nodes` is "
            f"{devices} x {nodes}. Pass what torchrun was given: the processes of a machine as `devices`, "
            "the machines as `nodes`."
        )
    known = ("TORCHELASTIC_RUN_ID", "SLURM_JOB_ID", "MASTER_ADDR")
    if nodes > 1 and not any(name in os.environ for name in known):
        raise InputError(
            f"`nodes` is {nodes}, but nothing says where the other machines are, and this one would wait for "
            "them. Start the script on each by torchrun, or set MASTER_ADDR, MASTER_PORT and NODE_RANK."
        )


def device_for(accelerator: str, precision: Precision) -> torch.device:
    """Return the device that a Fabric of one process has.

    Warns:
        RuntimeWarning: As `fabric_for`.
    """
    device = _alone(accelerator, "32-true").device
    _warn_of_slow(precision, device)
    return device


@cache
def _alone(accelerator: str, precision: Precision) -> Fabric:
    """Return the Fabric of one process, made once: it reads the entry points of all packages."""
    return Fabric(accelerator=accelerator, devices=1, precision=precision)


def _warn_of_slow(precision: Precision, device: torch.device) -> None:
    if precision.startswith("bf16") and device.type == "cpu" and not has_bf16():
        warnings.warn(
            f"precision={precision!r} is slow on this processor, which has no instructions for bfloat16: a "
            "step may take several times as long as with '32-true'.",
            RuntimeWarning,
            stacklevel=4,
        )


def has_bf16() -> bool:
    """Tell whether the processor computes with bfloat16."""
    found = torch.cpu.get_capabilities()
    return any(bool(found.get(name)) for name in _BF16)


def _disconnect() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
