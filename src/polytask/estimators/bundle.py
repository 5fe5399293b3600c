"""Model directories: safetensors and JSON, whole or absent, never pickle."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from polytask.core import BundleError
from polytask.version import __version__

__all__ = ["Bundle", "check_destination", "load_bundle", "save_bundle"]

_FORMAT = "polytask-model"
_SCHEMA = 1
_JSON = "model.json"
_TENSORS = "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The content of a model directory.

    Args:
        kind: What kind of model it is; decides who reads it.
        config: Everything needed to build it, as plain JSON.
        tensors: Its weights, by name.
        data: Where it came from: the fingerprint of the training data and the like.
        files: Further files by name, e.g. a table of results.
    """

    kind: str
    config: dict[str, Any]
    tensors: Mapping[str, Tensor]
    data: dict[str, Any]
    files: Mapping[str, str] = field(default_factory=dict)


def save_bundle(directory: str | Path, bundle: Bundle) -> Path:
    """Write a model directory; it appears whole or not at all.

    An earlier model in its place is replaced; anything else there is left alone.

    Raises:
        BundleError: Something that is no model stands there.
    """
    target = check_destination(directory)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in bundle.tensors.items()}
        save_file(tensors, fresh / _TENSORS)
        for name, text in bundle.files.items():
            (fresh / name).write_text(text)
        description = {
            "format": _FORMAT,
            "schema": _SCHEMA,
            "library": __version__,
            "kind": bundle.kind,
            "data": bundle.data,
            "config": bundle.config,
            "checksums": {name: _checksum(tensor) for name, tensor in tensors.items()},
        }
        (fresh / _JSON).write_text(
            json.dumps(description, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )
        fresh.chmod(0o755)  # mkdtemp made it private
        _exchange(fresh, target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return target


def check_destination(directory: str | Path) -> Path:
    """Return the path if a model may be written there; ask before a long training, not after it.

    Raises:
        BundleError: Something that is no model stands there.
    """
    target = Path(directory)
    if target.exists() and not _replaceable(target):
        raise BundleError(
            f"{target} exists and is no polytask model. Choose another directory, or delete it."
        )
    return target


def load_bundle(directory: str | Path, *, kind: str | None = None) -> Bundle:
    """Read a model directory and verify it.

    Args:
        directory: The directory.
        kind: The kind of model it must hold; None for any.

    Raises:
        BundleError: It is missing, truncated, of another version or kind, or a tensor was changed.
    """
    source = Path(directory)
    if not source.is_dir():
        raise BundleError(
            f"There is no model directory {source}. Make one with `polytask fit` or `polytask learn`."
        )
    description = _read_description(source)
    if kind not in (None, description["kind"]):
        raise BundleError(f"{source} holds a {description['kind']} model; a {kind} model is needed here.")
    tensors = _read_tensors(source, description["checksums"])
    return Bundle(
        kind=description["kind"], config=description["config"], tensors=tensors, data=description["data"]
    )


def _read_description(source: Path) -> dict[str, Any]:
    path = source / _JSON
    if not path.is_file():
        raise BundleError(f"{source} has no {_JSON}: it is no polytask model, or its copy is incomplete.")
    try:
        description = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BundleError(
            f"{path} is truncated or damaged ({error}). Copy or train the model again."
        ) from error
    if not isinstance(description, dict) or description.get("format") != _FORMAT:
        raise BundleError(f"{path} does not describe a polytask model.")
    if description.get("schema") != _SCHEMA:
        raise BundleError(
            f"{source} has schema version {description.get('schema')} (written by polytask "
            f"{description.get('library')}), but polytask {__version__} reads version {_SCHEMA}. Use the "
            "version that wrote it, or train again."
        )
    missing = [key for key in ("kind", "config", "data", "checksums") if key not in description]
    if missing:
        raise BundleError(f"{path} lacks {', '.join(missing)}. Copy or train the model again.")
    return description


def _read_tensors(source: Path, checksums: Mapping[str, str]) -> dict[str, Tensor]:
    path = source / _TENSORS
    if not path.is_file():
        raise BundleError(
            f"{source} has no {_TENSORS}: its copy is incomplete. Copy or train the model again."
        )
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BundleError(
            f"{path} is truncated or damaged ({error}). Copy or train the model again."
        ) from error
    changed = sorted(set(tensors) ^ set(checksums))
    changed += [name for name in tensors if name in checksums and _checksum(tensors[name]) != checksums[name]]
    if changed:
        raise BundleError(
            f"{path} does not match its checksums: {', '.join(changed)}. The model was changed after it was "
            "saved; copy or train it again."
        )
    return tensors


def _checksum(tensor: Tensor) -> str:
    """Hash a tensor's type, shape and bytes."""
    digest = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(tensor.contiguous().flatten().view(-1).numpy().tobytes())
    return digest.hexdigest()


def _replaceable(target: Path) -> bool:
    return target.is_dir() and ((target / _JSON).is_file() or not any(target.iterdir()))


def _exchange(fresh: Path, target: Path) -> None:
    """Put the fresh directory in the place of the old one."""
    if not target.exists():
        fresh.replace(target)
        return
    old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
    target.replace(old / target.name)
    fresh.replace(target)
    shutil.rmtree(old)
