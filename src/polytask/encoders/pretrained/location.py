"""Where what was fetched or computed once is kept: the cache folder."""

import os
import sys
from pathlib import Path

from polytask.core.files import user_path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder of the cache, which need not be there.

    The environment variable ``POLYTASK_CACHE`` names it. Without that it is ``polytask`` in the folder that
    the system has for caches: ``$XDG_CACHE_HOME`` or ``~/.cache``, on macOS ``~/Library/Caches``, on Windows
    ``%LOCALAPPDATA%``.

    Raises:
        InputError: The variable names the home folder of a user who does not exist.
    """
    given = os.environ.get("POLYTASK_CACHE")
    if given:
        return user_path(given)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else user_path("~/AppData/Local")) / "polytask" / "cache"
    if sys.platform == "darwin":
        return user_path("~/Library/Caches/polytask")
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(xdg) if Path(xdg).is_absolute() else user_path("~/.cache")) / "polytask"
