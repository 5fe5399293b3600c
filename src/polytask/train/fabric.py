"""The device, processes and precision of a run, by Lightning Fabric."""

import atexit
import warnings
from functools import cache
from typing import Literal

import torch
import torch.distributed as distributed
from lightning_fabric import Fabric

__all__ = ["Precision", "device_for", "fabric_for"]

Precision = Literal["32-true", "64-true", "bf16-mixed", "bf16-true"]

_BF16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")


def fabric_for(accelerator: str, devices: int, precision: Precision) -> Fabric:
    """Return a Fabric whose processes are started.

    Warns:
        RuntimeWarning: The processor has no instructions for 16-bit floats, and will be slow with them.
    """
    if devices == 1:
        fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)
    else:
        fabric = Fabric(accelerator=accelerator, devices=devices, strategy="ddp", precision=precision)
        if not distributed.is_initialized():
            fabric.launch()
            # A process that exits with its connections open may be aborted by their threads.
            atexit.register(_disconnect)
    _warn_of_slow(precision, fabric.device)
    return fabric


def device_for(accelerator: str, precision: Precision) -> torch.device:
    """Return the device that a Fabric of one process has; looked up once, as it reads all entry points.

    Warns:
        RuntimeWarning: As `fabric_for`.
    """
    device = _device(accelerator)
    _warn_of_slow(precision, device)
    return device


@cache
def _device(accelerator: str) -> torch.device:
    return Fabric(accelerator=accelerator, devices=1).device


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
