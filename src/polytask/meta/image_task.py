"""What a few-shot classifier of images is built for."""

from dataclasses import dataclass

from torch import nn

from polytask.core import InputError
from polytask.meta.layers.networks import ConvNormalization, conv4, conv4_classifier

__all__ = ["ImageTask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTask:
    """What a few-shot classifier of images is built for.

    Args:
        n_way: Classes of a task.
        size: Height and width of an image; 16 at least.
        in_channels: Channels of an image.
        width: Channels of each layer of the convolutional net; of a residual one, of its first block.
        inner_rate: Of learners by gradients; None means the method's own.
        inner_steps: Of learners by gradients; None means the method's own.

    Raises:
        InputError: A number is out of range.
    """

    n_way: int
    size: int = 28
    in_channels: int = 1
    width: int = 64
    inner_rate: float | None = None
    inner_steps: int | None = None

    def __post_init__(self) -> None:
        problems = [
            f"`{name}` must be at least {least}, got {value}"
            for name, least, value in (
                ("n_way", 2, self.n_way),
                ("size", 16, self.size),
                ("in_channels", 1, self.in_channels),
                ("width", 1, self.width),
            )
            if value < least
        ]
        if problems:
            raise InputError("ImageTask: " + "; ".join(problems) + ".")

    @property
    def n_features(self) -> int:
        """Numbers that the encoder makes of an image."""
        return self.width * (self.size // 16) ** 2

    def encoder(self, normalization: ConvNormalization = "batch") -> nn.Module:
        """Build the four-layer encoder."""
        return conv4(self.in_channels, self.width, normalization=normalization)

    def classifier(self, normalization: ConvNormalization = "group") -> nn.Module:
        """Build the encoder with a linear layer for the classes; its norms let no image see the others."""
        return conv4_classifier(self.n_way, self.in_channels, self.width, normalization=normalization)

    def rate(self, otherwise: float) -> float:
        """Return the rate of inner steps asked for, else the method's own."""
        return otherwise if self.inner_rate is None else self.inner_rate

    def steps(self, otherwise: int) -> int:
        """Return the number of inner steps asked for, else the method's own."""
        return otherwise if self.inner_steps is None else self.inner_steps
