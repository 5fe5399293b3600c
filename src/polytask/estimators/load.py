"""Load any saved model, and write its answers."""

from pathlib import Path

import pandas as pd

from polytask.core import BundleError, InputError, MissingPackageError, user_path, write_atomically
from polytask.estimators.bundle import load_bundle
from polytask.estimators.few_shot_model import AdaptedModel, FewShotModel
from polytask.estimators.table_model import TableModel
from polytask.version import __version__

__all__ = ["load", "write_table"]

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


def write_table(frame: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV or Parquet by the file's ending; whole or not at all.

    Raises:
        InputError: The ending is neither.
        MissingPackageError: Parquet is asked for without pyarrow.
    """
    target = user_path(path)
    index = frame.index.name is not None
    if target.suffix == ".csv":
        write_atomically(target, lambda file: file.write(frame.to_csv(index=index).encode()))
    elif target.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401 - only to see whether it is there
        except ImportError as error:
            raise MissingPackageError("pyarrow", extra="parquet", purpose="writing Parquet") from error
        write_atomically(target, lambda file: frame.to_parquet(file, index=index))
    else:
        raise InputError(f"The output {target} must end with .csv or .parquet.")
