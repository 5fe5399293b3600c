"""Processes that share a training begin it alike."""

from collections.abc import Sequence
from pathlib import Path

import torch.distributed as distributed
from torch import Tensor, nn

from polytask.core import TrainingError

__all__ = ["check_alike", "start_alike"]


def start_alike(*modules: nn.Module) -> None:
    """Give all processes the parameters and buffers of the first."""
    if distributed.is_initialized():
        for module in modules:
            for tensor in module.state_dict().values():
                if isinstance(tensor, Tensor):
                    distributed.broadcast(tensor, src=0)


def check_alike(steps: Sequence[int], folder: Path | None) -> None:
    """Refuse processes of which some have resumed and some not.

    Args:
        steps: Where each stands, by rank.
        folder: The resume folder, as the user knows it.

    Raises:
        TrainingError: They stand at different steps.
    """
    if len(set(steps)) > 1:
        raise TrainingError(
            f"The processes resume from different steps, by rank: {', '.join(map(str, steps))}. "
            f"`directory` ({folder}) has to be on a disk that all machines see."
        )
