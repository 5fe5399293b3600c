"""Download the files of datasets: each appears whole, with the right checksum, or not at all."""

import hashlib
import os
import shutil
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import IncompleteRead
from pathlib import Path
from typing import Any, BinaryIO

from polytask.core import DataError, InputError, MissingPackageError
from polytask.core.doors import by_door
from polytask.core.files import user_path, write_atomically
from polytask.core.names import near_names
from polytask.core.watching import watched
from polytask.datasets.location import data_root, how_to_make
from polytask.datasets.registry import DATASETS, Dataset

__all__ = ["download", "fetch", "is_present"]

_TIMEOUT = 60.0  # seconds without a byte


def download(name: str, root: str | Path | None = None, *, progress: bool | None = False) -> Path:
    """Get the official files of a dataset; what is there already stays.

    Args:
        name: One of `polytask.datasets.DATASETS`, e.g. ``"mnist"``.
        root: See `data_folder`; made where it is missing.
        progress: Show a bar for each file; None where a person watches.

    Returns:
        The folder of the dataset.

    Raises:
        InputError: There is no dataset of this name.
        DataError: Its files have to be fetched by hand, no root is known, another file is in the place of one
            of them, or a download fails; see `fetch`.
        MissingPackageError: pooch is not installed.
    """
    if name not in DATASETS:
        meant = near_names(name, DATASETS)
        hint = f"; did you mean {meant[0]!r}?" if meant else "."
        raise InputError(f"There is no dataset {name!r}{hint} There are {', '.join(DATASETS)}.")
    dataset = DATASETS[name]
    if dataset.folder is None:
        made = by_door(
            python=f"`polytask.datasets.{name}` makes it", command="it is made, or a package carries it"
        )
        raise DataError(f"The dataset {name!r} needs no files; {made}.")
    if not dataset.files:
        raise DataError(_by_hand(dataset, root))
    if root is None and not os.environ.get("POLYTASK_DATA"):
        raise DataError(
            f"There is no folder for the dataset {name!r}. Set the environment variable POLYTASK_DATA to the "
            "one that holds those of all datasets, or name it by `root`."
        )
    folder = data_root(dataset.folder, root) / dataset.folder
    for file in dataset.files:
        target = folder / file.path
        if target.is_file() and _sha256(target) != file.sha256:
            raise DataError(
                f"{target} is not the official file from {file.url}. Move it away, or use it as it is."
            )
        fetch(file.url, target, sha256=file.sha256, progress=progress)
    return folder


def is_present(dataset: Dataset, root: str | Path | None = None) -> bool:
    """Tell whether the files of a dataset are there; their content is not looked at.

    Args:
        dataset: One that has a folder.
        root: See `data_folder`.

    Raises:
        DataError: No root is known.
    """
    if dataset.folder is None:
        return True
    folder = data_root(dataset.folder, root) / dataset.folder
    return folder.is_dir() and all((folder / file.path).is_file() for file in dataset.files)


def fetch(url: str, target: str | Path, *, sha256: str | None, progress: bool | None = False) -> Path:
    """Download a file; the target appears whole or not at all.

    A target that is already there is kept if it has the right ``sha256``, and replaced otherwise.

    Args:
        url: ``https://``, ``http://`` or ``file://``.
        target: Where to put it; its folder is made.
        sha256: The expected digest in hexadecimal; None accepts anything.
        progress: Show a bar; None where a person watches.

    Returns:
        The target.

    Raises:
        DataError: The address cannot be reached or has no such file, the transfer is incomplete, or the
            digest differs.
        InputError: The target cannot be written.
        MissingPackageError: pooch is not installed.
    """
    target = user_path(target)
    if sha256 is not None and target.is_file() and _sha256(target) == sha256.lower():
        return target
    source = _source(url)
    shown = watched() if progress is None else progress

    def write(file: BinaryIO) -> None:
        hashed = _Hashed(file)
        try:
            with _bar(target.name, shown=shown) as bar:
                source(hashed, bar)
        except _failures() as error:  # those of requests are OSErrors, which would be taken for the disk's
            raise DataError(
                f"Cannot download {url}: {_reason(error)}. Check the address and the connection, or get the "
                f"file by hand and put it at {target}."
            ) from error
        found = hashed.digest.hexdigest()
        if sha256 is not None and found != sha256.lower():
            raise DataError(
                f"The file from {url} has sha256 {found}, not {sha256.lower()}: it was damaged on the way "
                f"or changed at its origin. Try again; if it persists, get it by hand and put it at {target}."
            )

    write_atomically(target, write)
    return target


