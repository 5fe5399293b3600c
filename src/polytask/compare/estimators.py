"""scikit-learn estimators as candidates: one for each target."""

import importlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.utils.validation import has_fit_parameter

from polytask.compare.candidate import Candidate, Fitted, Settings
from polytask.compare.search_space import Space
from polytask.compare.table_rows import TableRows
from polytask.core import InputError, ResultWarning, Task

__all__ = ["Estimators", "estimator_at"]

_SEEDS = 2**31 - 1


class Estimators(Candidate):
    """A scikit-learn estimator for each target: a regressor for numbers, a classifier for classes.

    They get features without gaps, categories one by one; numbers are standardized, and so are the targets.

    Args:
        regressor: Copied for each target of numbers; None leaves these targets out.
        classifier: Copied for each target of classes, which are numbered from 0; None leaves these out.
        name: By which results name it.
        words: What sentences call it; None for the name.
        grids: Settings to choose from beside the usual ones, of regressor and classifier.
        spaces: Between what a search chooses, of regressor and classifier.
        gappy: Give them a column for each of the table's with NaN where missing, and the positions of
            categories as ``categorical_features``.
        few_rows: From the number of training rows to settings that the usual ones of the estimator do not
            suit; what is chosen goes before them.
        recipe: See `Candidate`; None for that of plain estimators.

    Raises:
        InputError: An estimator is of the wrong kind.

    Example:
        >>> from sklearn.tree import DecisionTreeRegressor
        >>> Estimators(DecisionTreeRegressor(max_depth=3)).name
        'DecisionTreeRegressor'
    """

    per_target = True

    def __init__(
        self,
        regressor: BaseEstimator | None = None,
        classifier: BaseEstimator | None = None,
        *,
        name: str | None = None,
        words: str | None = None,
        grids: tuple[Sequence[Settings], Sequence[Settings]] = ((), ()),
        spaces: tuple[Space, Space] = ({}, {}),
        gappy: bool = False,
        few_rows: Callable[[int], Settings] | None = None,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        if regressor is not None and not is_regressor(regressor):
            raise InputError(f"A candidate's regressor is {regressor!r}, which is none.")
        if classifier is not None and not is_classifier(classifier):
            raise InputError(f"A candidate's classifier is {classifier!r}, which is none.")
        first = classifier if regressor is None else regressor
        if first is None:
            raise InputError("A candidate of estimators needs a regressor or a classifier.")
        self.regressor, self.classifier = regressor, classifier
        self.name = name or type(first).__name__
        self.words = words or self.name
        self.grids, self.spaces, self.gappy, self.few_rows = grids, spaces, gappy, few_rows
        self.defaults = _defaults(regressor), _defaults(classifier)
        self.recipe = recipe if recipe or gappy or any(grids) else _recipe(regressor, classifier)

    def fit(self, rows: TableRows, settings: Settings, *, seed: int) -> Fitted | None:
        """See `Candidate.fit`."""
        (task,) = rows.tasks
        template = self.regressor if task.kind == "regression" else self.classifier
        if template is None:
            return None
        labels = rows.labels(task.name)
        classes = np.unique(labels)
        if task.kind != "regression" and len(classes) < 2:
            return Fitted(
                predict=lambda others: {task.name: _shares(task, np.ones((len(others), 1)), classes)}
            )
        if self.few_rows is not None:
            settings = {**self.few_rows(len(rows)), **settings}
        estimator = _seeded(cast(Any, clone(template)).set_params(**settings), seed)
        if self.gappy:
            estimator.set_params(categorical_features=rows.gappy_features[1] or None)
        weights = {}
        if rows.weights is not None and has_fit_parameter(estimator, "sample_weight"):
            weights = {"sample_weight": rows.weights}
        elif rows.weights is not None:
            name = type(estimator).__name__
            warnings.warn(
                f"`weight_column` is not used, as {name} takes no weights.", ResultWarning, stacklevel=2
            )
        if task.kind != "regression":
            labels = labels.astype(np.int64)
        estimator.fit(self._features(rows), labels, **weights)

        def predict(others: TableRows) -> dict[str, np.ndarray]:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "X does not have valid feature names")
                return {task.name: _predicted(estimator, task, self._features(others))}

        return Fitted(predict=predict)

    def _features(self, rows: TableRows) -> np.ndarray:
        return rows.gappy_features[0] if self.gappy else rows.features


def estimator_at(path: str, settings: Mapping[str, Any] | None = None) -> BaseEstimator:
    """Make the estimator that can be imported by a dotted path.

    Raises:
        InputError: There is none.

    Example:
        >>> estimator_at("sklearn.tree.DecisionTreeClassifier", {"max_depth": 2})
        DecisionTreeClassifier(max_depth=2)
    """
    module, _, attribute = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            f"The candidate {path!r} cannot be imported: {error}. Install its package, or correct the path."
        ) from error
    if not (isinstance(found, type) and hasattr(found, "fit") and hasattr(found, "get_params")):
        raise InputError(f"The candidate {path!r} is no class of scikit-learn estimators.")
    return found(**(settings or {}))


def _defaults(estimator: Any) -> Settings:
    return {} if estimator is None else estimator.get_params(deep=True)


def _seeded(estimator: Any, seed: int) -> Any:
    """Give the estimator, and those in it, a seed where they have none, and one thread."""
    settings = estimator.get_params(deep=True)
    unset = [name for name, value in settings.items() if value is None]
    given = {name: seed % _SEEDS for name in unset if _last(name) == "random_state"}
    if not type(estimator).__module__.startswith("sklearn."):  # there None is one
        given |= {name: 1 for name in unset if _last(name) == "n_jobs"}
    return estimator.set_params(**given)


def _last(name: str) -> str:
    return name.rpartition("__")[2]


def _predicted(estimator: Any, task: Task, features: np.ndarray) -> np.ndarray:
    if task.kind == "regression":
        return np.asarray(estimator.predict(features), dtype=np.float64).reshape(len(features))
    if hasattr(estimator, "predict_proba"):
        return _shares(task, np.asarray(estimator.predict_proba(features)), estimator.classes_)
    decided = np.asarray(estimator.predict(features)).reshape(-1, 1)
    return _shares(task, (decided == estimator.classes_).astype(np.float64), estimator.classes_)


def _shares(task: Task, known: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Spread the probabilities of the classes that were seen over all classes ``[row, class]``."""
    n_classes = 2 if task.kind == "binary" else task.n_outputs
    shares = np.zeros((len(known), n_classes))
    shares[:, np.asarray(classes).astype(np.int64)] = known
    return shares


def _recipe(regressor: Any, classifier: Any) -> dict[str, Any] | None:
    """Return what `candidate_of_recipe` makes estimators of, where their settings are plain."""
    parts = [
        None if one is None else {"path": _path(one), "settings": one.get_params(deep=False)}
        for one in (regressor, classifier)
    ]
    plain = all(
        value is None
        or isinstance(value, bool | str | int)
        or (isinstance(value, float) and math.isfinite(value))
        for part in parts
        if part
        for value in part["settings"].values()
    )
    strange = any(part and ("<" in part["path"] or part["path"].startswith("__main__")) for part in parts)
    return (
        None
        if strange or not plain
        else {"kind": "estimators", "regressor": parts[0], "classifier": parts[1]}
    )


def _path(estimator: Any) -> str:
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"
