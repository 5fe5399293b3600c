"""Why a fit and a comparison give networks of the same form unlike figures: said wherever either is shown."""

__all__ = ["BY_AVERAGES", "BY_ONE_FOLD"]

BY_ONE_FOLD = (
    "Each row is judged by the networks of one fold, trained on all rows of the others. A comparison judges "
    "averages of several networks, each trained on fewer rows, so that its figures differ."
)
"""Of a fit."""

BY_AVERAGES = (
    "Networks answer as averages of several, each trained on a part of a fold's training rows. A fit judges "
    "the networks of single folds, so that its figures differ."
)
"""Of a comparison with networks in it."""
