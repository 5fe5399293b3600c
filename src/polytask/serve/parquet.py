"""Parquet from strangers: what a file says of its size is looked at before it is read."""

import io

from polytask.core import MissingPackageError
from polytask.serve.failures import Refused

__all__ = ["check_parquet"]

_MOST_BYTES = 2**28


def check_parquet(content: bytes) -> tuple[int, int]:
    """Return how many rows and columns a file says that it has.

    Raises:
        Refused: It is no Parquet, or unpacks to too much.
        MissingPackageError: pyarrow is not installed.
    """
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingPackageError("pyarrow", extra="parquet", purpose="reading Parquet") from error
    try:
        told = parquet.ParquetFile(io.BytesIO(content)).metadata
        size = sum(told.row_group(index).total_byte_size for index in range(told.num_row_groups))
    except Exception as error:
        raise Refused(
            422, "The file is no readable Parquet.", where="file", remedy="Write it anew."
        ) from error
    if size > _MOST_BYTES or told.num_rows < 0:
        raise Refused(
            413,
            f"The file unpacks to {size / 2**20:,.0f} MiB; at most {_MOST_BYTES // 2**20} are taken.",
            where="file",
            remedy="Send it in parts.",
        )
    return told.num_rows, told.num_columns
