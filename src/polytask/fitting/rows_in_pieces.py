"""Rows of a large table: batches are made of compact rows, and a sample of the rows judges.

Rows lie in random order. Each network goes through those that it is trained on, block by block; blocks have
another order in every pass. An epoch has at most a million rows of each network, so that its end, where
targets may stop, does not come later the more rows there are; and training ends after so many epochs, be that
one pass or several.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch
from polytask.core.random import numpy_generator
from polytask.fitting.stacked_losses import StackedLosses
from polytask.fitting.stacked_plan import Members
from polytask.fitting.table_preparation import LargeRows
from polytask.fitting.training_rows import held_out_rows, steps_of
from polytask.models.number_bins import NumberBins
from polytask.models.table_config import TableConfig

__all__ = ["MOST_ROWS_AN_EPOCH", "RowsInPieces"]

MOST_ROWS_AN_EPOCH = 1_000_000
"""Of each network."""

_BLOCK = 256  # rows that stay together
_AT_ONCE = 16  # blocks
_JUDGED_AT_ONCE = 1024  # rows of each network


class RowsInPieces:
    """The rows of a large table, from which networks take their batches; see `TrainingRows`.

    Args:
        large: All rows, and their folds.
        rows: Those that judge; inputs ``[row, feature]``.
        members: The networks; their folds are of the rows that judge.
        bins: Embeds features.
        config: How networks are trained.
        losses: Measures outputs.
        seed: Decides the order.
        device: Where networks are.
        dtype: Of their inputs.
    """

    in_pieces = True
    drawn = None

    def __init__(
        self,
        large: LargeRows,
        rows: Batch,
        members: Members,
        bins: NumberBins,
        config: TableConfig,
        *,
        losses: StackedLosses,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.rows, self.n_rows, self.bins = large.rows, len(large.rows), bins
        self.device, self.dtype = device, dtype
        self.inputs = cast(Tensor, rows.inputs)
        self.losses = losses
        self.held_out, self.judged = held_out_rows(members.folds, device)
        self.streams = [_Stream(large, members, network, seed) for network in range(len(members.folds))]
        n_train = max(stream.n_rows for stream in self.streams)
        self.batch_size, self.n_steps = steps_of(n_train, config, most=MOST_ROWS_AN_EPOCH)
        complete = self.rows.weights is None and not bool(self.rows.targets.isnan().any())
        self.complete = complete and losses.alike
        self._targets = torch.empty(0)
        self._weights: Tensor | None = None

    def start_epoch(self, epoch: int, curve: Sequence[Tensor] = ()) -> None:
        """Go on where the last epoch ended."""

    def batch(self, step: int) -> Tensor:
        """Return the embedded inputs of a step, ``[network, row, input]``."""
        picked = torch.stack([stream.take(self.batch_size) for stream in self.streams])
        flat = picked.flatten()
        targets = self.rows.targets.index_select(0, flat)
        of_rows = self.rows.weights
        weights = self.losses.label_weights(
            targets.to(self.device),
            None if of_rows is None else of_rows.index_select(0, flat).to(self.device),
        )
        self._targets = self._own(targets.nan_to_num(0.0).view(*picked.shape, -1).to(self.device))
        self._weights = None if self.complete else self._own(weights.view(*picked.shape, -1))
        inputs = self.bins(self.rows.inputs(flat)).to(self.device, self.dtype)
        return inputs.view(*picked.shape, -1)

    def loss(self, outputs: Tensor, open_: Tensor) -> Tensor:
        """Return the loss of every network for the latest batch, ``[network]``."""
        weights = self._weights
        if weights is None and not bool(open_.all()):
            weights = torch.ones_like(self._targets)
        return self.losses.of_rows(outputs, self._targets, weights, open_)

    def _own(self, values: Tensor) -> Tensor:
        own = self.losses.own
        return values if own is None else own.of_batch(values)

    def held_out_inputs(self) -> Iterator[Tensor]:
        """Give the embedded inputs of the rows that judge, some thousands of each network at a time."""
        for picked in self.held_out.cpu().split(_JUDGED_AT_ONCE, dim=1):
            embedded = self.bins(self.inputs[picked.flatten()]).to(self.device, self.dtype)
            yield embedded.view(*picked.shape, -1)

    def state_dict(self) -> dict[str, object]:
        """Return where each network is."""
        return {"streams": [stream.state_dict() for stream in self.streams]}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Go on from there."""
        for stream, one in zip(self.streams, cast(list, state["streams"]), strict=True):
            stream.load_state_dict(one)


class _Stream:
    """Goes round and round through the rows that one network is trained on."""

    def __init__(self, large: LargeRows, members: Members, network: int, seed: int) -> None:
        self.dealt, self.repeat = large.dealt, members.repeats[network]
        index = members.indices[network]
        self.fold = index if index < large.dealt.n_folds else None
        learns = members.learns[network]
        alone = int(learns.sum()) == 1
        self.labels = large.rows.targets[:, int(learns.int().argmax())].numpy() if alone else None
        self.seed, self.n_table = seed, len(large.rows)
        self.n_blocks = -(-self.n_table // _BLOCK)
        self.n_rows = self._count()
        if not self.n_rows:  # no label of it in these folds: as where a table is in memory, all rows
            self.labels = None
            self.n_rows = self._count()
        self.n_passes = self.block = 0
        self.left = np.empty(0, dtype=np.int64)
        self.order = self._drawn()

    def take(self, n_rows: int) -> Tensor:
        """Return the next rows, by position."""
        parts, have = [self.left], len(self.left)
        while have < n_rows:
            parts.append(self._next())
            have += len(parts[-1])
        joined = np.concatenate(parts)
        self.left = joined[n_rows:]
        return torch.from_numpy(joined[:n_rows])

    def state_dict(self) -> dict[str, object]:
        return {"n_passes": self.n_passes, "block": self.block, "left": torch.from_numpy(self.left)}

    def load_state_dict(self, state: dict[str, object]) -> None:
        self.n_passes, self.block = cast(int, state["n_passes"]), cast(int, state["block"])
        self.left = cast(Tensor, state["left"]).numpy()
        self.order = self._drawn()

    def _next(self) -> np.ndarray:
        if self.block >= self.n_blocks:
            self.n_passes, self.block = self.n_passes + 1, 0
            self.order = self._drawn()
        blocks = self.order[self.block : self.block + _AT_ONCE]
        self.block += _AT_ONCE
        rows = (blocks[:, None] * _BLOCK + np.arange(_BLOCK)).reshape(-1)
        rows = rows[rows < self.n_table]
        return rows[self._trains(rows)]

    def _trains(self, rows: slice | np.ndarray) -> np.ndarray:
        trains = self.dealt.trains(self.repeat, self.fold, rows)
        return trains if self.labels is None else trains & ~np.isnan(self.labels[rows])

    def _count(self) -> int:
        step = 2**20
        starts = range(0, self.n_table, step)
        return sum(int(self._trains(slice(start, start + step)).sum()) for start in starts)

    def _drawn(self) -> np.ndarray:
        """Draw the order of blocks in a pass; the same for all networks."""
        return numpy_generator(self.seed, "blocks", self.n_passes).permutation(self.n_blocks)
