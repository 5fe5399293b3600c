"""Texts: out of files, in whatever form of Unicode, and checked."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from polytask.core import DataError
from polytask.data.examples.labels import is_missing
from polytask.data.examples.naming import named
from polytask.data.images.picture import printable
from polytask.data.tables.cell import valid_unicode
from polytask.data.tables.problems import problem_error

__all__ = ["TEXT_ENDINGS", "checked_texts", "decode_text", "read_text"]

TEXT_ENDINGS = (".txt", ".text")
"""How the name of a file with one text ends, in lower case."""

_MAX_BYTES = 64 * 2**20
_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32",
    b"\x00\x00\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""The first bytes of a file, and in which encoding it is then."""


def read_text(path: Path) -> str:
    """Read a file as one text.

    Raises:
        DataError: There is no such file, it is too large, or no UTF-8; it is named.
    """
    name = printable(path)
    try:
        if not path.is_file():  # a pipe would be waited for
            raise DataError(f"There is no file {name}.")
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(
                f"{name} has more than {_MAX_BYTES // 2**20} MiB, which is no text to be classified. Cut it "
                "into its parts."
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror}). Check its permissions.") from error
    return decode_text(content, name)


def decode_text(content: bytes, name: str) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Args:
        content: The bytes.
        name: Of the file, for messages.

    Raises:
        DataError: It is in another encoding; the byte and its line are named.

    Example:
        >>> decode_text("\\ufeffcafé".encode(), "menu.txt")
        'café'
    """
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            raise DataError(f"{name} is {encoding}, not UTF-8. Save it as UTF-8 text.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise DataError(
            f"{name}, line {line}: byte {byte:#04x} (byte {error.start + 1} of the file) is not UTF-8; in "
            f"Windows-1252 it would be {_western(byte)}. Save the file as UTF-8 text."
        ) from error
    if "\0" in text:
        raise DataError(f"{name} contains NUL characters, so it is no text. Save it as UTF-8 text.")
    return text


def checked_texts(
    values: Sequence[Any], called: Callable[[int], str], *, labelled: bool, where: str
) -> list[str]:
    """Return values as texts.

    Args:
        values: Texts; a missing one, None or NaN, is the empty text.
        called: Names a text by its index, for messages.
        labelled: Whether they are examples to learn from, of which none may be empty.
        where: Where the texts are, for messages.

    Raises:
        DataError: A text is empty, no text, or no valid Unicode; it is named.
    """
    texts = ["" if is_missing(value) else value for value in values]
    odd = [index for index, text in enumerate(texts) if not isinstance(text, str)]
    broken = [index for index, text in enumerate(texts) if isinstance(text, str) and not valid_unicode(text)]
    empty = [index for index, text in enumerate(texts) if isinstance(text, str) and not text.strip()]
    problems = []
    if odd:
        kind = type(texts[odd[0]]).__name__
        problems.append(f"{where}: what should be a text is {kind} in {named(odd, called)}.")
    if broken:
        problems.append(
            f"{where}: half of a character stands alone in {named(broken, called)}, which is no valid "
            "Unicode. Correct the text."
        )
    if empty and labelled:
        problems.append(
            f"{where}: the text is empty in {named(empty, called)}. Write one, or leave the example out."
        )
    if problems:
        raise problem_error(problems)
    return texts


def _western(byte: int) -> str:
    try:
        return repr(bytes([byte]).decode("cp1252"))
    except UnicodeDecodeError:
        return "nothing either"
