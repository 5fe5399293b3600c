"""Unpack one Parquet file, within limits of memory and time that the system keeps.

    python -m polytask.serve.parquet_process PACKED PLAIN MOST_ROWS MOST_BYTES

Writes what it found to standard output, as JSON.
"""

import json
import sys
from contextlib import suppress
from typing import Any

__all__ = ["unpack"]

_MEMORY = 2 * 2**30  # bytes of addresses, of which pyarrow itself takes a part
_PROCESSOR = 30  # seconds


def unpack(packed: str, plain: str, most_rows: int, most_bytes: int) -> dict[str, Any]:
    """Write a file again without packing, if it is not too large.

    Returns:
        Its ``rows`` and ``columns``; or why it is ``refused``: a status, and a sentence.
    """
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(packed) as file:
            told = file.metadata
            size = sum(told.row_group(index).total_byte_size for index in range(told.num_row_groups))
            if told.num_rows > most_rows:
                return _refused(
                    413, f"The table has {told.num_rows:,} rows; at most {most_rows:,} are taken."
                )
            if size > most_bytes:
                return _refused(413, _too_large(size, most_bytes))
            table = file.read(use_threads=False)
        table.validate(full=True)
    except MemoryError:
        raise
    except Exception as error:
        if "malloc" in str(error) or "out of memory" in str(error).lower():
            raise MemoryError from error
        return _refused(422, "The file is no readable Parquet.")
    if table.nbytes > most_bytes or table.num_rows > most_rows:
        return _refused(413, _too_large(table.nbytes, most_bytes))
    parquet.write_table(table, plain, compression="none", use_dictionary=False)
    return {"rows": table.num_rows, "columns": table.num_columns}


def _too_large(size: int, most: int) -> str:
    return f"The file unpacks to {size / 2**20:,.0f} MiB; at most {most // 2**20} are taken."


def _refused(status: int, what: str) -> dict[str, Any]:
    return {"refused": [status, what]}


def _limit() -> None:
    with suppress(ImportError):  # Windows has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (_PROCESSOR, _PROCESSOR))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _limit()
    sys.stdout.write(json.dumps(unpack(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
