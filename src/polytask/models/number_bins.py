"""Numbers as networks read them: standardized, and beside that by bins."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from polytask.encoders.numeric_embedding import quantile_edges

__all__ = ["NumberBins"]


class NumberBins(nn.Module):
    """Standardized features, and beside them how far some of them have gone through each of their bins.

    A bin's feature is 0 below it and 1 above, and centred on the training rows: a piecewise linear encoding
    as `PiecewiseLinearEncoding`, but level outside the first and last edge, where the standardized value
    goes on.

    Args:
        n_bins: For each feature its number of bins; 0 for none.

    References:
        Yury Gorishniy, Ivan Rubachev, Artem Babenko, "On Embeddings for Numerical Features in Tabular Deep
        Learning", NeurIPS 2022, arXiv:2203.05556, equation 1.
    """

    lower: Tensor
    width: Tensor
    middle: Tensor

    def __init__(self, n_bins: Sequence[int]) -> None:
        super().__init__()
        self.n_bins = tuple(n_bins)
        self.spread = [feature for feature, count in enumerate(n_bins) for _ in range(count)]
        self.n_outputs = len(n_bins) + len(self.spread)
        self.register_buffer("lower", torch.zeros(len(self.spread)))
        self.register_buffer("width", torch.ones(len(self.spread)))
        self.register_buffer("middle", torch.zeros(len(self.spread)))

    @classmethod
    def fit(cls, inputs: Tensor, columns: Sequence[int], *, most: int) -> "NumberBins":
        """Place the bins of some features at quantiles of the rows ``[row, feature]``; ``most`` a feature."""
        edges = quantile_edges(inputs[:, list(columns)], most) if columns else ()
        counts = dict(zip(columns, (len(each) - 1 for each in edges), strict=True))
        fitted = cls([counts.get(index, 0) for index in range(inputs.shape[1])])
        if edges:
            fitted.lower = torch.cat([each[:-1] for each in edges])
            fitted.width = torch.cat([each.diff() for each in edges])
            fitted.middle = fitted._gone(inputs).mean(0)
        return fitted

    def forward(self, inputs: Tensor) -> Tensor:
        """Embed ``[row, feature]`` as ``[row, feature + bin]``."""
        return torch.cat([inputs, self._gone(inputs) - self.middle], dim=-1) if self.spread else inputs

    def _gone(self, inputs: Tensor) -> Tensor:
        spread = torch.tensor(self.spread, device=inputs.device)
        return ((inputs[:, spread] - self.lower) / self.width).clamp(0, 1)
