"""A step of an LSTM from linear layers, which runs under vmap and can be differentiated twice."""

from torch import Tensor, nn

__all__ = ["LSTMCell"]


class LSTMCell(nn.Module):
    r"""A step of a long short-term memory, as torch's own, which has neither of the two.

    .. math:: c' = \sigma(f) \odot c + \sigma(i) \odot \tanh(g), \qquad h' = \sigma(o) \odot \tanh(c')

    with :math:`(i, f, g, o)` linear in the input and :math:`h`.

    Args:
        n_inputs: Numbers in an input.
        n_hidden: Numbers in :math:`h` and in :math:`c`.
        hidden_bias: Whether the layer on :math:`h` has a bias of its own, as torch's has.

    Example:
        >>> import torch
        >>> hidden, cell = LSTMCell(3, 5)(torch.zeros(2, 3), torch.zeros(2, 5), torch.zeros(2, 5))
        >>> hidden.shape
        torch.Size([2, 5])

    References:
        Hochreiter, Schmidhuber. Long Short-Term Memory. Neural Computation 9(8), 1997; Gers, Schmidhuber,
        Cummins. Learning to Forget. Neural Computation 12(10), 2000, for the forget gate.
    """

    def __init__(self, n_inputs: int, n_hidden: int, *, hidden_bias: bool = True) -> None:
        super().__init__()
        self.inputs = nn.Linear(n_inputs, 4 * n_hidden)
        self.hidden = nn.Linear(n_hidden, 4 * n_hidden, bias=hidden_bias)

    def forward(self, inputs: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next hidden and cell state, each ``[batch, n_hidden]``."""
        gates = self.inputs(inputs) + self.hidden(hidden)
        write, keep, candidate, show = gates.chunk(4, dim=-1)
        cell = keep.sigmoid() * cell + write.sigmoid() * candidate.tanh()
        return show.sigmoid() * cell.tanh(), cell