class _Hashed:
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.digest.update(content)
        return self.file.write(content)

    def flush(self) -> None:
        """Leave that to the end: a flush for every kilobyte is slow."""


def _source(url: str) -> Callable[[Any, Any], object]:
    """Return what copies the content of an address into a file."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "file":
        path = Path(urllib.request.url2pathname(parts.path))

        def copy(file: Any, _: Any) -> None:
            try:
                opened = path.open("rb")
            except OSError as error:
                raise _MissingOriginError(error.strerror or str(error)) from error
            with opened:
                shutil.copyfileobj(opened, file)

        return copy
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise DataError(f"{url!r} is no address; it should begin with https:// or file://.")
    try:
        import pooch
    except ImportError as error:
        raise MissingPackageError("pooch", extra="datasets", purpose="downloading datasets") from error
    unpacked = {"Accept-Encoding": "identity"}  # or a server may send something else than the file

    def get(file: Any, bar: Any) -> None:
        downloader = pooch.HTTPDownloader(
            progressbar=bar, chunk_size=1 << 16, timeout=_TIMEOUT, headers=unpacked
        )
        downloader(url, file, None)

    return get


class _MissingOriginError(Exception):
    """A file that is not where its address says."""


def _failures() -> tuple[type[Exception], ...]:
    """Return what a transfer may raise."""
    try:
        from requests import RequestException
    except ImportError:
        return (_MissingOriginError,)
    return (RequestException, _MissingOriginError)


def _reason(error: Exception) -> str:
    """Say in a few words why a transfer failed; what libraries say of it is a chain of their own names."""
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    first: BaseException = error  # what began it
    while (cause := first.__cause__ or first.__context__) is not None:
        first = cause
    if isinstance(first, IncompleteRead):
        return f"the connection broke: {first.partial} bytes came, and {first.expected} more were announced"
    if isinstance(first, OSError) and first.strerror:
        return first.strerror
    return str(first).strip(".")


class _Bar:
    """What pooch tells how far it is."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self.task = self.progress.add_task(name, total=None)

    @property
    def total(self) -> float | None:
        """Bytes of the file."""
        return self.progress.tasks[0].total

    @total.setter
    def total(self, value: float) -> None:
        self.progress.update(self.task, total=value or None)

    def update(self, n_bytes: int) -> None:
        """So many more bytes have come."""
        self.progress.advance(self.task, n_bytes)

    def reset(self) -> None:
        """Begin anew."""
        self.progress.update(self.task, completed=0)

    def close(self) -> None:
        """Leave it to the block around it."""


@contextmanager
def _bar(name: str, *, shown: bool) -> Iterator[_Bar | bool]:
    if not shown:
        yield False
        return
    bar = _Bar(name)
    with bar.progress:
        yield bar


def _by_hand(dataset: Dataset, root: str | Path | None) -> str:
    try:
        where = f"the folder {data_root(str(dataset.folder), root) / str(dataset.folder)}"
    except DataError:
        where = f"a folder {dataset.folder!r} in the one that POLYTASK_DATA names"
    return (
        f"The files of the dataset {dataset.name!r} have to be fetched by hand, from {dataset.address}; put "
        f"them into {where}. {dataset.made}{how_to_make(dataset)}".rstrip()
    )


def _sha256(path: Path) -> str:
    """Return the digest of a file.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror or error}). Check its permissions, or move it away."
        ) from error
