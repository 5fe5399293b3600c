"""The error tree: everything polytask raises on purpose."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "BundleError",
    "DataError",
    "DataWarning",
    "InputError",
    "MissingPackageError",
    "NotFiniteError",
    "PolytaskError",
    "ResultWarning",
    "TrainingError",
    "first_line",
    "other_remedy",
]


class PolytaskError(Exception):
    """Base of every error that polytask raises on purpose."""


class InputError(PolytaskError, ValueError):
    """Something the caller gave is wrong; the message names what, where and how to mend it."""


class DataError(InputError):
    """A table, an image set or an episode cannot be used as it is."""


class BundleError(InputError):
    """A saved model is missing, truncated, changed, or of another version."""


class TrainingError(PolytaskError, RuntimeError):
    """Training cannot go on, for example because an objective became NaN."""


class NotFiniteError(TrainingError):
    """An objective, a gradient or a weight is NaN or infinite.

    Args:
        what: What is not finite, and where.
        remedy: What the caller can change; see `other_remedy`.

    Example:
        >>> str(NotFiniteError("The loss of 'y' is not finite.", "Lower the rate."))
        "The loss of 'y' is not finite. Lower the rate."
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(f"{what} {remedy}".strip())
        self.what = what


@contextmanager
def other_remedy(remedy: str) -> Iterator[None]:
    """Tell the callers of a function that trains what they can change, in the names of its own settings."""
    try:
        yield
    except NotFiniteError as error:
        raise NotFiniteError(error.what, remedy) from error


class MissingPackageError(PolytaskError, ImportError):
    """An optional package is needed.

    Example:
        >>> str(MissingPackageError("jinja2", extra="report", purpose="the HTML report"))
        'The HTML report needs `jinja2`. Install it with: pip install "polytask[report]"'
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        purpose = purpose[:1].upper() + purpose[1:]
        super().__init__(f'{purpose} needs `{package}`. Install it with: pip install "polytask[{extra}]"')


def first_line(error: BaseException) -> str:
    """Return the kind of an error and the first line of its message: torch explains at length.

    Example:
        >>> first_line(RuntimeError("no batching rule\\nand an explanation"))
        'RuntimeError: no batching rule'
    """
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"


class DataWarning(UserWarning):
    """Data was usable, but not as expected: a missing column, a category never seen, repeated rows."""


class ResultWarning(UserWarning):
    """What was trained is not clearly better than its baseline: do not rely on it."""
