"""Where data lies: the folder of a dataset, the folder of an installed package, and a careful download."""

import contextlib
import hashlib
import importlib.util
import os
import urllib.error
import urllib.request
import uuid
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from polytask.core import DataError, InputError, MissingPackageError
from polytask.core.doors import by_door
from polytask.core.files import user_path
from polytask.datasets.registry import DATASETS

__all__ = ["data_folder", "download", "fetch", "package_folder"]

_TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 1 << 20  # bytes


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
    folder = _root(name, root) / name
    if not folder.is_dir():
        named_by = "the environment variable POLYTASK_DATA" if root is None else "`root`"
        raise DataError(
            f"The dataset {name!r} is missing: there is no folder {folder} (from {named_by}). Put the "
            f"official files there, or name another folder by POLYTASK_DATA{_by_root()}. "
            f"{_origin(name)}".rstrip()
        )
    return folder


def download(name: str, root: str | Path | None = None) -> Path:
    """Get the official files of a dataset; what is there already stays.

    Args:
        name: One of `polytask.datasets.DATASETS`, e.g. ``"mnist"``.
        root: See `data_folder`; made where it is missing.

    Returns:
        The folder of the dataset.

    Raises:
        InputError: There is no dataset of this name.
        DataError: Its files have to be fetched by hand, no root is known, another file is in the place of one
            of them, or a download fails; see `fetch`.
    """
    if name not in DATASETS:
        raise InputError(f"There is no dataset {name!r}; there are {', '.join(DATASETS)}.")
    dataset = DATASETS[name]
    if dataset.folder is None:
        raise DataError(f"The dataset {name!r} needs no files; `polytask.datasets.{name}` makes it.")
    if not dataset.files:
        raise DataError(
            f"The files of the dataset {name!r} have to be fetched by hand, from {dataset.address}; put them "
            f"into a folder {dataset.folder!r}. {dataset.made}".rstrip()
        )
    folder = _root(dataset.folder, root) / dataset.folder
    for file in dataset.files:
        target = folder / file.path
        if target.is_file() and _sha256(target) != file.sha256:
            raise DataError(
                f"{target} is not the official file from {file.url}. Move it away, or use it as it is."
            )
        fetch(file.url, target, sha256=file.sha256)
    return folder


def _root(name: str, root: str | Path | None) -> Path:
    """Return the folder that holds those of all datasets."""
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
    by_itself = f"; `polytask.datasets.download({datasets[0].name!r})` does so" if datasets[0].files else ""
    return f"Get it from {datasets[0].address}{by_itself}."


def package_folder(package: str, *, extra: str, purpose: str) -> Path:
    """Return the folder of an installed package without importing it.

    Args:
        package: Its top-level import name.
        extra: The extra of polytask that installs it.
        purpose: What needs it, for the message.

    Raises:
        MissingPackageError: It is not installed.
    """
    # Not `importlib.resources.files`: that imports the package, which costs up to a second here.
    spec = importlib.util.find_spec(package)
    locations = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not locations:
        raise MissingPackageError(package, extra=extra, purpose=purpose)
    return Path(locations[0])


def fetch(url: str, target: str | Path, *, sha256: str | None) -> Path:
    """Download a file; the target appears whole or not at all.

    A target that is already there is kept if it has the right ``sha256``, and replaced otherwise.

    Args:
        url: ``https://``, ``http://`` or ``file://``.
        target: Where to put it; its folder is made.
        sha256: The expected digest in hexadecimal; None accepts anything.

    Returns:
        The target.

    Raises:
        DataError: The address cannot be reached or has no such file, the transfer is incomplete, the digest
            differs, or the target cannot be written.
    """
    target = Path(target)
    if sha256 is not None and target.is_file() and _sha256(target) == sha256.lower():
        return target
    # In the same folder, since a rename is atomic only within one file system.
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            digest = _download(url, file)
        if sha256 is not None and digest != sha256.lower():
            raise DataError(
                f"The file from {url} has sha256 {digest}, not {sha256.lower()}: it was damaged on the way "
                "or changed at its origin. Try again; if it persists, check the address."
            )
        partial.replace(target)
    except (OSError, HTTPException) as error:
        raise DataError(
            f"Cannot download {url} to {target}: {_reason(error)}. Check the address, the connection and "
            "that the folder can be written, or download the file by hand."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # what went wrong is already on its way up
            partial.unlink(missing_ok=True)
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, file: BinaryIO) -> str:
    """Copy what is at an address into a file and return its sha256."""
    digest = hashlib.sha256()
    n_bytes = 0
    try:
        response = urllib.request.urlopen(url, timeout=_TIMEOUT)
    except ValueError as error:
        raise DataError(f"{url!r} is no address; it should begin with https:// or file://.") from error
    with response:
        announced = response.headers.get("Content-Length")
        while chunk := response.read(_CHUNK):
            digest.update(chunk)
            n_bytes += file.write(chunk)
    if announced is not None and int(announced) != n_bytes:
        raise DataError(f"{url} sent {n_bytes} of {announced} bytes; the connection broke. Try again.")
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    return str(error.reason if isinstance(error, urllib.error.URLError) else error)
