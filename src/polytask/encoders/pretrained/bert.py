"""The network of BERT, as it is needed to read published weights: no dropout, no pooler, no training.

Weights of a new network are whatever the memory held: they are read, and drawing them first takes longer.
"""

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Bert", "bert_weights"]


class Bert(nn.Module):
    r"""Encode tokens by a transformer whose layers normalize after each residual sum.

    .. math::
        h' = \operatorname{LN}(h + A(h)), \qquad h'' = \operatorname{LN}(h' + W_2 \operatorname{GELU}(W_1 h'))

    Args:
        n_tokens: Size of the vocabulary.
        width: Width of the hidden states.
        n_layers: The number of layers.
        n_heads: Heads of attention in each; they part ``width``.
        n_hidden: Width inside of the two linear maps.
        longest: The longest text, in tokens.
        n_types: Kinds of segments; all tokens are of the first.

    References:
        Jacob Devlin, Ming-Wei Chang, Kenton Lee, Kristina Toutanova, "BERT: Pre-training of Deep
        Bidirectional Transformers for Language Understanding", NAACL 2019, arXiv:1810.04805.
    """

    def __init__(
        self,
        *,
        n_tokens: int,
        width: int,
        n_layers: int,
        n_heads: int,
        n_hidden: int,
        longest: int = 512,
        n_types: int = 2,
    ) -> None:
        super().__init__()
        self.words = _Embedding(n_tokens, width)
        self.positions = _Embedding(longest, width)
        self.types = _Embedding(n_types, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(_Layer(width, n_heads, n_hidden) for _ in range(n_layers))

    def forward(self, tokens: Tensor, mask: Tensor) -> list[Tensor]:
        """Return the hidden states of all layers, the last one's last, ``[text, token, width]`` each.

        Args:
            tokens: Numbers of tokens, long ``[text, token]``.
            mask: True where there is a token, bool ``[text, token]``.
        """
        positions = self.positions.weight[: tokens.shape[1]]  # [token, width]
        hidden = self.norm(self.words(tokens) + positions + self.types.weight[0])
        seen = mask[:, None, None, :]  # [text, head, from, to]
        states = []
        for layer in self.layers:
            hidden = layer(hidden, seen)
            states.append(hidden)
        return states


class _Linear(nn.Linear):
    def reset_parameters(self) -> None:
        """Draw nothing: weights are read."""


class _Embedding(nn.Embedding):
    def reset_parameters(self) -> None:
        """Draw nothing: weights are read."""


class _Layer(nn.Module):
    def __init__(self, width: int, n_heads: int, n_hidden: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query, self.key, self.value = (_Linear(width, width) for _ in range(3))
        self.attended = _Linear(width, width)
        self.attended_norm = nn.LayerNorm(width, eps=1e-12)
        self.inner = _Linear(width, n_hidden)
        self.outer = _Linear(n_hidden, width)
        self.outer_norm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, hidden: Tensor, seen: Tensor) -> Tensor:
        query, key, value = (self._heads(part(hidden)) for part in (self.query, self.key, self.value))
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        hidden = self.attended_norm(hidden + self.attended(mixed.transpose(1, 2).flatten(2)))
        return self.outer_norm(hidden + self.outer(functional.gelu(self.inner(hidden))))

    def _heads(self, hidden: Tensor) -> Tensor:
        return hidden.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # [text, head, token, width / heads]


_LAYER_NAMES = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attended",
    "attention.output.LayerNorm": "attended_norm",
    "intermediate.dense": "inner",
    "output.dense": "outer",
    "output.LayerNorm": "outer_norm",
}
_NAMES = {
    "embeddings.word_embeddings": "words",
    "embeddings.position_embeddings": "positions",
    "embeddings.token_type_embeddings": "types",
    "embeddings.LayerNorm": "norm",
}


def bert_weights(published: dict[str, Tensor], n_layers: int) -> dict[str, Tensor]:
    """Return published weights, in the names of Hugging Face, in those of `Bert`; the pooler is left out."""
    names = dict(_NAMES)
    for layer in range(n_layers):
        names |= {
            f"encoder.layer.{layer}.{old}": f"layers.{layer}.{new}" for old, new in _LAYER_NAMES.items()
        }
    weights = {}
    for name, weight in published.items():
        part, _, which = name.rpartition(".")
        if part in names:
            weights[f"{names[part]}.{which}"] = weight
    return weights
