"""Writes the result file of a benchmark, with what is needed to judge it."""

import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

from polytask import __version__
from polytask.core.files import write_atomically

__all__ = ["write_results"]


def write_results(path: Path, *, setting: dict[str, Any], figures: dict[str, Any]) -> None:
    """Write setting, figures, versions and hardware as JSON; whole or not at all."""
    content = {
        "setting": setting,
        "figures": figures,
        "versions": {
            "polytask": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "hardware": {
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
        },
    }
    write_atomically(path, lambda file: file.write((json.dumps(content, indent=2) + "\n").encode()))
