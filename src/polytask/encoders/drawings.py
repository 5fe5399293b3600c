"""Drawings as vectors by a small network that comes with this package."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor

from polytask.core import DataError
from polytask.encoders.drawing_ink import drawing_ink
from polytask.encoders.drawing_network import DrawingNetwork
from polytask.encoders.frozen import Kind, blank_vectors, check_items, fingerprint_of
from polytask.encoders.frozen_images import image_square

__all__ = ["DrawingEncoder"]

_FILE = "drawings.safetensors"
_SHA256 = "f8eb0633e1b120bca65d2955c313868ea76ded7b0107514e7c32a1559c506583"
_SIDE = 112  # pixels to which an image is squeezed before its strokes are looked for


class DrawingEncoder:
    r"""Encode drawings, such as letters, digits, signs and sketches of few strokes; nothing is downloaded.

    What differs from the colour of the border is ink, whatever the colours; its box is centred and scaled.
    Then a network of four convolutions gives a vector. It was trained to tell characters of the fonts of
    matplotlib (565, of eight scripts and of digits and signs), turned, mirrored, bent and with strokes of all
    widths, and strokes by chance, each by the mean of the others of its class, 96 classes at once; it has
    seen no drawing by hand. Made by ``make builtin-models``.

    Args:
        device: Where the network runs.

    Raises:
        DataError: The file of the weights is not as it was published.

    References:
        Jake Snell, Kevin Swersky, Richard Zemel, "Prototypical networks for few-shot learning", NeurIPS 2017,
        arXiv:1703.05175, whose network and training it follows. Deviations: wider layers; cosines in place of
        distances; a drawing counts for its class's mean except when it is told itself.

    Example:
        >>> DrawingEncoder().encode([torch.rand(3, 60, 80), torch.rand(28, 28)]).shape
        torch.Size([2, 1152])
    """

    name = "drawings"
    kind: Kind = "image"
    width = DrawingNetwork.width

    def __init__(self, *, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        self._network = _network().to(self.device)

    @property
    def fingerprint(self) -> str:
        """A digest of the weights and of how images are prepared."""
        return fingerprint_of(self.name, _SHA256, f"whole image, bicubic to {_SIDE}, ink in its box, 1")

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Empty: nothing is learned from the caller's images."""
        return {}

    @torch.no_grad()
    def encode(self, items: Sequence[Any], *, batch_size: int = 32) -> Tensor:
        """Return vectors ``[image, 1152]``.

        Args:
            items: Images; see `polytask.encoders.frozen_images.image_square`.
            batch_size: How many are run at once.

        Raises:
            InputError: An item is no image that can be read.
            MissingPackageError: Items are files, and Pillow is not installed.
        """
        check_items(items, batch_size)
        vectors = blank_vectors(len(items), self.width)
        for start in range(0, len(items), batch_size):
            indices = range(start, min(start + batch_size, len(items)))
            ink = torch.stack(
                [drawing_ink(image_square(items[index], _SIDE, index=index)) for index in indices]
            )
            vectors[start : start + batch_size] = self._network(ink.to(self.device)).cpu()
        return vectors


def _network() -> DrawingNetwork:
    place = files("polytask.encoders") / "builtin" / _FILE
    try:
        content = place.read_bytes()
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror or error}. {_AGAIN}") from error
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise DataError(f"{place} is changed or damaged. {_AGAIN}")
    network = DrawingNetwork()
    network.load_state_dict({name: tensor.float() for name, tensor in load(content).items()}, assign=True)
    return network.requires_grad_(False).eval()


_AGAIN = "Remove polytask, and install it again."
