"""Cross-stitch networks mix the columns of all tasks after every layer."""

import pytest
import torch
from torch import nn

from polytask.architectures.cross_stitch import CrossStitch, Stitch
from polytask.core import InputError, generator

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def dense(n_in: int, n_out: int):
    return lambda: nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh())


def vectors(per_channel: bool = True, own: float = 0.9) -> CrossStitch:
    blocks = [dense(4, 5), dense(5, 3), dense(3, 2)]
    return CrossStitch(NAMES, blocks, channels=[5, 3, 2] if per_channel else None, own=own)


def maps() -> CrossStitch:
    blocks = [lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh()), lambda: nn.Conv2d(2, 3, 3, stride=2)]
    return CrossStitch(NAMES, blocks, channels=[2, 3])


def maps_to_vectors() -> CrossStitch:
    blocks = [lambda: nn.Conv2d(1, 2, 3), lambda: nn.Sequential(nn.Tanh(), nn.Flatten(), nn.Linear(50, 4))]
    return CrossStitch(NAMES, blocks, channels=[2, 4])


CASES = {
    "a weight per channel": (vectors, (4,)),
    "a weight per layer": (lambda: vectors(False), (4,)),
    "maps": (maps, (1, 7, 7)),
    "maps to vectors": (maps_to_vectors, (1, 7, 7)),
    "one layer": (lambda: CrossStitch(NAMES, [dense(4, 5)], channels=None), (4,)),
}


def scattered(sharing: nn.Module) -> None:
    """Move the stitches off their start, where every channel and every other task is treated alike."""
    draw = generator(0, "stitches")
    for module in sharing.modules():
        if isinstance(module, Stitch):
            module.weights.data.copy_(torch.randn(module.weights.shape, generator=draw))


@pytest.mark.parametrize("per_channel", [True, False])
def test_the_columns_are_mixed_as_in_the_equation(per_channel):
    sharing, x = vectors(per_channel), rows(4)
    scattered(sharing)
    found = sharing(x, NAMES).by_task
    streams = [x] * 3
    for position, layer in enumerate(sharing.layers):
        said = [block(stream) for block, stream in zip(layer.blocks, streams, strict=True)]
        if position < 2:
            alpha = sharing.stitches[position].weights
        else:
            alpha = torch.cat([sharing.last_stitch[name].weights for name in NAMES])
        streams = [sum(alpha[t, s] * said[s] for s in range(3)) for t in range(3)]
    for name, expected in zip(NAMES, streams, strict=True):
        torch.testing.assert_close(found[name], expected)


def test_the_channels_of_a_map_have_weights_of_their_own():
    sharing = CrossStitch(["a", "b"], [nn.Identity], channels=[2])
    sharing.last_stitch["a"].weights.data.copy_(torch.tensor([[[1.0, 2.0], [10.0, 20.0]]]))
    inputs = rows(2, 3, 4)
    expected = inputs * torch.tensor([11.0, 22.0]).reshape(2, 1, 1)
    torch.testing.assert_close(sharing(inputs, ["a"]).by_task["a"], expected)


@pytest.mark.parametrize("per_channel", [True, False])
def test_at_first_a_task_has_nine_tenths_of_its_own_and_equal_parts_of_the_others(per_channel):
    sharing = vectors(per_channel)
    expected = torch.tensor([[0.9, 0.05, 0.05], [0.05, 0.9, 0.05], [0.05, 0.05, 0.9]])
    last = torch.cat([sharing.last_stitch[name].weights for name in NAMES])
    for weights in [*(stitch.weights for stitch in sharing.stitches), last]:
        wanted = expected.unsqueeze(-1).expand_as(weights) if per_channel else expected
        torch.testing.assert_close(weights.data, wanted)


def test_with_all_weight_on_its_own_every_task_is_a_separate_network():
    sharing, x = vectors(own=1.0), rows(4)
    for task, name in enumerate(NAMES):
        alone = x
        for layer in sharing.layers:
            alone = layer.blocks[task](alone)
        torch.testing.assert_close(sharing(x, NAMES).by_task[name], alone)


def test_a_single_task_is_its_column():
    sharing, x = CrossStitch(["a"], [dense(4, 5), dense(5, 3)], channels=None), rows(4)
    expected = sharing.layers[1].blocks[0](sharing.layers[0].blocks[0](x))
    torch.testing.assert_close(sharing(x, ["a"]).by_task["a"], expected)


def test_layers_and_channels_must_agree():
    with pytest.raises(InputError, match="one entry for each layer, and there must be a layer; got 1 and 2"):
        CrossStitch(NAMES, [dense(4, 5)], channels=[5, 5])
    with pytest.raises(InputError, match="got 0 and 0"):
        CrossStitch(NAMES, [], channels=None)


@pytest.mark.parametrize("build", [dense(4, 5), lambda: nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))])
def test_a_block_must_have_the_channels_that_it_is_said_to_have(build):
    with pytest.raises(InputError, match=r"A block of layer 0 gives shape .*`channels` says .* is 3"):
        CrossStitch(NAMES, [build], channels=[3])(rows(4), NAMES)


@pytest.mark.parametrize("own", [-0.1, 1.1, float("nan")])
def test_a_weight_at_the_start_must_be_from_0_to_1(own):
    with pytest.raises(InputError, match=f"is {own}; give 0 to 1"):
        vectors(own=own)
