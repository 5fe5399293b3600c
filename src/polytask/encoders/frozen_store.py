"""Vectors on disk by the content of what they encode: in whole files, of bounded size, for several processes.

The vectors of one encoder lie in a folder that its fingerprint names, in shards that are written once and
never changed: the digests of items, their vectors, and a checksum. A reader that meets a damaged shard
removes it; a shard that another process removes was no more than a saving.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from polytask.core.files import write_atomically

__all__ = ["FeatureStore"]

_SUFFIX = ".features"
_SMALL, _MOST_SMALL = 2**20, 32  # bytes of a small shard, and how many may be there before they are joined
_DIGEST = 32  # bytes


class FeatureStore:
    """Keep the vectors of one encoder.

    Args:
        root: The folder for the vectors of all encoders.
        fingerprint: The encoder's.
        width: Numbers in its vectors.
        limit: Bytes that all encoders' vectors may take; what was used longest ago goes first.
    """

    def __init__(self, root: Path, fingerprint: str, *, width: int, limit: int = 2**30) -> None:
        self.root, self.width, self.limit = root, width, limit
        self.folder = root / hashlib.sha256(fingerprint.encode()).hexdigest()[:32]

    def load(self, digests: Sequence[bytes]) -> dict[bytes, Tensor]:
        """Return the vectors that are there, by the digest of their item."""
        wanted = set(digests)
        rows: dict[bytes, Tensor] = {}
        for shard in self._shards():
            met = False
            for digest, vector in self._read(shard):
                if digest in wanted:
                    rows[digest] = vector
                    met = True
            if met:
                with suppress(OSError):
                    os.utime(shard)
        return rows

    def save(self, digests: Sequence[bytes], vectors: Tensor) -> None:
        """Add vectors ``[item, width]``, and remove what is too much.

        Raises:
            InputError: They cannot be written.
        """
        self._write(digests, vectors)
        small = [shard for shard in self._shards() if _size(shard) < _SMALL]
        if len(small) > _MOST_SMALL:
            joined = {digest: vector for shard in small for digest, vector in self._read(shard)}
            if joined:
                self._write(list(joined), torch.stack(list(joined.values())))
            for shard in small:
                with suppress(OSError):
                    shard.unlink(missing_ok=True)
        self._shrink()

    def _write(self, digests: Sequence[bytes], vectors: Tensor) -> None:
        rows = np.ascontiguousarray(vectors.numpy(), dtype="<f4")
        content = b"".join(digests) + rows.tobytes()
        checksum = hashlib.sha256(content).digest()
        target = self.folder / f"{secrets.token_hex(8)}{_SUFFIX}"
        write_atomically(target, lambda file: (file.write(checksum), file.write(content)))

    def _read(self, shard: Path) -> Iterator[tuple[bytes, Tensor]]:
        """Yield digests and vectors of a shard; a damaged one is removed."""
        try:
            content = shard.read_bytes()
        except OSError:
            return
        body = memoryview(content)[_DIGEST:]
        count, rest = divmod(len(body), _DIGEST + 4 * self.width)
        if rest or hashlib.sha256(body).digest() != content[:_DIGEST]:
            with suppress(OSError):  # in a folder that others alone may change
                shard.unlink(missing_ok=True)
            return
        rows = np.frombuffer(body[count * _DIGEST :], dtype="<f4").reshape(count, self.width)
        vectors = torch.from_numpy(rows.astype(np.float32))
        for index, vector in enumerate(vectors):
            yield bytes(body[index * _DIGEST : (index + 1) * _DIGEST]), vector

    def _shrink(self) -> None:
        """Remove what was used longest ago, until all is below the limit."""
        shards = []
        for shard in self.root.glob(f"*/*{_SUFFIX}"):
            with suppress(OSError):
                status = shard.stat()
                shards.append((status.st_mtime, status.st_size, shard))
        too_much = sum(size for _, size, _ in shards) - self.limit
        for _, size, shard in sorted(shards):
            if too_much <= 0:
                return
            with suppress(OSError):
                shard.unlink(missing_ok=True)
            too_much -= size

    def _shards(self) -> list[Path]:
        return sorted(shard for shard in self.folder.glob(f"*{_SUFFIX}") if shard.is_file())


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
