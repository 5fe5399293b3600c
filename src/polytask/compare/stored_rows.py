"""The files of a comparison's folder, and the arrays of its rows: read and verified by numpy alone."""

import hashlib
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the names of the files need no numpy
    import numpy as np

__all__ = ["FORMAT", "PLAN_FILE", "ROWS_FILE", "read_rows", "rows_hash"]

FORMAT = "polytask-comparison"
PLAN_FILE = "plan.json"
"""The file by which a folder of a comparison is known."""

ROWS_FILE = "rows.npz"


def read_rows(folder: Path, expected: object) -> "dict[str, np.ndarray]":
    """Read the arrays of a comparison's rows, and verify them.

    Args:
        folder: Of the comparison.
        expected: What `rows_hash` gave when the comparison was planned.

    Raises:
        ValueError: They are damaged, or are others; the message says how.
    """
    import numpy as np

    try:
        with (folder / ROWS_FILE).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(str(error)) from error
    if rows_hash(arrays) != expected:
        raise ValueError(f"{ROWS_FILE} is not the one that was planned with")
    return arrays


def rows_hash(arrays: "Mapping[str, np.ndarray]") -> str:
    """Hash arrays with their names, types and shapes."""
    import numpy as np

    digest = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
