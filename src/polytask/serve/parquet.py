"""Parquet from strangers: unpacked by a process of its own, with limited memory and time.

A file of Parquet can say little of what it becomes: a page that is packed a thousandfold, a size that is a
lie. What comes back from that process is Parquet again, without packing, so that it takes no more memory than
its size says.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from polytask.core import MissingPackageError
from polytask.serve.failures import Refused

__all__ = ["PlainParquet", "plain_parquet"]

_MOST_BYTES = 2**28
_SECONDS = 60
_NOT_HANDED_ON = ("POLYTASK_SERVE_TOKEN", "PROMETHEUS_MULTIPROC_DIR")


class PlainParquet(NamedTuple):
    """A file that is not packed."""

    file: Path
    rows: int
    columns: int


@contextmanager
def plain_parquet(content: bytes, folder: Path, *, most_rows: int) -> Iterator[PlainParquet]:
    """Have a file of a table inside the block, which is removed afterwards where it still stands.

    Args:
        content: The bytes of a Parquet file.
        folder: For the files.
        most_rows: How many rows it may have.

    Raises:
        Refused: It is no Parquet, has too many rows, or unpacks to too much.
        MissingPackageError: pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise MissingPackageError("pyarrow", extra="parquet", purpose="reading Parquet")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        packed, plain = Path(place) / "packed", Path(place) / "table.parquet"
        packed.write_bytes(content)
        told = _unpacked(packed, plain, most_rows)
        if "refused" in told:
            status, what = told["refused"]
            raise Refused(status, what, where="file", remedy="Write it anew, or send it in parts.")
        yield PlainParquet(plain, told["rows"], told["columns"])
        with suppress(OSError):
            plain.unlink()


def _unpacked(packed: Path, plain: Path, most_rows: int) -> dict:
    command = [sys.executable, "-m", "polytask.serve.parquet_process"]
    command += [str(packed), str(plain), str(most_rows), str(_MOST_BYTES)]
    environment = {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_ON}
    too_much = {"refused": [413, "The file takes too much memory or time to unpack."]}
    try:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, env=environment
        )
    except subprocess.TimeoutExpired:
        return too_much
    return json.loads(ended.stdout) if ended.returncode == 0 else too_much
