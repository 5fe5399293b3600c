"""An LSTM cell from plain operations, which torch's transforms can run and differentiate twice."""

from torch import Tensor, nn

__all__ = ["LSTMCell"]


class LSTMCell(nn.Module):
    """One step of an LSTM; `torch.nn.LSTMCell` computes the same, but not within `torch.func.vmap`.

    Args:
        n_inputs: Features of an input.
        width: Of the hidden state and of the cell.

    Example:
        >>> import torch
        >>> cell = LSTMCell(2, 3)
        >>> hidden, state = cell(torch.zeros(5, 2), torch.zeros(5, 3), torch.zeros(5, 3))
        >>> hidden.shape
        torch.Size([5, 3])
    """

    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__()
        self.inputs = nn.Linear(n_inputs, 4 * width)
        self.hidden = nn.Linear(width, 4 * width)

    def forward(self, inputs: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new hidden state and cell, ``[batch, width]`` each, for inputs ``[batch, n_inputs]``."""
        gates = self.inputs(inputs) + self.hidden(hidden)
        enter, forget, value, leave = gates.chunk(4, dim=-1)  # [batch, width] each, in torch's order
        cell = forget.sigmoid() * cell + enter.sigmoid() * value.tanh()
        return leave.sigmoid() * cell.tanh(), cell
