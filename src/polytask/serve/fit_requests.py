"""What a client may ask of a fit: settings from a list, within bounds."""

from collections.abc import Mapping
from typing import Any

from polytask.serve.failures import Refused
from polytask.serve.forms import FitTable
from polytask.serve.names import checked_name
from polytask.serve.settings import ServeSettings
from polytask.serve.shelf import Shelf
from polytask.serve.uploads import Uploads

__all__ = ["fit_request"]

_MOST: Mapping[str, float] = {
    "epochs": 10_000,
    "patience": 10_000,
    "width": 1_024,
    "depth": 16,
    "repeats": 20,
    "folds": 20,
    "members": 64,
    "bins": 1_024,
    "batch_size": 1_000_000,
}
"""Numbers that decide how large a model is, or how long it takes, and the greatest that is taken."""

_DEEPEST = 4  # lists and objects inside of each other; settings have two

_FREE = (
    *("dropout", "learning_rate", "weight_decay", "soft_strength", "sampling_temperature", "time_budget"),
    *("seed", "baselines", "architecture", "balancing", "heads", "task_sampling"),
    *("group", "time_column", "weight_column", "fold_column", "task_column", "drop", "groups"),
    *("class_weights", "target_weights", "metrics"),
)
"""Settings that `polytask.fit` checks by itself."""


def fit_request(
    asked: FitTable, uploads: Uploads, table: str, shelf: Shelf, settings: ServeSettings
) -> dict[str, Any]:
    """Return what the process of a fit is told.

    Raises:
        Refused: The name is taken, there is no such table or column, or a setting is not for clients.
    """
    name, about = checked_name(asked.name), uploads.about(table)
    if shelf.taken(name):
        raise Refused(409, f"There is a model {name!r} already.", where="name", remedy="Choose another name.")
    columns = [column["name"] for column in about["columns"]]
    for target in asked.targets:
        if target not in columns and target.rpartition(":")[0] not in columns:
            raise Refused(
                422, f"The table has no column {target[:80]!r}.", where="targets",
                remedy=f"It has {', '.join(columns[:20])}.",
            )  # fmt: skip
    limits = settings.limits
    return {
        "name": name,
        "table": str(uploads.path(table)),
        "targets": asked.targets,
        "options": checked_options(asked.options),
        "seconds": 60 * limits.fit_time,
        "store": settings.store,
        "store_limits": {"most": limits.models, "keep": limits.revisions, "patience": limits.patience},
    }


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a fit that a client may choose.

    Raises:
        Refused: One is not for clients, or too large.

    Example:
        >>> checked_options({"epochs": 50, "architecture": "mmoe"})
        {'epochs': 50, 'architecture': 'mmoe'}
    """
    _check_depth(options, _DEEPEST)
    for name, value in options.items():
        if name not in _MOST and name not in _FREE:
            raise Refused(
                422, f"There is no option {name[:80]!r}.", where="options",
                remedy=f"There are {', '.join([*_MOST, *_FREE])}.",
            )  # fmt: skip
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name in _MOST and value is not None and not (number and value <= _MOST[name]):
            raise Refused(
                413 if number else 422, f"{name!r} is a number of at most {_MOST[name]:,}.",
                where=f"options.{name}", remedy="Ask for less.",
            )  # fmt: skip
    return dict(options)


def _check_depth(value: Any, left: int) -> None:
    """Refuse what is nested more deeply than any setting is."""
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for one in inside:
        if isinstance(one, Mapping | list):
            if not left:
                raise Refused(
                    422, "The options are nested too deeply.", where="options", remedy="Write plain values."
                )
            _check_depth(one, left - 1)
