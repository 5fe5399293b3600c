"""The small networks: shapes, sizes that papers give, and messages."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.core import InputError
from polytask.meta import conv4, conv4_classifier, mlp


@pytest.mark.parametrize(
    ("pooling", "spatial", "size", "n_features"),
    [
        ("max", "flatten", 28, 64),
        ("max", "flatten", 84, 1600),
        ("stride", "flatten", 28, 256),
        ("stride", "mean", 28, 64),
    ],
)
def test_conv4_gives_the_features_of_the_papers(
    pooling: str, spatial: str, size: int, n_features: int
) -> None:
    encoder = conv4(pooling=pooling, spatial=spatial)  # pyright: ignore[reportArgumentType]
    assert encoder(torch.zeros(2, 1, size, size)).shape == (2, n_features)


def test_conv4_has_the_published_number_of_parameters() -> None:
    # 111,936 for the four blocks on one channel: 64 (9 + 1) + 3 * 64 (64 * 9 + 1) + 4 * 2 * 64.
    assert sum(parameter.numel() for parameter in conv4().parameters()) == 111_936


@pytest.mark.parametrize(
    ("normalization", "layer"), [("batch", nn.BatchNorm2d), ("group", nn.GroupNorm), ("layer", nn.GroupNorm)]
)
def test_every_block_has_the_normalization(normalization: str, layer: type[nn.Module]) -> None:
    encoder = conv4(width=12, normalization=normalization)  # pyright: ignore[reportArgumentType]
    assert sum(isinstance(module, layer) for module in encoder.modules()) == 4
    assert not any(
        bool(module.weight.eq(0).any()) for module in encoder.modules() if isinstance(module, layer)
    )


def test_layer_normalization_has_one_group_and_group_normalization_divides_the_width() -> None:
    layer, group = conv4(width=12, normalization="layer"), conv4(width=12, normalization="group")
    assert {m.num_groups for m in layer.modules() if isinstance(m, nn.GroupNorm)} == {1}
    assert {m.num_groups for m in group.modules() if isinstance(m, nn.GroupNorm)} == {6}
    narrow = conv4(width=8, normalization="group")  # whose last map has one place
    assert {m.num_groups for m in narrow.modules() if isinstance(m, nn.GroupNorm)} == {4}


def test_without_normalization_there_is_none() -> None:
    assert {type(module) for module in conv4(normalization="none")} == {
        nn.Conv2d,
        nn.ReLU,
        nn.MaxPool2d,
        nn.Flatten,
    }


def by_hand(images: Tensor, weights: list[Tensor], *, stride: bool) -> Tensor:
    """Run four blocks with one group of normalization; return the last map, ``[image, channel, ...]``."""
    for start in range(0, 16, 4):
        kernel, bias, scale, shift = weights[start : start + 4]
        images = functional.conv2d(images, kernel, bias, stride=2 if stride else 1, padding=1)
        flat = images.flatten(1)
        normal = (flat - flat.mean(1, keepdim=True)) / (flat.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
        images = normal.view_as(images) * scale[:, None, None] + shift[:, None, None]
        if not stride:
            images = functional.max_pool2d(images, 2)
        images = images.clamp(min=0)
    return images


@pytest.mark.parametrize("pooling", ["max", "stride"])
@pytest.mark.parametrize("convolution", ["direct", "matrix"])
def test_conv4_is_its_four_blocks(pooling: str, convolution: str) -> None:
    encoder = conv4(2, 3, normalization="layer", pooling=pooling, convolution=convolution).double()  # pyright: ignore[reportArgumentType]
    weights = [p.data.copy_(torch.randn_like(p)) for p in encoder.parameters()]
    images = torch.randn(2, 2, 20, 20, dtype=torch.float64)
    expected = by_hand(images, weights, stride=pooling == "stride").flatten(1)
    torch.testing.assert_close(encoder(images), expected)


@pytest.mark.parametrize("size", [16, 28, 45])
def test_the_classifier_reads_the_mean_of_the_last_map_of_images_of_any_size(size: int) -> None:
    classifier = conv4_classifier(7, 2, 3, normalization="layer").double()
    weights = [p.data.copy_(torch.randn_like(p)) for p in classifier.parameters()]
    images = torch.randn(2, 2, size, size, dtype=torch.float64)
    features = by_hand(images, weights[:-2], stride=True).mean((2, 3))
    torch.testing.assert_close(classifier(images), functional.linear(features, *weights[-2:]))


def test_an_mlp_ends_without_activation() -> None:
    net = mlp([3, 5, 2], nn.Tanh)
    assert [type(module) for module in net] == [nn.Linear, nn.Tanh, nn.Linear]


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(InputError, match=r"`normalization` is 'l2'.*`pooling` is 'mean'.*`spatial` is 'sum'"):
        conv4(normalization="l2", pooling="mean", spatial="sum")  # pyright: ignore[reportArgumentType]


def test_an_mlp_of_one_size_is_an_error() -> None:
    with pytest.raises(InputError, match=r"`sizes` needs the widths of input and output at least, got \[3\]"):
        mlp([3])
