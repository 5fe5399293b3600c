"""Whether a person watches: progress is shown to people, not to files and other programs."""

import sys

__all__ = ["watched"]


def watched() -> bool:
    """Tell whether standard error is a terminal, or this is a notebook."""
    try:
        if sys.stderr.isatty():
            return True
    except (AttributeError, ValueError):  # there is none, or it is closed
        return False
    from rich.console import Console

    return Console().is_jupyter
