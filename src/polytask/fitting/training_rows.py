"""What networks that are trained at once need of the rows: batches to train on, and rows that judge."""

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from polytask.data.tables.folds import Fold
from polytask.fitting.stacked_losses import StackedLosses
from polytask.models.number_bins import NumberBins
from polytask.models.table_config import TableConfig

__all__ = ["STEPS_AN_EPOCH", "TrainingRows", "held_out_rows", "padded", "steps_of"]

STEPS_AN_EPOCH = 20
"""Rows grow faster than batches until there are so many."""

_LEAST_ROWS, _MOST_ROWS = 16, 1024  # of a step, where `batch_size` leaves it open


class TrainingRows(Protocol):
    """Rows of a table, from which networks take their batches.

    Attributes:
        n_rows: How many are trained on.
        bins: Embeds features.
        losses: Measures outputs for the rows that judge.
        n_steps: Steps an epoch.
        held_out: The rows that judge each network, padded, ``[network, held-out row]``.
        judged: Which of them count, bool of the same shape.
        in_pieces: Whether an epoch may be cut short by a deadline.
    """

    n_rows: int
    bins: NumberBins
    losses: StackedLosses
    n_steps: int
    held_out: Tensor
    judged: Tensor
    in_pieces: bool

    @property
    def drawn(self) -> Tensor | None:
        """How often each task of a task column was drawn so far, int64 ``[task]``; None where none is."""
        ...

    def start_epoch(self, epoch: int, curve: Sequence[Tensor] = ()) -> None:
        """Begin an epoch.

        Args:
            epoch: Its index.
            curve: Where rows are drawn by the tasks of a task column, the mean held-out losses of these after
                each epoch so far, ``[task]``.
        """
        ...

    def batch(self, step: int) -> Tensor:
        """Return the embedded inputs of a step, ``[network, row, input]``; steps come in their order."""
        ...

    def loss(self, outputs: Tensor, open_: Tensor) -> Tensor:
        """Return the loss of every network for the latest batch, ``[network]``; see `StackedLosses`."""
        ...

    def held_out_inputs(self) -> Iterator[Tensor]:
        """Give the embedded inputs of the rows that judge, some of each network at a time."""
        ...

    def state_dict(self) -> dict[str, object]:
        """Return what the next epoch depends on."""
        ...

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Continue from what `state_dict` returned."""
        ...


def steps_of(n_train: int, config: TableConfig, *, most: int | None = None) -> tuple[int, int]:
    """Return the rows of a step and the steps of an epoch.

    Args:
        n_train: Training rows of the network that has most.
        config: May tell the rows of a step.
        most: Rows of an epoch at most; None for all.
    """
    batch_size = min(config.batch_size or _batch_size(n_train), n_train)
    return batch_size, max(1, min(n_train, most or n_train) // batch_size)


def padded(rows: Sequence[Tensor]) -> Tensor:
    """Put lists of rows of several lengths in one matrix."""
    return nn.utils.rnn.pad_sequence(list(rows), batch_first=True)


def held_out_rows(folds: Sequence[Fold], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the held-out rows of every network, padded, and which of them count: ``[network, row]``."""
    rows = [torch.from_numpy(fold.held_out) for fold in folds]
    matrix = padded(rows).to(device)
    counts = torch.tensor([len(one) for one in rows], device=device)
    return matrix, torch.arange(matrix.shape[1], device=device) < counts[:, None]


def _batch_size(n_train: int) -> int:
    """Return the power of two that gives about so many steps an epoch, within limits."""
    wanted = max(n_train / STEPS_AN_EPOCH, 1)
    return int(min(_MOST_ROWS, max(_LEAST_ROWS, 2 ** round(math.log2(wanted)))))
