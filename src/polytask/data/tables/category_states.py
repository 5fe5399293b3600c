"""The values of a column of categories as small whole numbers, from which its features are looked up."""

from collections import Counter
from collections.abc import Mapping

import numpy as np
import pandas as pd

from polytask.data.tables.column import column_categories
from polytask.data.tables.feature_column import CategoryFeatures, category_finder

__all__ = ["CategoryStates"]


class CategoryStates:
    """Numbers the states of a column: each category, each rare one, missing, and what was never seen.

    Args:
        encoding: Of the column.

    Attributes:
        places: For each state which of the column's features is 1, int64 ``[state]``; -1 for none.
        shares: For each state the last feature, where there are buckets, float32 ``[state]``.

    Example:
        >>> colour = CategoryFeatures(name="colour", categories=("blue", "red"), missing=True)
        >>> states = CategoryStates(colour)
        >>> states.of(pd.Series(["red", None, "green"]))
        (array([1, 2, 3], dtype=int16), {'green': 1})
        >>> states.places
        array([ 0,  1,  2, -1])
    """

    def __init__(self, encoding: CategoryFeatures) -> None:
        n_named, first = len(encoding.categories), len(encoding.categories) + encoding.missing
        rare, n_buckets = list(encoding.rare), encoding.buckets
        buckets = [first + encoding.bucket(name) for name in rare]
        unseen = [first + index for index in range(n_buckets)] or [-1]
        self.places = np.array(
            [*range(n_named), n_named if encoding.missing else -1, *buckets, *unseen], dtype=np.int64
        )
        rows = np.zeros(len(self.places))
        rows[n_named + 1 : n_named + 1 + len(rare)] = list(encoding.rare.values())
        self.shares = (np.log1p(rows) / np.log1p(max([*encoding.rare.values(), 1]))).astype(np.float32)
        self._encoding = encoding
        self._missing, self._unseen = n_named, n_named + 1 + len(rare)
        self._named, self._rare = category_finder(encoding.categories), category_finder(rare)
        self._state_of: dict[str, int] = {}

    def of(self, column: pd.Series) -> tuple[np.ndarray, Mapping[str, int]]:
        """Return the state of every row, int16 ``[row]``, and the categories never seen with their rows."""
        codes, values = pd.factorize(column_categories(column))  # code -1, the last state, for a missing one
        states = np.array([*map(self._state, values), self._missing], dtype=np.int16)
        strange = np.flatnonzero(states >= self._unseen)
        counts = Counter(codes[codes >= 0].tolist()) if len(strange) else {}
        return states[codes], {values[index]: counts[index] for index in strange.tolist()}

    def _state(self, text: str) -> int:
        state = self._state_of.get(text)
        if state is not None:
            return state
        state = self._named(text)
        if state < 0:
            state = self._rare(text)
            bucket = self._encoding.bucket(text) if self._encoding.buckets else 0
            state = self._unseen + bucket if state < 0 else self._missing + 1 + state
        if len(self._state_of) < self._unseen + 10_000:  # columns of very many values are not all kept
            self._state_of[text] = state
        return state
