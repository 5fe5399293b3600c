"""Where data lies: the folder of a dataset, and the folder of an installed package."""

import importlib.util
import os
from pathlib import Path

from polytask.core import DataError, MissingPackageError
from polytask.core.doors import by_door
from polytask.core.files import user_path
from polytask.datasets.registry import DATASETS, Dataset

__all__ = ["data_folder", "data_root", "how_to_make", "installed_folder", "package_folder"]


def data_folder(name: str, root: str | Path | None = None) -> Path:
    """Return the folder of a dataset: ``root / name``.

    Args:
        name: The folder's name, e.g. ``"omniglot"``.
        root: The folder that holds those of all datasets; None means the one that the environment variable
            ``POLYTASK_DATA`` names.

    Raises:
        DataError: No root is known, or it has no folder of this name.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as root:
        ...     (Path(root) / "omniglot").mkdir()
        ...     data_folder("omniglot", root).name
        'omniglot'
    """
    folder = data_root(name, root) / name
    if not folder.is_dir():
        named_by = "the environment variable POLYTASK_DATA" if root is None else "`root`"
        raise DataError(
            f"The dataset {name!r} is missing: there is no folder {folder} (from {named_by}). Put the "
            f"official files there, or name another folder by POLYTASK_DATA{_by_root()}. "
            f"{_origin(name)}".rstrip()
        )
    return folder


def data_root(name: str, root: str | Path | None) -> Path:
    """Return the folder that holds those of all datasets; see `data_folder`.

    Raises:
        DataError: It is not known.
    """
    given = root if root is not None else os.environ.get("POLYTASK_DATA") or None
    if given is None:
        raise DataError(
            f"No folder is known for the dataset {name!r}. Set the environment variable POLYTASK_DATA to the "
            f"folder that holds a folder {name!r}{_by_root()}. {_origin(name)}".rstrip()
        )
    return user_path(given)


def _by_root() -> str:
    return by_door(python=" (or by `root`, where a function has it)", command="")


def _origin(folder: str) -> str:
    """Say where the files of a folder can be had; nothing where nobody knows."""
    datasets = [dataset for dataset in DATASETS.values() if dataset.folder == folder]
    if not datasets:
        return ""
    call = by_door(
        python=f"`polytask.datasets.download({datasets[0].name!r})`",
        command=f"`polytask datasets fetch {datasets[0].name}`",
    )
    by_itself = f"; {call} does so" if datasets[0].files else ""
    return f"Get it from {datasets[0].address}{by_itself}.{how_to_make(datasets[0])}"


def how_to_make(dataset: Dataset) -> str:
    """Say what makes the files of a dataset; nothing where they are read as they are published."""
    if dataset.maker is None:
        return ""
    call = by_door(
        python=f"`polytask.datasets.make({dataset.name!r}, official)`",
        command=f"`polytask datasets make {dataset.name} OFFICIAL`",
    )
    return f" {call} makes them of the official ones."


def package_folder(package: str, *, extra: str, purpose: str) -> Path:
    """Return the folder of an installed package without importing it.

    Args:
        package: Its top-level import name.
        extra: The extra of polytask that installs it.
        purpose: What needs it, for the message.

    Raises:
        MissingPackageError: It is not installed.
    """
    folder = installed_folder(package)
    if folder is None:
        raise MissingPackageError(package, extra=extra, purpose=purpose)
    return folder


def installed_folder(package: str) -> Path | None:
    """Return the folder of a package without importing it; None where it is not installed."""
    # Not `importlib.resources.files`: that imports the package, which costs up to a second here.
    spec = importlib.util.find_spec(package)
    locations = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(locations[0]) if locations else None
