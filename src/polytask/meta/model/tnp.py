"""Transformer neural processes: examples and queries are the tokens of one masked transformer."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from polytask.core.learner import State
from polytask.meta.layers.attention import Attention, check_heads
from polytask.meta.layers.networks import mlp
from polytask.meta.model.gaussian import Context, Gaussian, GaussianLearner, bounded_gaussian, check_sizes

__all__ = ["TNPD"]


class TNPD(GaussianLearner):
    r"""Transformer neural process with independent answers (TNP-D).

    An example is the token :math:`e(x_i, y_i)`, a query :math:`e(x_*, 0)`; there are no positions. The mask
    lets every token attend to the examples and to nothing else, so a query's answer depends on no other
    query. Hence `learn` can run the examples alone and keep their tokens at every layer, and a query
    costs one row.

    Args:
        n_inputs: Numbers in an input.
        n_outputs: Outputs of every task.
        width: Width of a token.
        embedder_depth: Linear layers of :math:`e`.
        n_layers: Transformer layers.
        n_heads: Heads of the attention; divides ``width``.
        feedforward: Hidden width of a layer's two-layer network, and of the last one.
        min_std: Lower bound of the standard deviations.

    Raises:
        InputError: A size is below 1, ``min_std`` not in (0, 1), or the heads do not divide the width.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="y", kind="regression")
        >>> support = Batch(inputs=torch.randn(10, 1), targets={"y": torch.randn(10)})
        >>> predictor = TNPD(1).adapt([task], support)
        >>> predictor.state["y"]["tokens"].shape, predictor(torch.zeros(5, 1))["y"].shape
        (torch.Size([6, 10, 64]), torch.Size([5, 1]))

    When to use:
        Functions, where accuracy counts most; the strongest of the kind in our benchmark. Time
        grows with the square of the points.

    References:
        Nguyen, Grover. Transformer Neural Processes: Uncertainty-Aware Meta Learning Via Sequence Modeling.
        ICML 2022, arXiv:2207.04179. Sizes are those of the authors' code for one-dimensional regression, and
        so are the layers (normalization after the sum, ReLU, no dropout). Differs: the standard deviation is
        a softplus with a lower bound, as in the other neural processes here, where their code takes an
        exponential.
    """

    def __init__(
        self,
        n_inputs: int,
        n_outputs: int = 1,
        *,
        width: int = 64,
        embedder_depth: int = 4,
        n_layers: int = 6,
        n_heads: int = 4,
        feedforward: int = 128,
        min_std: float = 0.01,
    ) -> None:
        sizes = {"n_inputs": n_inputs, "n_outputs": n_outputs, "width": width, "feedforward": feedforward}
        check_sizes("TNPD", min_std=min_std, **sizes, embedder_depth=embedder_depth, n_layers=n_layers)
        check_heads(width, n_heads)
        super().__init__(n_inputs=n_inputs, n_outputs=n_outputs)
        self.min_std = min_std
        self.embedder = mlp([n_inputs + n_outputs, *[width] * embedder_depth])
        self.blocks = nn.ModuleList(Block(width, n_heads, feedforward) for _ in range(n_layers))
        self.head = mlp([width, feedforward, 2 * n_outputs])

    def encode(self, context: Context) -> State:
        """Return the tokens of the support that enter each layer, ``[layer, row, width]``."""
        tokens = self.embedder(torch.cat([context.x, context.y], dim=-1))
        entering = [tokens]
        for block in list(self._layers())[:-1]:  # what leaves the last layer, no query sees
            tokens = block(tokens, tokens, context.known)
            entering.append(tokens)
        return {"tokens": torch.stack(entering), "known": context.known}

    def gaussian(self, state: State, x: Tensor) -> Gaussian:
        """See `GaussianLearner.answer`."""
        unknown = x.new_zeros(len(x), self.n_outputs)
        tokens = self.embedder(torch.cat([x, unknown], dim=-1))  # [batch, width]
        for block, examples in zip(self._layers(), state["tokens"].unbind(), strict=True):
            tokens = block(tokens, examples, state["known"])
        return bounded_gaussian(self.head(tokens), self.min_std)

    def _layers(self) -> Iterator["Block"]:
        return (block for block in self.blocks if isinstance(block, Block))


class Block(nn.Module):
    """A layer of the transformer: attention, then a two-layer network, each added and normalized.

    Args:
        width: Width of a token.
        n_heads: Heads of the attention.
        feedforward: Hidden width of the network.
    """

    def __init__(self, width: int, n_heads: int, feedforward: int) -> None:
        super().__init__()
        self.attention = Attention(width, n_heads)
        self.after_attention = nn.LayerNorm(width)
        self.feedforward = mlp([width, feedforward, width])
        self.after_feedforward = nn.LayerNorm(width)

    def forward(self, tokens: Tensor, examples: Tensor, known: Tensor) -> Tensor:
        """Let tokens ``[token, width]`` attend to examples ``[row, width]`` that count, bool ``[row]``."""
        tokens = self.after_attention(tokens + self.attention(tokens, examples, examples, known))
        return self.after_feedforward(tokens + self.feedforward(tokens))
