"""The network has the structure of its papers."""

import pytest
import torch

from polytask.encoders.pretrained.efficientnet_lite import EfficientNetLite0, _Same, efficientnet_weights


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    torch.manual_seed(0)
    return EfficientNetLite0().eval()


def test_it_has_as_many_parameters_as_published(network):
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    assert n_parameters == 4_652_008  # 4.7 million in the table of EfficientNet-Lite
    assert len(network.blocks) == 16


@pytest.mark.parametrize("size", [224, 65])
def test_sizes_halve_five_times_rounded_up_and_are_averaged(network, size):
    sizes = []
    hooks = [
        block.register_forward_hook(lambda _, __, out: sizes.append(out.shape[-1]))
        for block in network.blocks
    ]
    with torch.no_grad():
        features = network(torch.zeros(1, 3, size, size))
    for hook in hooks:
        hook.remove()
    assert features.shape == (1, 1280)
    halves = [size]
    for _ in range(5):
        halves.append(-(-halves[-1] // 2))
    assert sorted(set(sizes), reverse=True) == halves[1:]


def test_the_odd_pixel_of_padding_goes_to_the_end():
    convolution = _Same(1, 1, 3, stride=2)
    convolution.weight.data = torch.zeros(1, 1, 3, 3)
    convolution.weight.data[0, 0, 0, 0] = 1.0  # takes the first of each window
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    assert convolution(image).flatten().tolist() == [0.0, 2.0, 8.0, 10.0]


def test_published_names_are_those_of_the_network(network):
    published = {"_conv_stem.weight": 0, "_blocks.3._bn2.running_var": 1, "_bn1.bias": 2, "_fc.bias": 3}
    names = efficientnet_weights(published)
    assert list(names) == [
        "stem.weight",
        "blocks.3.project_norm.running_var",
        "head_norm.bias",
        "classifier.bias",
    ]
    assert set(names) <= set(network.state_dict())
