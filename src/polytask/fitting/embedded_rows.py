"""Rows whose embedded features are all in memory; every epoch has an order, or draws, of its own."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor

from polytask.core import Batch, generator
from polytask.fitting.stacked_losses import StackedLosses
from polytask.fitting.stacked_plan import Members
from polytask.fitting.task_draws import DrawnRows, TaskDraws
from polytask.fitting.training_rows import held_out_rows, padded, steps_of
from polytask.models.number_bins import NumberBins
from polytask.models.table_config import TableConfig

__all__ = ["EmbeddedRows"]


class EmbeddedRows:
    """The rows of a table, from which networks take their batches; see `TrainingRows`.

    Args:
        rows: Labelled rows; inputs ``[row, feature]``.
        members: The networks.
        bins: Embeds features.
        config: How networks are trained.
        losses: Measures outputs.
        seed: Decides the order.
        device: Where the rows are.
        dtype: Of the inputs.
        draws: By which law rows are drawn; None for every row once an epoch.
    """

    in_pieces = False

    def __init__(
        self,
        rows: Batch,
        members: Members,
        bins: NumberBins,
        config: TableConfig,
        *,
        losses: StackedLosses,
        seed: int,
        device: torch.device,
        dtype: torch.dtype,
        draws: TaskDraws | None = None,
    ) -> None:
        self.n_rows, self.bins, self.seed, self.device = len(rows), bins, seed, device
        self.inputs = bins(cast(Tensor, rows.inputs)).to(device, dtype)
        self.losses = losses
        train = [torch.from_numpy(fold.train) for fold in members.folds]
        self.n_train = torch.tensor([len(one) for one in train])
        self.train_rows = padded(train)
        self.held_out, self.judged = held_out_rows(members.folds, device)
        self.batch_size, self.n_steps = steps_of(int(self.n_train.max()), config)
        self._order = self._picked = torch.empty(0, dtype=torch.long)
        n_drawn = self.n_steps * self.batch_size
        self.draws = None if draws is None else DrawnRows(draws, train, n_drawn=n_drawn, seed=seed)

    def start_epoch(self, epoch: int, curve: Sequence[Tensor] = ()) -> None:
        """Draw the rows of every step, ``[network, step * row]``; short networks go through theirs again."""
        if self.draws is not None:
            self._order = self.draws.epoch(epoch, curve).to(self.device)
            return
        draw = generator(self.seed, "order", epoch)
        keys = torch.rand(self.train_rows.shape, generator=draw)
        keys[torch.arange(keys.shape[1]) >= self.n_train[:, None]] = 2.0  # padding comes last
        shuffled = self.train_rows.gather(1, keys.argsort(1))
        index = torch.arange(self.n_steps * self.batch_size) % self.n_train[:, None]
        self._order = shuffled.gather(1, index).to(self.device)

    @property
    def drawn(self) -> Tensor | None:
        """How often each task was drawn so far, int64 ``[task]``; None where rows are not drawn."""
        return None if self.draws is None else self.draws.drawn

    def batch(self, step: int) -> Tensor:
        """Return the embedded inputs of a step, ``[network, row, input]``."""
        self._picked = self._order[:, step * self.batch_size : (step + 1) * self.batch_size]
        return self.inputs[self._picked]

    def loss(self, outputs: Tensor, open_: Tensor) -> Tensor:
        """Return the loss of every network for the latest batch, ``[network]``."""
        return self.losses(outputs, self._picked, open_)

    def held_out_inputs(self) -> Iterator[Tensor]:
        """Give the embedded inputs of the rows that judge, all at once."""
        yield self.inputs[self.held_out]

    def state_dict(self) -> dict[str, object]:
        """Return how often tasks were drawn; an epoch's order follows from its index."""
        return {} if self.draws is None else {"drawn": self.draws.drawn}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from there."""
        if self.draws is not None:
            self.draws.drawn = cast(Tensor, state["drawn"]).clone()
