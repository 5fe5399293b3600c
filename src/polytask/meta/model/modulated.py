"""A chain of blocks whose channels are scaled and shifted from outside."""

from collections.abc import Sequence

from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.batch import Inputs

__all__ = ["ModulatedBlocks"]


class ModulatedBlocks(nn.Module):
    """Runs blocks one after the other, and scales and shifts the channels of each one's output.

    Args:
        blocks: Each output is ``[batch, channel]``, ``[batch, place, channel]`` or, with 2 or more spatial
            dimensions, ``[batch, channel, ...]``.
        channels: Of each output.
    """

    def __init__(self, blocks: Sequence[nn.Module], channels: Sequence[int]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.channels = tuple(channels)

    def forward(self, inputs: Inputs, modulation: Tensor) -> Tensor:
        """Return the last block's channels, averaged over space or places: ``[batch, channel]``.

        Args:
            inputs: What the first block reads.
            modulation: For each block its scales less 1, then its shifts: ``[2 * sum(channels)]``.

        Raises:
            InputError: A block's output has other channels than told.
        """
        parts = modulation.split([2 * width for width in self.channels])
        stream = self._modulated(0, inputs, parts[0])
        for position in range(1, len(self.blocks)):
            stream = self._modulated(position, stream, parts[position])
        if stream.ndim == 2:
            return stream
        return stream.mean(1) if stream.ndim == 3 else stream.flatten(2).mean(2)

    def _modulated(self, position: int, inputs: Inputs, numbers: Tensor) -> Tensor:
        """Return the output of a block, modulated by its scales and shifts ``[2 * channel]``."""
        said: Tensor = self.blocks[position](inputs)
        axis, expected = 1 if said.ndim > 3 else -1, self.channels[position]
        if said.ndim < 2 or said.shape[axis] != expected:
            raise InputError(
                f"Block {position} gives shape {tuple(said.shape)}, but `channels` says that it has "
                f"{expected} channels: the last dimension of a vector or a sequence, the second of a map."
            )
        scale, shift = numbers.chunk(2)
        if axis == 1:
            places = (1,) * (said.ndim - 2)
            scale, shift = scale.reshape(-1, *places), shift.reshape(-1, *places)  # [channel, 1, ...]
        return (1 + scale) * said + shift
