"""Names of served models: what a client may call one, and the folder that it gets."""

import re
import unicodedata
from urllib.parse import quote, unquote

from polytask.serve.failures import Refused

__all__ = ["checked_name", "folder_of", "name_of"]

_NAME = re.compile(r"\w(?:[\w .-]*[\w-])?")
_MOST_BYTES = 64
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def checked_name(name: str, *, where: str = "name") -> str:
    """Return a name that a model may have, in the composed form (NFC).

    Raises:
        Refused: It is none.

    Example:
        >>> checked_name("my signs.2")
        'my signs.2'
    """
    composed = unicodedata.normalize("NFC", name)
    size = len(composed.encode("utf-8", "replace"))
    if _NAME.fullmatch(composed) is None or size > _MOST_BYTES:
        raise Refused(
            422,
            f"A model cannot be called {name[:_MOST_BYTES]!r}.",
            where=where,
            remedy="Use letters, digits, '_', '-', '.' and spaces, with a letter or a digit at both ends, "
            f"and at most {_MOST_BYTES} bytes.",
        )
    return composed


def folder_of(name: str) -> str:
    """Return the name of a model's folder, which every file system takes, and keeps apart from others.

    Some do not tell capitals from small letters, and Windows has devices that are called like files.

    Example:
        >>> folder_of("café 1"), folder_of("Signs"), folder_of("con")
        ('caf%C3%A9%201', '%53igns', '%63on')
    """
    quoted = re.sub(r"%[0-9A-F]{2}|[A-Z]", _escaped, quote(name, safe=""))
    return f"%{ord(quoted[0]):02X}{quoted[1:]}" if _DEVICE.match(quoted) else quoted


def _escaped(found: re.Match[str]) -> str:
    return found[0] if len(found[0]) > 1 else f"%{ord(found[0]):02X}"


def name_of(folder: str) -> str | None:
    """Return the name whose folder this is; None for a folder of something else."""
    try:
        name = unquote(folder, errors="strict")
    except UnicodeDecodeError:
        return None
    return name if _NAME.fullmatch(name) and folder_of(name) == folder else None
