"""Where data lies: the folder of a named set, the folder of an installed package, and a careful download."""

import contextlib
import hashlib
import importlib.util
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from polytask.core import DataError, MissingPackageError, by_door

__all__ = ["data_folder", "fetch", "package_folder"]

_TIMEOUT = 60.0  # seconds without a byte
_CHUNK = 1 << 20  # bytes

_ADDRESSES: Mapping[str, str] = {
    "census_income_kdd": "https://archive.ics.uci.edu/dataset/117",
    "clinc150": "https://archive.ics.uci.edu/dataset/570",
    "fashion_styles": "https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-small",
    "fsdd": "https://github.com/Jakobovski/free-spoken-digit-dataset",
    "heart_sites": "https://archive.ics.uci.edu/dataset/45",
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "mol_fps": "https://moleculenet.org/datasets-1",
    "mulan_multitarget": "https://mulan.sourceforge.net/datasets-mtr.html",
    "omniglot": "https://github.com/brendenlake/omniglot",
    "parkinsons_telemonitoring": "https://archive.ics.uci.edu/dataset/189",
    "sarcos_test": "https://gaussianprocess.org/gpml/data/",
    "school": "https://github.com/jiayuzhou/MALSAR",
}


def data_folder(name: str, root: str | Path | None = None) -> Path:
    """Return the folder of a data set: ``root / name``.

    Args:
        name: The set, e.g. ``"omniglot"``.
        root: The folder that holds all sets; None means the one that the environment variable
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
    given = root if root is not None else os.environ.get("POLYTASK_DATA") or None
    origin = f"Get it from {_ADDRESSES[name]}." if name in _ADDRESSES else ""
    by_root = by_door(python=" (or by `root`, where a function has it)", command="")
    if given is None:
        raise DataError(
            f"No folder is known for the data set {name!r}. Set the environment variable POLYTASK_DATA to "
            f"the folder that holds a folder {name!r}{by_root}. {origin}".rstrip()
        )
    folder = Path(given).expanduser() / name
    if not folder.is_dir():
        source = "the environment variable POLYTASK_DATA" if root is None else "`root`"
        raise DataError(
            f"The data set {name!r} is missing: there is no folder {folder} (from {source}). Put the "
            f"official files there, or name another folder by POLYTASK_DATA{by_root}. {origin}".rstrip()
        )
    return folder


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
    if sha256 is not None and target.is_file():
        with target.open("rb") as present:
            if hashlib.file_digest(present, "sha256").hexdigest() == sha256.lower():
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
