"""The candidates that have a name: linear models and ensembles of trees, a model for each target."""

from collections.abc import Callable, Mapping

from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge

from polytask.compare.candidate import Candidate, Settings
from polytask.compare.constant import Constant
from polytask.compare.estimators import Estimators
from polytask.compare.search_space import Space, Span

__all__ = ["STANDARD"]

_TREES: tuple[Settings, ...] = (
    {"min_samples_leaf": 3},
    {"min_samples_leaf": 10},
    {"max_features": 0.3},
    {"max_features": 1.0},
    {"max_features": 0.3, "min_samples_leaf": 3},
    {"n_estimators": 300},
    {"n_estimators": 300, "min_samples_leaf": 3},
)
_BOOSTING: tuple[Settings, ...] = (
    {"learning_rate": 0.05, "max_iter": 200},
    {"max_leaf_nodes": 15},
    {"max_leaf_nodes": 7},
    {"l2_regularization": 1.0},
    {"min_samples_leaf": 5},
    {"learning_rate": 0.03, "max_iter": 300, "max_leaf_nodes": 15},
    {"max_leaf_nodes": 7, "l2_regularization": 1.0},
)
_TREES_SPACE: Space = {
    "max_features": Span(low=0.1, high=1.0),
    "min_samples_leaf": Span(low=1, high=20, log=True),
    "min_samples_split": Span(low=2, high=20, log=True),
}
_BOOSTING_SPACE: Space = {
    "learning_rate": Span(low=0.01, high=0.3, log=True),
    "max_iter": Span(low=30, high=400, log=True),
    "max_leaf_nodes": Span(low=3, high=63, log=True),
    "min_samples_leaf": Span(low=2, high=60, log=True),
    "l2_regularization": Span(low=1e-6, high=10.0, log=True),
}
_MANY_FOR_TREES = 200
_PENALTIES = (10.0, 0.1, 100.0, 0.01, 1000.0, 0.001, 30.0)


def _linear() -> Candidate:
    return Estimators(
        Ridge(),
        LogisticRegression(max_iter=1000),
        name="linear",
        recipe={"kind": "named", "name": "linear"},
        words="a linear model",
        grids=(
            [{"alpha": strength} for strength in _PENALTIES],
            [{"C": 1 / strength} for strength in _PENALTIES],
        ),
        spaces=(
            {"alpha": Span(low=1e-3, high=1e4, log=True)},
            {"C": Span(low=1e-4, high=1e3, log=True)},
        ),
    )


def _random_forest() -> Candidate:
    return Estimators(
        RandomForestRegressor(),
        RandomForestClassifier(),
        name="random-forest",
        recipe={"kind": "named", "name": "random-forest"},
        words="a random forest",
        grids=(_TREES, _TREES),
        spaces=(_TREES_SPACE, _TREES_SPACE),
    )


def _extra_trees() -> Candidate:
    return Estimators(
        ExtraTreesRegressor(),
        ExtraTreesClassifier(),
        name="extra-trees",
        recipe={"kind": "named", "name": "extra-trees"},
        words="extra trees",
        grids=(_TREES, _TREES),
        spaces=(_TREES_SPACE, _TREES_SPACE),
    )


def _boosted_trees() -> Candidate:
    return Estimators(
        HistGradientBoostingRegressor(),
        HistGradientBoostingClassifier(),
        name="boosted-trees",
        recipe={"kind": "named", "name": "boosted-trees"},
        words="boosted trees",
        grids=(_BOOSTING, _BOOSTING),
        spaces=(_BOOSTING_SPACE, _BOOSTING_SPACE),
        gappy=True,
        few_rows=_small_leaves,
    )


def _small_leaves(n_rows: int) -> Settings:
    """Let leaves hold a tenth of few rows: with the usual 20 no tree of less than 40 rows has a split."""
    return {"min_samples_leaf": max(2, n_rows // 10)} if n_rows < _MANY_FOR_TREES else {}


STANDARD: Mapping[str, Callable[[], Candidate]] = {
    "constant": Constant,
    "linear": _linear,
    "random-forest": _random_forest,
    "extra-trees": _extra_trees,
    "boosted-trees": _boosted_trees,
}
"""By name, what makes the candidate."""
