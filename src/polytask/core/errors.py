"""The error tree: everything polytask raises on purpose."""

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
    """An objective, a gradient or a weight is NaN or infinite."""


class MissingPackageError(PolytaskError, ImportError):
    """An optional package is needed.

    Example:
        >>> str(MissingPackageError("jinja2", extra="report", purpose="the HTML report"))
        'The HTML report needs `jinja2`. Install it with: pip install "polytask[report]"'
    """

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        purpose = purpose[:1].upper() + purpose[1:]
        super().__init__(f'{purpose} needs `{package}`. Install it with: pip install "polytask[{extra}]"')


class DataWarning(UserWarning):
    """Data was usable, but not as expected: a missing column, a category never seen, repeated rows."""


class ResultWarning(UserWarning):
    """What was trained is not clearly better than its baseline: do not rely on it."""
