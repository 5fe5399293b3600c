"""The small networks of the few-shot literature."""

import itertools
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError

__all__ = ["MatrixConv2d", "conv4", "conv4_classifier", "mlp"]

ConvNormalization: TypeAlias = Literal["batch", "group", "layer", "none"]

_NORMALIZATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": lambda width: nn.GroupNorm(_n_groups(width), width),
    "layer": lambda width: nn.GroupNorm(1, width),
}


def conv4(
    in_channels: int = 1,
    width: int = 64,
    *,
    normalization: ConvNormalization = "batch",
    pooling: Literal["max", "stride"] = "max",
    spatial: Literal["flatten", "mean"] = "flatten",
    convolution: Literal["direct", "matrix"] = "direct",
) -> nn.Sequential:
    """Build the four-block convolutional encoder of few-shot image classification.

    A block is a 3x3 convolution, a normalization, a halving of the image, and ReLU.

    Args:
        in_channels: Channels of the image ``[batch, channel, height, width]``.
        width: Channels of every block.
        normalization: ``"batch"``; ``"group"`` (8 groups, or as many as divide ``width``); ``"layer"`` over
            channels and space; or ``"none"``.
        pooling: Halve by ``"max"`` pooling (rounding down, 28x28 to 1x1; ProtoNet) or by ``"stride"`` 2 of
            the convolution (rounding up, 28x28 to 2x2; MAML on Omniglot).
        spatial: ``"flatten"`` the last image, or take its ``"mean"``, which gives ``width`` features for
            images of any size.
        convolution: ``"direct"`` by torch's kernels, or as a product of matrices, see `MatrixConv2d`: faster
            where every episode has weights of its own, as in a compiled inner loop on a CPU.

    Returns:
        A module from images to features ``[batch, feature]``.

    Raises:
        InputError: An argument is unknown.

    Example:
        >>> import torch
        >>> conv4()(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 64])

    References:
        Vinyals et al. Matching Networks for One Shot Learning. NeurIPS 2016, arXiv:1606.04080, section 4.1.
    """
    problems = []
    if normalization not in (*_NORMALIZATIONS, "none"):
        problems.append(
            f"`normalization` is {normalization!r}; use one of {', '.join(_NORMALIZATIONS)}, none"
        )
    if pooling not in ("max", "stride"):
        problems.append(f"`pooling` is {pooling!r}; use 'max' or 'stride'")
    if spatial not in ("flatten", "mean"):
        problems.append(f"`spatial` is {spatial!r}; use 'flatten' or 'mean'")
    if convolution not in ("direct", "matrix"):
        problems.append(f"`convolution` is {convolution!r}; use 'direct' or 'matrix'")
    if problems:
        raise InputError("; ".join(problems) + ".")
    layers: list[nn.Module] = []
    layer = MatrixConv2d if convolution == "matrix" else nn.Conv2d
    for n_inputs in (in_channels, width, width, width):
        layers.append(layer(n_inputs, width, 3, stride=2 if pooling == "stride" else 1, padding=1))
        if normalization != "none":
            layers.append(_NORMALIZATIONS[normalization](width))
        if pooling == "max":
            layers.append(nn.MaxPool2d(2))
        layers.append(nn.ReLU())  # after the pooling, with which it commutes: a quarter of the numbers
    if spatial == "mean":
        layers.append(nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(*layers, nn.Flatten())


def conv4_classifier(
    n_way: int,
    in_channels: int = 1,
    width: int = 64,
    *,
    normalization: ConvNormalization = "batch",
    pooling: Literal["max", "stride"] = "stride",
    convolution: Literal["direct", "matrix"] = "direct",
) -> nn.Sequential:
    """Build `conv4` with spatial mean and a linear layer on it, as MAML has it for Omniglot.

    Args:
        n_way: Classes.
        in_channels: Channels of the image.
        width: Channels of every block.
        normalization: See `conv4`.
        pooling: See `conv4`.
        convolution: See `conv4`.

    Returns:
        A module from images of any size from 16x16 to logits ``[batch, n_way]``.

    Example:
        >>> import torch
        >>> conv4_classifier(5)(torch.zeros(2, 1, 28, 28)).shape
        torch.Size([2, 5])

    References:
        Finn, Abbeel, Levine. ICML 2017, arXiv:1703.03400, appendix A.1. Differs: the linear layer has torch's
        initialization, not the paper's.
    """
    encoder = conv4(
        in_channels,
        width,
        normalization=normalization,
        pooling=pooling,
        spatial="mean",
        convolution=convolution,
    )
    return nn.Sequential(*encoder, nn.Linear(width, n_way))


class MatrixConv2d(nn.Conv2d):
    """A convolution as a product of its weights with the unfolded image; parameters as `torch.nn.Conv2d`'s.

    When episodes with weights of their own run at once, torch's kernels become grouped convolutions, which
    are slow on a CPU; a product of matrices becomes a batched product. Groups, dilation and padding other
    than by zeros are refused.

    Args:
        in_channels: Channels of the image ``[batch, channel, height, width]``.
        out_channels: Channels of the answer.
        kernel_size: Height and width of the kernel.
        stride: Of both dimensions.
        padding: Zeros around the image.

    Example:
        >>> import torch
        >>> layer = MatrixConv2d(2, 3, 3, stride=2, padding=1)
        >>> image = torch.rand(1, 2, 7, 7)
        >>> torch.allclose(layer(image), nn.Conv2d.forward(layer, image), atol=1e-6)
        True
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride=stride, padding=padding)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve ``[batch, channel, height, width]``."""
        (kernel, _), (stride, _), (padding, _) = (
            _pair(size) for size in (self.kernel_size, self.stride, self.padding)
        )
        height, width = ((size + 2 * padding - kernel) // stride + 1 for size in input.shape[-2:])
        columns = functional.unfold(
            input, kernel, padding=padding, stride=stride
        )  # [batch, in * k * k, place]
        found = self.weight.flatten(1) @ columns
        if self.bias is not None:
            found = found + self.bias.unsqueeze(1)
        return found.unflatten(-1, (height, width))


def _pair(size: object) -> tuple[int, int]:
    """Return a size of two equal dimensions."""
    if isinstance(size, tuple) and len(size) == 2 and size[0] == size[1]:
        return size
    raise InputError(f"`MatrixConv2d` has square kernels, strides and paddings, got {size!r}.")


def mlp(sizes: Sequence[int], activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    """Build a multi-layer perceptron without activation at the end.

    Args:
        sizes: Widths from input to output, two or more.
        activation: Makes the module between two layers.

    Raises:
        InputError: There are fewer than two sizes.

    Example:
        >>> mlp([1, 40, 40, 1])
        Sequential(
          (0): Linear(in_features=1, out_features=40, bias=True)
          (1): ReLU()
          (2): Linear(in_features=40, out_features=40, bias=True)
          (3): ReLU()
          (4): Linear(in_features=40, out_features=1, bias=True)
        )
    """
    if len(sizes) < 2:
        raise InputError(f"`sizes` needs the widths of input and output at least, got {list(sizes)}.")
    layers: list[nn.Module] = []
    for n_inputs, n_outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(n_inputs, n_outputs), activation()]
    return nn.Sequential(*layers[:-1])


def _n_groups(width: int) -> int:
    # A group of one channel, in a map of one place, would be normalized to a constant.
    return max(groups for groups in range(1, 9) if width % groups == 0 and (groups == 1 or width > groups))
