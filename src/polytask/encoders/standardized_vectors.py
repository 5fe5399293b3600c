"""Vectors as they are, each number in standard deviations of the support."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from polytask.core import InputError
from polytask.encoders.frozen import Kind, check_items

__all__ = ["StandardizedVectors"]


class StandardizedVectors:
    """Encode vectors by standardizing each of their numbers.

    Args:
        corpus: Vectors ``[vector, width]`` that give means and standard deviations; a number that does not
            differ among them is centred only.

    Raises:
        InputError: There is no vector, or they differ in length.

    Example:
        >>> encoder = StandardizedVectors([[0.0, 5.0], [2.0, 5.0]])
        >>> encoder.encode([[2.0, 5.0]]).tolist()
        [[1.0, 0.0]]
    """

    name = "vectors"
    kind: Kind = "vector"

    def __init__(self, corpus: Sequence[Any] | None) -> None:
        rows = _rows(() if corpus is None else corpus, None)
        exact = rows.double()  # sums and squares of large numbers are beyond 32 bits
        self._mean, spread = exact.mean(0).float(), exact.std(0, correction=0).float()
        self._scale = torch.where(spread > 0, spread, torch.ones_like(spread))

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor]) -> "StandardizedVectors":
        """Return the encoder that had this `state`."""
        encoder = cls.__new__(cls)
        encoder._mean, encoder._scale = state["mean"], state["scale"]
        return encoder

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return len(self._mean)

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Means and standard deviations, float32 ``[width]``."""
        return {"mean": self._mean, "scale": self._scale}

    @property
    def fingerprint(self) -> str:
        """A digest of the state."""
        digest = hashlib.sha256(self.name.encode())
        for tensor in self.state.values():
            digest.update(np.ascontiguousarray(tensor.numpy(), dtype="<f4").tobytes())
        return digest.hexdigest()

    def encode(self, items: Sequence[Any], *, batch_size: int = 32) -> Tensor:
        """Return float32 ``[vector, width]``.

        Args:
            items: Vectors.
            batch_size: Without effect.

        Raises:
            InputError: An item has another length.
        """
        check_items(items, batch_size)
        if not len(items):
            return torch.zeros(0, self.width)
        return ((_rows(items, self.width).double() - self._mean) / self._scale).float()


def _rows(items: Sequence[Any], width: int | None) -> Tensor:
    """Stack vectors as float32 ``[vector, width]``."""
    try:
        rows = [torch.as_tensor(np.asarray(item, dtype=np.float32)) for item in items]
    except (TypeError, ValueError) as error:
        raise InputError(f"A vector must be numbers: {error}.") from error
    if not rows:
        raise InputError("There is no vector to learn means and standard deviations from.")
    width = len(rows[0]) if width is None else width
    for index, row in enumerate(rows):
        if row.shape != (width,):
            raise InputError(
                f"The vector at index {index} has the shape {list(row.shape)} instead of [{width}]. Give "
                "vectors of one length."
            )
    return torch.stack(rows)
