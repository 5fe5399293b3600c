"""Conditional attentive neural processes: each query looks at the examples near it."""

import torch
from torch import Tensor

from polytask.core.learner import State
from polytask.meta.layers.attention import Attention, check_heads
from polytask.meta.layers.networks import mlp
from polytask.meta.model.gaussian import Context, Gaussian, GaussianLearner, bounded_gaussian, check_sizes

__all__ = ["CANP"]


class CANP(GaussianLearner):
    r"""Conditional attentive neural process: the deterministic path of the attentive one.

    .. math:: r_* = \mathrm{attention}(q(x_*), \{q(x_i)\}, \{h(x_i, y_i)\}) \qquad
              (\mu_*, \sigma_*) = g(x_*, r_*)

    Where `CNP` must put all of a function into one vector, here a query reads the examples that it needs.

    Args:
        n_inputs: Numbers in an input.
        n_outputs: Outputs of every task.
        width: Width of all layers, keys and values.
        encoder_depth: Linear layers of :math:`h`.
        key_depth: Linear layers of :math:`q`.
        decoder_depth: Linear layers of :math:`g`.
        n_heads: Heads of the attention; divides ``width``.
        min_std: Lower bound of the standard deviations.

    Raises:
        InputError: A size is below 1, ``min_std`` not in (0, 1), or the heads do not divide the width.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="y", kind="regression")
        >>> support = Batch(inputs=torch.randn(10, 1), targets={"y": torch.randn(10)})
        >>> CANP(1).adapt([task], support)(torch.zeros(5, 1))["y"].shape
        torch.Size([5, 1])

    When to use:
        As `CNP`, where predictions should pass through known points. Time grows with known times
        asked points.

    References:
        Kim et al. Attentive Neural Processes. ICLR 2019, arXiv:1901.05761. Differs: without the latent
        variable of the paper, and without self-attention among the examples. Queries and keys come from one
        network. The sizes are of the order of the paper's one-dimensional regression, not a copy of them.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int = 1,
        *,
        width: int = 128,
        encoder_depth: int = 4,
        key_depth: int = 2,
        decoder_depth: int = 3,
        n_heads: int = 8,
        min_std: float = 0.1,
    ) -> None:
        sizes = {"n_inputs": n_inputs, "n_outputs": n_outputs, "width": width}
        depths = {"encoder_depth": encoder_depth, "key_depth": key_depth, "decoder_depth": decoder_depth}
        check_sizes("CANP", min_std=min_std, **sizes, **depths)
        check_heads(width, n_heads)
        super().__init__(n_inputs=n_inputs, n_outputs=n_outputs)
        self.min_std = min_std
        self.encoder = mlp([n_inputs + n_outputs, *[width] * encoder_depth])
        self.keys = mlp([n_inputs, *[width] * key_depth])
        self.attention = Attention(width, n_heads)
        self.decoder = mlp([n_inputs + width, *[width] * (decoder_depth - 1), 2 * n_outputs])

    def encode(self, context: Context) -> State:
        """Return keys and values ``[row, width]`` of the support, and which rows count."""
        values = self.encoder(torch.cat([context.x, context.y], dim=-1))
        return {"keys": self.keys(context.x), "values": values, "known": context.known}

    def gaussian(self, state: State, x: Tensor) -> Gaussian:
        """See `GaussianLearner.answer`."""
        found = self.attention(self.keys(x), state["keys"], state["values"], state["known"])  # [batch, width]
        return bounded_gaussian(self.decoder(torch.cat([x, found], dim=-1)), self.min_std)
