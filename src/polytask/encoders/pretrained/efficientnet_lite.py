"""The network EfficientNet-Lite0, as it is needed to read published weights."""

import re
from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn import functional

__all__ = ["EfficientNetLite0", "efficientnet_weights"]

# Of each stage: blocks, width of the kernel, stride of its first block, expansion, channels that come out.
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_FIRST, _LAST, _N_CLASSES = 32, 1280, 1000


class EfficientNetLite0(nn.Module):
    """Encode images by blocks that expand, filter each channel by itself, and contract again.

    It is EfficientNet-B0 without squeeze-and-excitation and with ReLU6 in place of Swish. `classifier`, from
    1,280 features to the 1,000 classes of ImageNet, is there as the weights have it; `forward` stops before.

    References:
        Mingxing Tan, Quoc Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
        ICML 2019, arXiv:1905.11946; Mark Sandler et al., "MobileNetV2: Inverted Residuals and Linear
        Bottlenecks", CVPR 2018, arXiv:1801.04381, for the blocks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Same(3, _FIRST, 3, stride=2)
        self.stem_norm = _norm(_FIRST)
        blocks, n_in = [], _FIRST
        for n_blocks, kernel, stride, expansion, n_out in _STAGES:
            for index in range(n_blocks):
                blocks.append(_Block(n_in, n_out, kernel, stride if index == 0 else 1, expansion))
                n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Conv2d(n_in, _LAST, 1, bias=False)
        self.head_norm = _norm(_LAST)
        self.classifier = nn.Linear(_LAST, _N_CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Return features ``[image, 1280]`` of images ``[image, 3, height, width]`` from -1 to 1."""
        hidden = functional.relu6(self.stem_norm(self.stem(images)))
        hidden = functional.relu6(self.head_norm(self.head(self.blocks(hidden))))
        return hidden.mean((2, 3))


class _Block(nn.Module):
    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        n_hidden = n_in * expansion
        self.residual = stride == 1 and n_in == n_out
        self.expands = expansion > 1
        if self.expands:
            self.expand = nn.Conv2d(n_in, n_hidden, 1, bias=False)
            self.expand_norm = _norm(n_hidden)
        self.depthwise = _Same(n_hidden, n_hidden, kernel, stride=stride, groups=n_hidden)
        self.depthwise_norm = _norm(n_hidden)
        self.project = nn.Conv2d(n_hidden, n_out, 1, bias=False)
        self.project_norm = _norm(n_out)

    def forward(self, inputs: Tensor) -> Tensor:
        hidden = functional.relu6(self.expand_norm(self.expand(inputs))) if self.expands else inputs
        hidden = functional.relu6(self.depthwise_norm(self.depthwise(hidden)))
        hidden = self.project_norm(self.project(hidden))
        return hidden + inputs if self.residual else hidden


class _Same(nn.Conv2d):
    """A convolution that pads as TensorFlow does: an odd pixel goes to the right and to the bottom."""

    def __init__(self, n_in: int, n_out: int, kernel: int, *, stride: int, groups: int = 1) -> None:
        super().__init__(n_in, n_out, kernel, stride=stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        pads = []
        for size in (input.shape[3], input.shape[2]):
            missing = max((-(-size // stride) - 1) * stride + kernel - size, 0)
            pads += [missing // 2, missing - missing // 2]
        return super().forward(functional.pad(input, pads))


def _norm(n_channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(n_channels, eps=1e-3)


_BLOCK_NAMES = {
    "_expand_conv": "expand",
    "_bn0": "expand_norm",
    "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm",
    "_project_conv": "project",
    "_bn2": "project_norm",
}
_NAMES = {
    "_conv_stem": "stem",
    "_bn0": "stem_norm",
    "_conv_head": "head",
    "_bn1": "head_norm",
    "_fc": "classifier",
}


def efficientnet_weights(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return published weights in the names of `EfficientNetLite0`."""
    weights = {}
    for name, weight in published.items():
        block = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
        if block:
            weights[f"blocks.{block[1]}.{_BLOCK_NAMES[block[2]]}.{block[3]}"] = weight
        else:
            part, _, which = name.rpartition(".")
            weights[f"{_NAMES[part]}.{which}"] = weight
    return weights
