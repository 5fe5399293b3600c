"""The pages of a model that people read: they follow from its files, and stand beside them.

``model.json`` does not name them, so that they can be written and read apart from the model. They end with
a line that holds the checksum of all before it: a page that somebody has changed is no longer ours, and is
never replaced.
"""

import hashlib
import os
import re
from pathlib import Path

from polytask.core import BundleError, InputError
from polytask.core.files import user_path, write_atomically

__all__ = ["CARD", "PAGES", "REPORT", "is_ours", "sealed", "write_beside"]

CARD, REPORT = "README.md", "report.html"
PAGES = (CARD, REPORT)

_SEAL = re.compile(rb"<!-- polytask sha256:([0-9a-f]{64}) -->\n\Z")
_LARGEST = 32 * 2**20


def sealed(text: str) -> bytes:
    """Return a page with its last line.

    Example:
        >>> sealed("# A model").splitlines()[-1][:21]
        b'<!-- polytask sha256:'
    """
    content = text.rstrip("\n").encode(errors="replace") + b"\n"
    return content + f"<!-- polytask sha256:{hashlib.sha256(content).hexdigest()} -->\n".encode()


def is_ours(path: Path) -> bool:
    """Tell whether a file is a page as polytask wrote it."""
    try:
        if path.name not in PAGES or path.is_symlink() or path.stat().st_size > _LARGEST:
            return False
        content = path.read_bytes()
    except OSError:
        return False
    seal = _SEAL.search(content)
    return seal is not None and hashlib.sha256(content[: seal.start()]).hexdigest() == seal[1].decode()


def write_beside(directory: str | Path, name: str, text: str) -> Path:
    """Write a page of the model in a directory; an earlier one is replaced.

    Args:
        directory: The model.
        name: One of `PAGES`.
        text: The page.

    Raises:
        BundleError: Somebody's own file stands there.
        InputError: It cannot be written.
    """
    if name not in PAGES:
        raise InputError(f"A model has no page {name!r}; use {' or '.join(PAGES)}.")
    target = Path(os.path.realpath(user_path(directory))) / name
    if os.path.lexists(target) and not is_ours(target):
        raise BundleError(
            f"{target} was changed, or is not by polytask, and would be lost. Move it away, or choose "
            "another output."
        )
    content = sealed(text)
    write_atomically(target, lambda file: file.write(content))
    return target
