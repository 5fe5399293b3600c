"""Load any saved model, and write its answers."""

from pathlib import Path

import pandas as pd

from polytask.core import BundleError, InputError, MissingPackageError
from polytask.core.files import rehearse_write, user_path, write_atomically
from polytask.models.bundle import load_bundle
from polytask.models.few_shot_model import AdaptedModel, FewShotModel
from polytask.models.table_model import TableModel
from polytask.version import __version__

__all__ = ["check_output", "load", "write_table"]

_KINDS = {model.kind: model for model in (TableModel, FewShotModel, AdaptedModel)}


def load(directory: str | Path) -> TableModel | FewShotModel | AdaptedModel:
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
    return _KINDS[bundle.kind].from_bundle(bundle)


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
    _check_ending(target)
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
    target = user_path(path)
    _check_ending(target)
    index = frame.index.name is not None
    if target.suffix.lower() == ".csv":
        write_atomically(target, lambda file: file.write(frame.to_csv(index=index).encode()))
    else:
        write_atomically(target, lambda file: frame.to_parquet(file, index=index))


def _check_ending(target: Path) -> None:
    if target.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"The output {target} must end with .csv or .parquet.")
    if target.suffix.lower() == ".parquet":
        try:
            import pyarrow  # noqa: F401 - only to see whether it is there
        except ImportError as error:
            raise MissingPackageError("pyarrow", extra="parquet", purpose="writing Parquet") from error
