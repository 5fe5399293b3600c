"""A residual encoder of small images that keeps what is where."""

from torch import Tensor, nn

__all__ = ["residual_encoder"]

_N_MAPS = 64  # at the end


def residual_encoder(in_channels: int = 1, width: int = 32) -> nn.Sequential:
    """Build the residual encoder of few-shot image classification.

    A convolution, then three blocks of two, each on images of half the size and with twice the channels; all
    of 3x3 and normalized over the batch. Last, every place becomes 64 numbers of both signs. Places are not
    averaged: an image of 28x28 becomes a grid of 3x3.

    Args:
        in_channels: Channels of the image ``[batch, channel, height, width]``.
        width: Channels of the first convolution.

    Returns:
        A module from images to features ``[batch, 64 * (height // 8) * (width // 8)]``.

    Example:
        >>> import torch
        >>> residual_encoder(width=4)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 576])

    References:
        Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun, "Deep Residual Learning for Image Recognition",
        CVPR 2016, arXiv:1512.03385. Deviations: max pooling between the blocks, as in four-layer networks of
        the few-shot literature; no averaging at the end.
    """
    layers: list[nn.Module] = [*_convolution(in_channels, width, 3), nn.ReLU()]
    for factor in (1, 2, 4):
        layers += [nn.MaxPool2d(2), _Block(factor * width, 2 * factor * width)]
    return nn.Sequential(*layers, *_convolution(8 * width, _N_MAPS, 1), nn.Flatten())


class _Block(nn.Module):
    """Two convolutions, added to what came in."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.change = nn.Sequential(*_convolution(n_in, n_out, 3), nn.ReLU(), *_convolution(n_out, n_out, 3))
        self.keep = nn.Sequential(*_convolution(n_in, n_out, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (self.keep(images) + self.change(images)).relu()


def _convolution(n_in: int, n_out: int, size: int) -> tuple[nn.Module, nn.Module]:
    # Without bias, since the normalization that follows has one.
    return nn.Conv2d(n_in, n_out, size, padding=size // 2, bias=False), nn.BatchNorm2d(n_out)
