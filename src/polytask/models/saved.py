"""Load any saved model, and write its answers."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pandas as pd

from polytask.core import BundleError, InputError
from polytask.core.files import rehearse_write, user_path
from polytask.models.bundle import load_bundle
from polytask.models.prediction_file import check_ending, write_pieces
from polytask.version import __version__

if TYPE_CHECKING:
    from polytask.models.few_shot_classifier import FewShotClassifier
    from polytask.models.few_shot_model import AdaptedModel, FewShotModel
    from polytask.models.in_context_model import InContextModel
    from polytask.models.learned_features import LearnedFeatures
    from polytask.models.table_model import TableModel
    from polytask.models.task_table_model import TaskTableModel

    AnyModel: TypeAlias = (
        TableModel
        | TaskTableModel
        | FewShotModel
        | AdaptedModel
        | FewShotClassifier
        | InContextModel
        | LearnedFeatures
    )

__all__ = ["check_output", "load", "write_table"]

_KINDS: dict[str, tuple[str, str]] = {
    "table": ("table_model", "TableModel"),
    "task-table": ("task_table_model", "TaskTableModel"),
    "few-shot": ("few_shot_model", "FewShotModel"),
    "few-shot-adapted": ("few_shot_model", "AdaptedModel"),
    "learned-features": ("learned_features", "LearnedFeatures"),
    "in-context": ("in_context_model", "InContextModel"),
    "few-shot-classifier": ("few_shot_classifier", "FewShotClassifier"),
}
"""Module and class of every kind: what reads others is not imported."""


def load(
    directory: str | Path,
) -> "AnyModel":
    """Load the model that a directory holds.

    Raises:
        BundleError: The directory is missing, truncated, changed, or of another version.
    """
    bundle = load_bundle(directory)
    if bundle.kind not in _KINDS:
        raise BundleError(
            f"{directory} holds a {bundle.kind!r} model, which polytask {__version__} does not know. Use the "
            "version that wrote it, or train again."
        )
    module, name = _KINDS[bundle.kind]
    return getattr(import_module(f"polytask.models.{module}"), name).from_bundle(bundle)


def check_output(output: str | Path, *, data: str | Path, model: str | Path) -> None:
    """Try whether answers can be written; ask before the prediction, not after it.

    Args:
        output: The file for the answers.
        data: What is predicted; it must stay.
        model: The model directory, in which nothing but the model may be.

    Raises:
        InputError: The ending is unknown, the file cannot be written, or the input or the model is there.
        MissingPackageError: Parquet is asked for without pyarrow.
    """
    target = user_path(output)
    check_ending(target)
    place = target.resolve()
    if place == user_path(data).resolve():
        raise InputError(f"{output} is the input itself. Choose another output.")
    if user_path(model).resolve() in place.parents:
        raise InputError(f"{output} lies in the model directory {model}. Choose another output.")
    rehearse_write(target)


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV or Parquet by the file's ending; whole or not at all.

    Raises:
        InputError: The ending is neither.
        MissingPackageError: Parquet is asked for without pyarrow.
    """
    write_pieces(iter([frame]), path)
