"""Photos as vectors by EfficientNet-Lite0."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from polytask.encoders.frozen import Kind, blank_vectors, check_items
from polytask.encoders.frozen_images import image_square
from polytask.encoders.pretrained.efficientnet_lite import EfficientNetLite0, efficientnet_weights
from polytask.encoders.pretrained.stored import model_file, model_fingerprint

__all__ = ["EfficientNetLite"]

_SIZE = 224


class EfficientNetLite:
    r"""Encode images by EfficientNet-Lite0, whose weights are in the cache.

    The whole image, squeezed to 224 x 224 pixels, goes through the network; what comes out of its last
    convolution is averaged over the image. Colours :math:`x` from 0 to 255 enter as :math:`(x - 127) / 128`,
    as the weights were trained. Features are 0 or larger.

    Args:
        device: Where the network runs.

    Raises:
        InputError: The weights are not in the cache, or changed; the message has the line to type.

    References:
        Mingxing Tan, Quoc Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
        ICML 2019, arXiv:1905.11946. Deviation: images are squeezed, not cropped, as what an image shows may
        be anywhere in it.

    Example:
        Needs ``polytask models fetch efficientnet-lite0``:

        >>> encoder = EfficientNetLite()  # doctest: +SKIP
        >>> encoder.encode([torch.rand(3, 60, 80)]).shape  # doctest: +SKIP
        torch.Size([1, 1280])
    """

    name = "efficientnet-lite0"
    kind: Kind = "image"
    width = 1280

    def __init__(self, *, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        # Filters of single channels are about twice as fast on a CPU where a pixel's channels are neighbours.
        network: Any = _network()  # the stubs of `to` know no memory format
        self._network = network.to(self.device, memory_format=torch.channels_last)

    @property
    def fingerprint(self) -> str:
        """A digest of the files and of how images are prepared."""
        return model_fingerprint(self.name, f"whole image, bicubic to {_SIZE}, (x - 127) / 128, on white")

    @property
    def state(self) -> Mapping[str, Tensor]:
        """Empty: nothing is learned from the caller's images."""
        return {}

    @torch.no_grad()
    def encode(self, items: Sequence[Any], *, batch_size: int = 32) -> Tensor:
        """Return vectors ``[image, 1280]``.

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
            images = torch.stack([image_square(items[index], _SIZE, index=index) for index in indices])
            scaled = ((images * 255 - 127) / 128).to(self.device, memory_format=torch.channels_last)
            vectors[start : start + batch_size] = self._network(scaled).cpu()
        return vectors


def _network() -> EfficientNetLite0:
    content = model_file("efficientnet-lite0", "efficientnet-lite0.pth")
    published = torch.load(io.BytesIO(content), weights_only=True)
    network = EfficientNetLite0()
    network.load_state_dict(efficientnet_weights(published), assign=True)
    return network.requires_grad_(False).eval()
