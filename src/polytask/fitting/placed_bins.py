"""Where the bins of numbers are placed, and how many they are."""

from collections.abc import Sequence

from torch import Tensor

from polytask.fitting.stacked_plan import NetworkForm
from polytask.fitting.table_folds import MANY_ROWS
from polytask.models.number_bins import NumberBins

__all__ = ["placed_bins"]

_MOST_BINS, _MOST_BINS_OF_MANY = 768, 192  # of all columns together, unless two for each are more
_LOOKED_AT = 2**16  # rows, where a table is large


def placed_bins(
    inputs: Tensor, columns: Sequence[int], form: NetworkForm, *, n_rows: int, large: bool
) -> NumberBins:
    """Place the bins of features at quantiles of rows.

    They are few in a wide or long table, so that the first layer stays small.

    Args:
        inputs: Rows ``[row, feature]``.
        columns: The features that are binned, where the form has bins.
        form: Says how many bins a feature has at most.
        n_rows: How many rows are trained on.
        large: Whether these are others, of a large table; then part of the given ones is enough.
    """
    of_all = _MOST_BINS if n_rows <= MANY_ROWS else _MOST_BINS_OF_MANY
    most = max(2, min(form.bins, of_all // max(len(columns), 1)))
    return NumberBins.fit(inputs[: _LOOKED_AT if large else None], columns if form.bins else (), most=most)
