"""Model directories: safetensors and JSON, whole or absent, never pickle.

``model.json`` describes the model and names the other files with their checksums; it holds a checksum of its
own. The other files carry their checksum in their name, so a new model never touches the old one's files: its
own are written first, then ``model.json`` is replaced in one step, then what nothing names is removed. A kill
at any moment leaves the old model or the new one, on every system.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from torch import Tensor

from polytask.core import BundleError, InputError
from polytask.core.doors import by_door
from polytask.core.files import new_folder, user_path, write_atomically
from polytask.core.strict_json import format_json, parse_json
from polytask.models.bundle_description import SCHEMA, check_directory, read_description, verify_file
from polytask.models.bundle_folder import (
    DESCRIPTION,
    FORMAT,
    check_destination,
    locked,
    model_named,
    original_name,
    own_checksum,
    stored_name,
    sweep_folder,
)
from polytask.models.bundle_tensors import read_tensors, tensor_bytes
from polytask.version import __version__

__all__ = ["Bundle", "load_bundle", "save_bundle"]

_TENSORS = "weights.safetensors"
_MOST_TEXT = 8 * 2**20  # bytes of a further file that is read along


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The content of a model directory.

    Args:
        kind: What kind of model it is; decides who reads it.
        config: Everything needed to build it, as plain JSON.
        tensors: Its weights, by name.
        data: Where it came from: the fingerprint of the training data and the like.
        files: Further files of JSON or TOML by name, e.g. ``results.json``, which is written as
            ``results-CHECKSUM.json``.
        source: What messages call it.
    """

    kind: str
    config: dict[str, Any]
    tensors: Mapping[str, Tensor]
    data: dict[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)
    source: str = "The model"


def save_bundle(directory: str | Path, bundle: Bundle) -> Path:
    """Write a model directory; a kill at any moment leaves the old model or the new one.

    An earlier model in its place is replaced; anything else there is left alone.

    Raises:
        BundleError: Something that is no model stands there, or a weight is NaN or infinite.
        InputError: The system does not let it be written, e.g. because the disk is full.
    """
    contents = {_TENSORS: tensor_bytes(bundle.tensors)}
    contents |= {name: text.encode() for name, text in bundle.files.items()}
    stored = {stored_name(name, _digest(content)): content for name, content in contents.items()}
    described = _described(bundle, {name: _digest(content) for name, content in stored.items()})
    target = check_destination(directory, kind=bundle.kind)
    with new_folder(target), locked(target):
        try:
            for name, content in {**stored, DESCRIPTION: described}.items():
                write_atomically(target / name, lambda file, content=content: file.write(content))
        finally:
            with suppress(OSError):  # what stays is removed by the next saving
                sweep_folder(target, pages=True)
    return target


def load_bundle(directory: str | Path, *, kind: str | None = None) -> Bundle:
    """Read a model directory and verify it.

    Args:
        directory: The directory.
        kind: The kind of model it must hold; None for any.

    Raises:
        BundleError: It is missing, truncated, changed, or of another version or kind.
    """
    source = user_path(directory)
    check_directory(source)
    while True:
        description = read_description(source)
        if kind not in (None, description["kind"]):
            anything = by_door(python="; `polytask.load` reads every kind", command="")
            raise BundleError(
                f"{source} holds {model_named(description['kind'])}, but {model_named(kind)} is needed here. "
                f"Give the directory of such a model{anything}."
            )
        try:
            return _read(source, description)
        except BundleError:
            if read_description(source) == description:
                raise  # otherwise it was replaced meanwhile


def _described(bundle: Bundle, files: Mapping[str, str]) -> bytes:
    """Write the description, which ends with its own checksum."""
    description = {
        "format": FORMAT,
        "schema": SCHEMA,
        "library": __version__,
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "kind": bundle.kind,
        "data": bundle.data,
        "config": bundle.config,
        "files": dict(files),
    }
    content = f"{format_json({**description, 'checksum': own_checksum(description)})}\n".encode()
    try:
        parse_json(content)  # what is written can be read again
    except InputError as error:
        raise BundleError(f"The model's description cannot be saved: {error}. Use fewer columns.") from error
    return content


def _read(source: Path, description: Mapping[str, Any]) -> Bundle:
    """Verify every file, and read the tensors."""
    tensors, texts = None, {}
    for name, expected in description["files"].items():
        original = original_name(name, expected) if isinstance(expected, str) else None
        if original is None:
            raise BundleError(
                f"{source / DESCRIPTION} names a file {name!r}, which no model has. Train the model again."
            )
        verify_file(source / name, expected)
        if original == _TENSORS:
            tensors = read_tensors(source / name)
        elif (source / name).stat().st_size <= _MOST_TEXT:
            texts[original] = (source / name).read_text(encoding="utf-8", errors="replace")
    if tensors is None:
        raise BundleError(f"{source / DESCRIPTION} names no {_TENSORS}. Train the model again.")
    return Bundle(
        kind=description["kind"],
        config=description["config"],
        tensors=tensors,
        data=description["data"],
        files=texts,
        source=str(source),
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
