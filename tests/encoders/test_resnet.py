"""The residual network is the paper's, and each image has its own answer."""

import pytest
import torch
from torch.nn import functional

from polytask.architectures import HardSharing
from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, SharedModel, Task, generator, seeded
from polytask.encoders import ResNet


def _network(**choices) -> ResNet:
    with seeded(0, "network"):
        return ResNet(2, [8, 16], n_blocks=2, n_groups=4, **choices)


def _images(n_images: int = 6, size: int = 9) -> torch.Tensor:
    return torch.randn(n_images, 2, size, size, generator=generator(0, "images"))


def test_twenty_layers_have_the_known_number_of_parameters():
    # The paper's 269,722 without its last layer (64 x 10 + 10), and two 1x1 convolutions with normalization.
    count = sum(parameter.numel() for parameter in ResNet(3, (16, 32, 64), n_blocks=3).parameters())
    assert count == 269_722 - 650 + (16 * 32 + 2 * 32) + (32 * 64 + 2 * 64)


def _by_hand(images, weights, n_groups):
    """Compute a network of stages 8 and 16 with two blocks each from its weights in order."""
    take = iter(weights)

    def layer(maps, stride=1):
        kernel, scale, shift = next(take), next(take), next(take)
        maps = functional.conv2d(maps, kernel, stride=stride, padding=kernel.shape[-1] // 2)
        grouped = maps.reshape(len(maps), n_groups, -1)
        centred = grouped - grouped.mean(2, keepdim=True)
        normal = (centred / (centred.square().mean(2, keepdim=True) + 1e-5).sqrt()).reshape(maps.shape)
        return normal * scale[:, None, None] + shift[:, None, None]

    maps = layer(images).clamp(min=0)
    for stride, projected in ((1, False), (1, False), (2, True), (1, False)):
        changed = layer(layer(maps, stride).clamp(min=0))
        maps = ((layer(maps, stride) if projected else maps) + changed).clamp(min=0)
    return maps.mean((2, 3))


def test_the_blocks_are_their_formula():
    network = _network(normalization="group").double()
    with seeded(0, "weights"):
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    images = _images().double()
    expected = _by_hand(images, list(network.parameters()), n_groups=4)
    torch.testing.assert_close(network(images), expected)


@pytest.mark.parametrize("size", [1, 2, 7, 28])
def test_images_of_any_size_become_vectors_of_the_last_width(size):
    network = _network(normalization="group").double()
    images = _images(size=size).double()
    torch.testing.assert_close(network(images), _by_hand(images, list(network.parameters()), n_groups=4))


def test_group_normalization_treats_each_image_by_itself_in_training():
    network, images = _network(normalization="group").train(), _images()
    alone = torch.cat([network(image.unsqueeze(0)) for image in images])
    torch.testing.assert_close(network(images), alone, rtol=1e-4, atol=1e-5)


def test_batch_normalization_depends_on_the_batch_in_training_alone():
    network, images = _network(), _images()
    first = network.train()(images)[:3]
    assert not torch.allclose(first, network(images[:3]), atol=1e-3)
    network.eval()
    torch.testing.assert_close(network(images)[:3], network(images[:3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalization", ["batch", "group"])
def test_a_model_of_images_keeps_the_contract_of_learners(normalization):
    task = Task(name="digit", kind="multiclass", n_outputs=3)
    model = SharedModel(
        [task], HardSharing(_network(normalization=normalization)), {"digit": torch.nn.Linear(16, 3)}
    )
    query = Batch(inputs=_images(), targets={"digit": torch.tensor([0, 1, 2, 0, 1, 2])})
    check_learner(model, [Episode(tasks=(task,), query=query)])


def test_groups_that_do_not_divide_a_width_are_named():
    with pytest.raises(InputError, match=r"`n_groups` is 8, which does not divide \[12, 20\] of `widths`"):
        ResNet(3, [12, 16, 20], normalization="group")


def test_no_stage_and_an_unknown_normalization_are_named_together():
    with pytest.raises(InputError, match=r"`widths` needs a stage.*`normalization` is 'layer'; use"):
        ResNet(3, [], normalization="layer")  # type: ignore[arg-type]


def test_other_channels_are_refused():
    with pytest.raises(
        InputError, match=r"must be \[image, 2, height, width\], but have shape \(4, 3, 8, 8\)"
    ):
        _network()(torch.zeros(4, 3, 8, 8))
