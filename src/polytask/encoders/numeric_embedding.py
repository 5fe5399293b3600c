"""Several features of each numeric column, so that a network can bend sharply along it."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from polytask.core import DataError, InputError

__all__ = ["PeriodicEmbedding", "PiecewiseLinearEncoding", "quantile_edges"]


class PiecewiseLinearEncoding(nn.Module):
    r"""Cut the range of each column into bins; a feature says how far a value has gone through its bin.

    .. math::
        e_t = \frac{x - b_{t-1}}{b_t - b_{t-1}}, \quad
        \text{not below 0 unless } t = 1, \quad \text{not above 1 unless } t = T

    A value thus has ones for the bins below it and zeros for the bins above. Outside the first and last edge
    the encoding goes on as a line. With the edges 0 and 1 a column stays what it is. Nothing is trained.

    Args:
        edges: For each column the ends :math:`b_0 < \dots < b_T` of its bins, in order; see `quantile_edges`.
            Columns may have different numbers of them.

    Raises:
        InputError: There is no column, or the edges of a column are fewer than two, not finite or not rising;
            or, when run, the inputs have another number of columns.

    References:
        Yury Gorishniy, Ivan Rubachev, Artem Babenko, "On Embeddings for Numerical Features in Tabular Deep
        Learning", NeurIPS 2022, arXiv:2203.05556, equation 1.

    Example:
        >>> encoding = PiecewiseLinearEncoding([[0.0, 1.0, 3.0], [0.0, 1.0]])
        >>> encoding(torch.tensor([[2.0, 0.5]]))
        tensor([[1.0000, 0.5000, 0.5000]])
    """

    column: Tensor
    lower: Tensor
    width: Tensor
    least: Tensor
    greatest: Tensor

    def __init__(self, edges: Sequence[Sequence[float] | Tensor]) -> None:
        super().__init__()
        ends = [torch.as_tensor(each, dtype=torch.get_default_dtype()) for each in edges]
        wrong = [position for position, each in enumerate(ends) if not _is_rising(each)]
        if not ends or wrong:
            raise InputError(
                "`edges` needs two or more finite, rising numbers for each column"
                + (f"; those of column {', '.join(map(str, wrong))} are not." if wrong else ", but is empty.")
            )
        self.n_columns = len(ends)
        self.n_features = sum(len(each) - 1 for each in ends)
        n_bins = torch.tensor([len(each) - 1 for each in ends])
        last = n_bins.cumsum(0) - 1
        least, greatest = torch.zeros(self.n_features), torch.ones(self.n_features)
        least[last - n_bins + 1] = -math.inf
        greatest[last] = math.inf
        self.register_buffer("column", torch.arange(len(ends)).repeat_interleave(n_bins))
        self.register_buffer("lower", torch.cat([each[:-1] for each in ends]))
        self.register_buffer("width", torch.cat([each.diff() for each in ends]))
        self.register_buffer("least", least)
        self.register_buffer("greatest", greatest)

    def forward(self, inputs: Tensor) -> Tensor:
        """Encode ``[row, column]`` as ``[row, bin]``: the bins of the first column, then of the next one."""
        _check_columns(inputs, self.n_columns)
        gone = (inputs[:, self.column] - self.lower) / self.width  # [row, bin]
        return gone.clamp(self.least, self.greatest)


class PeriodicEmbedding(nn.Module):
    r"""Embed each column by sines and cosines of learned frequencies, and a linear layer of its own.

    .. math::
        \operatorname{ReLU}\bigl(W_j\,[\sin v; \cos v] + b_j\bigr), \qquad v = 2 \pi c_j x_j

    Args:
        n_columns: The number of columns; they should be standardized.
        width: The number of features of a column.
        n_frequencies: The number k of frequencies :math:`c_j` of a column.
        scale: Standard deviation :math:`\sigma` of the frequencies at the start. It decides how sharply the
            embedding can bend, and is worth tuning from 0.01 to 10.
        activation: Whether the ReLU is applied; without it the result is linear in the waves.

    Raises:
        InputError: A size is below 1, or the scale is not positive; or, when run, the inputs have another
            number of columns.

    References:
        Yury Gorishniy, Ivan Rubachev, Artem Babenko, "On Embeddings for Numerical Features in Tabular Deep
        Learning", NeurIPS 2022, arXiv:2203.05556: "PLR", and "PL" without activation. The paper tunes k and
        :math:`\sigma` for each data set and has no default.

    Example:
        >>> PeriodicEmbedding(3, 8)(torch.zeros(5, 3)).shape
        torch.Size([5, 24])
    """

    def __init__(
        self,
        n_columns: int,
        width: int = 24,
        *,
        n_frequencies: int = 48,
        scale: float = 0.01,
        activation: bool = True,
    ) -> None:
        super().__init__()
        if min(n_columns, width, n_frequencies) < 1 or not 0 < scale < math.inf:
            raise InputError(
                "`n_columns`, `width` and `n_frequencies` must be at least 1 and `scale` positive, got "
                f"{n_columns}, {width}, {n_frequencies} and {scale}."
            )
        self.n_columns = n_columns
        self.n_features = n_columns * width
        self.activation = activation
        bound = (2 * n_frequencies) ** -0.5  # as `nn.Linear` starts
        self.frequencies = nn.Parameter(torch.randn(n_columns, n_frequencies) * scale)
        self.weight = nn.Parameter(torch.empty(n_columns, 2 * n_frequencies, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_columns, width).uniform_(-bound, bound))

    def forward(self, inputs: Tensor) -> Tensor:
        """Embed ``[row, column]`` as ``[row, column * width]``, the features of the first column first."""
        _check_columns(inputs, self.n_columns)
        angles = 2 * math.pi * self.frequencies * inputs.unsqueeze(-1)  # [row, column, frequency]
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        embedded = torch.einsum("rcf,cfw->rcw", waves, self.weight) + self.bias  # [row, column, width]
        return (embedded.relu() if self.activation else embedded).flatten(1)


def quantile_edges(rows: Tensor, n_bins: int = 48) -> tuple[Tensor, ...]:
    """Place the edges of bins at quantiles, so that every bin holds about as many of the rows.

    Args:
        rows: The training rows ``[row, column]``, and no others: edges are learned from data.
        n_bins: The most bins of a column. An edge is a value that occurs, and equal quantiles become one,
            hence a column of two values has one bin. A column of one value has a bin that begins there; it is
            1 wide, or as wide as the value is large.

    Returns:
        For each column its edges, ``[edge]``, from the smallest value to the largest.

    Raises:
        InputError: There is no row or no column, or ``n_bins`` is below 1.
        DataError: A column holds a value that is not finite.

    Example:
        >>> quantile_edges(torch.tensor([[0.0, 5.0], [1.0, 5.0], [4.0, 5.0]]), n_bins=2)
        (tensor([0., 1., 4.]), tensor([ 5., 10.]))
    """
    if rows.ndim != 2 or rows.numel() == 0 or n_bins < 1:
        raise InputError(
            f"`rows` must be [row, column] with at least one of each, and `n_bins` at least 1; got shape "
            f"{tuple(rows.shape)} and {n_bins}."
        )
    unusable = (~rows.isfinite().all(0)).nonzero().squeeze(1).tolist()
    if unusable:
        raise DataError(
            f"Column {', '.join(map(str, unusable))} of `rows` holds values that are missing or infinite; "
            "replace them before edges are placed."
        )
    values = rows.detach().double().cpu().numpy()
    # Between two values that occur, an edge would split the two values of a truth column.
    quantiles = np.quantile(values, np.linspace(0, 1, n_bins + 1), axis=0, method="inverted_cdf")
    return tuple(_distinct(column) for column in torch.from_numpy(quantiles).to(rows).T)


def _distinct(edges: Tensor) -> Tensor:
    edges = edges.unique()  # sorted
    return edges if len(edges) > 1 else torch.cat([edges, edges + edges.abs().clamp(min=1)])


def _is_rising(edges: Tensor) -> bool:
    return edges.ndim == 1 and len(edges) > 1 and bool(edges.isfinite().all() and (edges.diff() > 0).all())


def _check_columns(inputs: Tensor, n_columns: int) -> None:
    if inputs.ndim != 2 or inputs.shape[1] != n_columns:
        raise InputError(f"The inputs must be [row, {n_columns}], but have shape {tuple(inputs.shape)}.")
