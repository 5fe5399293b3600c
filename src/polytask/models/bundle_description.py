"""The description of a saved model, and its checksums: read and verified without what computes."""

import os
from pathlib import Path
from typing import Any

from polytask.core import BundleError, InputError
from polytask.core.strict_json import parse_json
from polytask.models.bundle_folder import DESCRIPTION, FORMAT, checksum, open_plain, own_checksum
from polytask.version import __version__

__all__ = ["SCHEMA", "check_directory", "read_description", "verify_file"]

SCHEMA = 2
"""The version of the layout."""

_PARTS = {"kind": str, "data": dict, "config": dict, "files": dict}

_CELLS = ("cells/*/cell.json", "rows-*/cells/*/cell.json")  # of a comparison, whole or in parts


def check_directory(source: Path) -> None:
    """Refuse what is no directory.

    Raises:
        BundleError: It says what stands there.
    """
    if not os.path.isdir(source):  # noqa: PTH112 - of any text, where the method of Path fails
        raise BundleError(_no_directory(source))


def read_description(source: Path) -> dict[str, Any]:
    """Read what describes the model in a directory, and verify it.

    Raises:
        BundleError: It is missing, truncated, changed, or of another version.
    """
    path = source / DESCRIPTION
    if not path.is_file():
        if any(any(source.glob(cells)) for cells in _CELLS):
            raise BundleError(
                f"{source} is a comparison, which keeps no model. Fit one on its table with `polytask.fit`."
            )
        raise BundleError(
            f"{source} has no {DESCRIPTION}: it is no polytask model, or its copy is incomplete."
        )
    try:
        with os.fdopen(open_plain(path), "rb") as file:
            content = file.read()
    except OSError as error:
        raise BundleError(
            f"{path} cannot be read ({error.strerror}). Copy or train the model again."
        ) from error
    description = _parsed(content, str(path))
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise BundleError(f"{path} does not describe a polytask model.")
    if description.get("schema") != SCHEMA:
        raise BundleError(
            f"{source} has schema version {description.get('schema')} (written by polytask "
            f"{description.get('library')}), but polytask {__version__} reads version {SCHEMA}. Use the "
            "version that wrote it, or train again."
        )
    wrong = [key for key, form in _PARTS.items() if not isinstance(description.get(key), form)]
    if wrong:
        raise BundleError(f"{path} lacks {', '.join(wrong)}. Copy or train the model again.")
    given = description.pop("checksum", None)
    if given != own_checksum(description):
        raise BundleError(
            f"{path} does not match its checksum: it was changed after the model was saved. Copy or train "
            "the model again."
        )
    return description


def verify_file(path: Path, expected: str) -> None:
    """Compare a file with its checksum.

    Raises:
        BundleError: It is missing, or differs.
    """
    try:
        content_checksum = checksum(path)
    except FileNotFoundError as error:
        raise BundleError(
            f"{path.parent} has no {path.name}: its copy is incomplete. Copy or train the model again."
        ) from error
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read ({error}). Copy or train the model again.") from error
    if content_checksum != expected:
        raise BundleError(
            f"{path} does not match its checksum: it is truncated, or was changed after the model was saved. "
            "Copy or train the model again."
        )


def _no_directory(source: Path) -> str:
    if not os.path.exists(source):  # noqa: PTH110 - of any text
        makers = "`polytask.fit`, `polytask.learn` or `polytask.adapt`"
        return f"There is no model directory {source}. Make one with {makers}."
    if os.path.isfile(source.parent / DESCRIPTION):  # noqa: PTH113
        return f"{source} is a file of a model. Give the directory that it is in: {source.parent}."
    return (
        f"{source} is a file, but a model is a directory. Give one that `polytask.fit` or `polytask.learn` "
        "made."
    )


def _parsed(content: bytes, source: str) -> Any:
    try:
        return parse_json(content)
    except InputError as error:
        raise BundleError(
            f"{source} is truncated or damaged ({error}). Copy or train the model again."
        ) from error
