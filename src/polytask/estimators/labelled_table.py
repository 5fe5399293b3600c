"""Features and targets, as scikit-learn hands them over, as one table with column roles."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_consistent_length, validate_data

from polytask.core import DataWarning, InputError
from polytask.core.names import counted
from polytask.data import read_table
from polytask.data.tables.table import plain_frame
from polytask.fitting.table_columns import Columns

__all__ = ["Permitted", "LabelledTable", "Shape", "feature_frame", "labelled_table", "target_frame"]

Shape: TypeAlias = Literal["one", "array", "frame"]
"""How targets were given, and predictions are given back: values ``[row]``, ``[row, target]``, or a frame."""


Permitted: TypeAlias = Literal["any", "classes", "numbers"]
"""The kinds of targets that an estimator takes."""

_KINDS: Mapping[Permitted, tuple[str, ...]] = {
    "classes": ("binary", "multiclass"),
    "numbers": ("regression", "log"),
    "any": ("regression", "log", "binary", "multiclass"),
}


_CONVERSIONS = ("to_pandas", "toPandas", "to_df")
_LAZY = ("collect", "compute")
_check_array: Any = check_array  # pyright takes the types of its defaults for those of its parameters
_validate_data: Any = validate_data


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledTable:
    """A table to fit, with the roles of its columns.

    Args:
        frame: As `read_table` returns it.
        columns: The roles.
        targets: The names of the targets.
        shape: How these were given.
    """

    frame: pd.DataFrame
    columns: Columns
    targets: tuple[str, ...]
    shape: Shape


def labelled_table(
    estimator: Any,
    features: Any,
    targets: Any,
    *,
    kinds: Any,
    permitted: Permitted = "any",
    sample_weight: Any = None,
    groups: Any = None,
    times: Any = None,
    text_encoder: str | None = None,
) -> LabelledTable:
    """Put features, targets and the roles of rows into one table.

    Args:
        estimator: Where the features' names and number are noted, as scikit-learn does.
        features: A frame, or an array ``[row, feature]``.
        targets: A frame, a series, or an array ``[row]`` or ``[row, target]``.
        kinds: One for all targets, or by name; None for whatever fits.
        permitted: Whether targets have to be classes, or numbers.
        sample_weight: How much each row counts ``[row]``.
        groups: The group of each row ``[row]``.
        times: The time of each row ``[row]``.
        text_encoder: Reads columns of text.

    Raises:
        InputError: They do not fit together.
        ValueError: scikit-learn's own, for arrays that are no table.
    """
    if targets is None:
        raise InputError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )
    _check_index(features, targets)
    table = feature_frame(estimator, features, fitting=True)
    labels, shape = target_frame(targets, taken=table.columns)
    check_consistent_length(table, labels)
    if shape == "one" and labels.columns[0] in table.columns:
        labels = _renamed(labels, table)
    both = sorted(set(table.columns) & set(labels.columns))
    if both:
        raise InputError(
            f"The features have the target {both[0]!r}, too, so there is nothing to predict. Take it from "
            "one of them."
        )
    if groups is not None and times is not None:
        raise InputError("Give either `groups` or `times`: folds follow one of them.")
    table = pd.concat([table, labels], axis=1)
    roles = {"weight": _weights(sample_weight), "group": groups, "time": times}
    names: dict[str, str] = {}
    for role, values in roles.items():
        if values is None:
            continue
        column = _one_column(values, role)
        check_consistent_length(table, column)
        names[role] = _free(role, table.columns)
        table[names[role]] = column
    asked = _asked(kinds, labels, permitted)
    columns = Columns.of(asked, text_encoder=text_encoder, **names)
    return LabelledTable(frame=read_table(table), columns=columns, targets=tuple(asked), shape=shape)


def feature_frame(estimator: Any, features: Any, *, fitting: bool) -> pd.DataFrame:
    """Return features as a data frame with a new index; their names and number are noted, or compared.

    Raises:
        InputError: They are no table.
        ValueError: scikit-learn's own, for what is no array ``[row, feature]`` or has other features than in
            fitting.
    """
    if _is_frame(features):
        _check_names(features, "features")
        frame = plain_frame(features).reset_index(drop=True)
        _validate_data(estimator, frame, skip_check_array=True, reset=fitting)
    else:
        values = _check_array(
            features,
            dtype=None,
            ensure_all_finite="allow-nan",
            ensure_min_samples=2 if fitting else 1,
            estimator=estimator,
            input_name="X",
        )
        _validate_data(estimator, values, skip_check_array=True, reset=fitting)
        frame = pd.DataFrame(values, columns=[f"x{index}" for index in range(values.shape[1])])
    frame.columns = pd.Index([str(name) for name in frame.columns], dtype=object)
    return frame


def target_frame(targets: Any, *, taken: Any = ()) -> tuple[pd.DataFrame, Shape]:
    """Return targets as a data frame with a new index, and how they were given.

    Args:
        targets: A frame, a series, or an array ``[row]`` or ``[row, target]``.
        taken: Names that targets without one must not get.

    Raises:
        ValueError: scikit-learn's own, for what is no such array.
    """
    if _is_frame(targets):
        _check_names(targets, "targets")
        frame, shape = plain_frame(targets), "frame"
    elif (series := _series(targets)) is not None:
        name = _free("y", taken) if series.name is None else str(series.name)
        frame, shape = series.to_frame(name), "one"
    else:
        values = _check_array(
            targets,
            dtype=None,
            ensure_2d=False,
            ensure_all_finite=False,
            input_name="y",
            ensure_min_samples=0,
        )
        if values.ndim > 2:
            raise InputError(f"Targets are [row] or [row, target], got an array of {values.ndim} dimensions.")
        if values.ndim == 2:
            names = [_free(f"y{index}", taken) for index in range(values.shape[1])]
            frame, shape = pd.DataFrame(values, columns=names), "array"
        else:
            frame, shape = pd.DataFrame({_free("y", taken): values}), "one"
    frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([str(name) for name in frame.columns], dtype=object)
    return frame, shape


def _check_index(features: Any, targets: Any) -> None:
    """Warn where rows are paired by position, though their labels say something else."""
    if not (isinstance(features, pd.DataFrame) and isinstance(targets, pd.DataFrame | pd.Series)):
        return
    theirs, ours = targets.index, features.index
    if len(theirs) != len(ours) or ours.equals(theirs):
        return
    same = "the same row labels in another order" if set(ours) == set(theirs) else "other row labels"
    warnings.warn(
        f"X and y are paired row by row, as scikit-learn does, but the index of y has {same}. If they belong "
        "together by label, give y.loc[X.index]; else reset_index(drop=True) says that they do not.",
        DataWarning,
        stacklevel=4,
    )


def _check_names(given: Any, what: str) -> None:
    """Refuse columns of one name, which a library in between would in words of its own."""
    if isinstance(given, pd.DataFrame) and not given.columns.is_unique:
        twice = str(given.columns[given.columns.duplicated()][0])
        raise InputError(f"The {what} have several columns {twice!r}; give each its own name.")


def _renamed(labels: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Give a series that was made of a feature, and so has its name, another one."""
    name = str(labels.columns[0])
    if labels[name].equals(table[name]):
        return labels
    return labels.rename(columns={name: _free(name, table.columns)})


