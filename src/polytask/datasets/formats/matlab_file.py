"""Arrays from a MATLAB file."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from polytask.core import DataError

__all__ = ["matlab_arrays"]


def matlab_arrays(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read numeric arrays of a MATLAB file of version 4 to 7.

    Args:
        path: The file.
        names: The variables to read.

    Raises:
        DataError: The file is missing or damaged, a variable is missing, or is not numeric.
    """
    from scipy.io import loadmat  # here, as it takes a while to import

    if not path.is_file():
        raise DataError(f"The file {path} is missing; put the official file there.")
    try:
        found = loadmat(path, variable_names=list(names))
    # A damaged file makes scipy raise what its bytes happen to lead to, TypeError and zlib.error included.
    except Exception as error:
        raise DataError(f"{path} is damaged or no MATLAB file ({error}); get it again.") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError(
            f"{path} has no variable {', '.join(map(repr, missing))}; get the official file again."
        )
    strange = [name for name in names if found[name].dtype.kind not in "iuf"]
    if strange:
        raise DataError(
            f"{path}: {', '.join(map(repr, strange))} is not numeric; get the official file again."
        )
    return {name: found[name] for name in names}
