"""Matplotlib as reports use it: into files, with names as text."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from polytask.core import MissingPackageError

__all__ = ["drawing"]


@contextlib.contextmanager
def drawing() -> Iterator[Any]:
    """Give `matplotlib.pyplot`, drawing to files, in which a name is text: no formula between ``$`` signs.

    Raises:
        MissingPackageError: matplotlib is not installed.
    """
    try:
        import matplotlib
    except ImportError as error:
        purpose = "drawing a report's pictures"
        raise MissingPackageError("matplotlib", extra="report", purpose=purpose) from error
    matplotlib.use("Agg")
    from matplotlib import pyplot

    settings: dict[Any, Any] = {
        "text.parse_math": False,
        "text.usetex": False,
        "axes.formatter.use_mathtext": False,
        "axes.unicode_minus": False,
        "svg.hashsalt": "polytask",  # the same picture has the same bytes
        "svg.fonttype": "none",  # the reader's fonts know scripts that ours lack
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield pyplot