def _is_frame(given: Any) -> bool:
    """Tell a frame of any library, or a dictionary of columns, from an array or a series."""
    if isinstance(given, pd.DataFrame) or (isinstance(given, Mapping) and not issparse(given)):
        return True
    if any(callable(getattr(given, name, None)) for name in _LAZY):
        return True  # which is refused with what to call
    converts = any(callable(getattr(given, name, None)) for name in _CONVERSIONS)
    return converts and (hasattr(given, "columns") or hasattr(given, "column_names"))


def _series(given: Any) -> pd.Series | None:
    """Return a series of pandas or of another library as one of pandas."""
    if isinstance(given, pd.Series):
        return given
    convert = getattr(given, "to_pandas", None)
    converted = convert() if callable(convert) else None
    return converted if isinstance(converted, pd.Series) else None


def _asked(kinds: Any, labels: pd.DataFrame, permitted: Permitted) -> dict[str, str | None]:
    """Give each target the kind that was asked for, or that the estimator predicts."""
    names = [str(name) for name in labels.columns]
    wanted = kinds if isinstance(kinds, Mapping) else dict.fromkeys(names, kinds)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise InputError(
            f"`kinds` names {', '.join(map(repr, unknown[:5]))}, but "
            f"{'the targets are' if len(names) > 1 else 'the target is'} {', '.join(map(repr, names[:10]))}."
        )
    possible = _KINDS[permitted]
    odd = [f"{name!r} as {kind!r}" for name, kind in wanted.items() if kind not in (None, *possible)]
    if odd:
        raise InputError(f"`kinds` asks {', '.join(odd[:5])}; use one of {', '.join(possible)}, or None.")
    asked = {name: wanted.get(name) for name in names}
    if permitted == "any":
        return asked
    return {
        name: kind or ("regression" if permitted == "numbers" else _kind_of_classes(labels[name]))
        for name, kind in asked.items()
    }


def _kind_of_classes(labels: pd.Series) -> str:
    """Tell two classes from several."""
    known = labels.dropna()
    if isinstance(known.dtype, np.dtype) and known.dtype.kind == "f":
        check_classification_targets(known.to_numpy())
    n_classes = known.nunique()
    if n_classes < 2:
        raise InputError(
            f"Target {labels.name!r} has {counted(n_classes, 'class', 'classes')}, but a classifier needs "
            "two. Add rows of another class, or leave the target out."
        )
    return "binary" if n_classes == 2 else "multiclass"


def _weights(given: Any) -> np.ndarray | None:
    if given is None:
        return None
    weights = _check_array(given, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.ndim != 1:
        raise InputError(
            "Sample weights must be 1D, a number a row, got an array of "
            f"{counted(weights.ndim, 'dimension')}."
        )
    if (weights < 0).any() or not weights.any():
        raise InputError("`sample_weight` needs weights of 0 or more, not all of them zero.")
    return weights


def _one_column(values: Any, role: str) -> np.ndarray | pd.Series:
    """Return values ``[row]`` without the index that they may have."""
    series = _series(values)
    column = series.reset_index(drop=True) if series is not None else np.asarray(values)
    if column.ndim != 1:
        raise InputError(f"The {role} of rows is one value a row, got an array of {column.ndim} dimensions.")
    return column


def _free(name: str, taken: Any) -> str:
    """Return the name, lengthened where a column has it already."""
    while name in taken:
        name += "_"
    return name
