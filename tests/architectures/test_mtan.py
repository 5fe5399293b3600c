"""MTAN masks the features of a shared chain, for vectors and maps."""

import pytest
import torch
from torch import nn

from polytask.architectures.mtan import MTAN
from polytask.core import InputError, generator, private_parameters, shared_parameters

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def vectors(normalization: str = "batch") -> MTAN:
    levels = [nn.Sequential(nn.Linear(i, o), nn.Tanh()) for i, o in [(4, 5), (5, 3), (3, 3)]]
    return MTAN(NAMES, levels, channels=[5, 3, 3], normalization=normalization)


def maps() -> MTAN:
    levels = [nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh()), nn.Conv2d(2, 3, 3, stride=2)]
    return MTAN(NAMES, levels, channels=[2, 3])


def growing() -> MTAN:
    levels = [nn.Conv2d(1, 2, 3, stride=2), nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(2, 3, 1))]
    return MTAN(NAMES, levels, channels=[2, 3])


def maps_to_vectors() -> MTAN:
    levels = [nn.Conv2d(1, 2, 3), nn.Sequential(nn.Flatten(), nn.Linear(50, 4), nn.Tanh())]
    return MTAN(NAMES, levels, channels=[2, 4], normalization="none")


def vectors_to_maps() -> MTAN:
    levels = [nn.Linear(4, 6), nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Conv1d(2, 3, 1))]
    return MTAN(NAMES, levels, channels=[6, 3])


CASES = {
    "vectors": (vectors, (4,)),
    "no normalization": (lambda: vectors("none"), (4,)),
    "maps": (maps, (1, 7, 7)),
    "growing maps": (growing, (1, 7, 7)),
    "maps to vectors": (maps_to_vectors, (1, 7, 7)),
    "vectors to maps": (vectors_to_maps, (4,)),
    "one level": (lambda: MTAN(NAMES, [nn.Linear(4, 5)], channels=[5]), (4,)),
}


def test_the_masks_are_those_of_the_equation():
    sharing, x = vectors("none"), rows(4)
    found = sharing(x, NAMES).by_task
    for name in NAMES:
        own, below, level = sharing.attention[name], None, x

        def linear(module, values):
            return values @ module.convolution.weight[..., 0].T + module.convolution.bias

        for j in range(3):
            level = sharing.levels[j](level)
            read = level
            if below is not None:
                read = torch.cat([level, linear(own.carry[j - 1], below).clamp(min=0)], dim=1)
            mask = 1 / (1 + (-linear(own.mask[j], linear(own.read[j], read).clamp(min=0))).exp())
            below = mask * level
        torch.testing.assert_close(found[name], below)


def test_masks_of_a_map_treat_every_place_alike():
    sharing = MTAN(["a"], [nn.Identity()], channels=[2], normalization="none")
    inputs = rows(2, 3, 4)
    found = sharing(inputs, ["a"]).by_task["a"]
    places = inputs.permute(0, 2, 3, 1).reshape(-1, 2)
    alone = sharing(places, ["a"]).by_task["a"]
    torch.testing.assert_close(found.permute(0, 2, 3, 1).reshape(-1, 2), alone)


def test_a_choice_is_carried_to_a_smaller_map_by_averages():
    sharing = MTAN(["a"], [nn.Identity(), nn.MaxPool2d(2)], channels=[1, 1], normalization="none")
    own = sharing.attention["a"]
    for module in (own.read[1], own.mask[1]):  # the second mask is the sigmoid of what is carried
        module.convolution.weight.data.fill_(0)
        module.convolution.weight.data[:, -1] = 1
        module.convolution.bias.data.zero_()
    inputs = rows(1, 4, 4).abs()
    own.carry[0].convolution.weight.data.fill_(1)
    own.carry[0].convolution.bias.data.zero_()
    first = MTAN(["a"], [nn.Identity()], channels=[1], normalization="none")
    first.attention["a"].load_state_dict(
        {
            key: value
            for key, value in own.state_dict().items()
            if key.split(".")[:2] in (["read", "0"], ["mask", "0"])
        }
    )
    chosen = first(inputs, ["a"]).by_task["a"]
    means = chosen.reshape(6, 1, 2, 2, 2, 2).mean((3, 5))
    peaks = inputs.reshape(6, 1, 2, 2, 2, 2).amax((3, 5))
    torch.testing.assert_close(sharing(inputs, ["a"]).by_task["a"], means.sigmoid() * peaks)


def test_the_chain_is_shared_and_all_attention_private():
    sharing = maps()
    assert set(map(id, shared_parameters(sharing))) == set(map(id, sharing.levels.parameters()))
    for name, own in private_parameters(sharing).items():
        assert set(map(id, own)) == set(map(id, sharing.attention[name].parameters()))


def test_the_chain_is_run_once_for_all_tasks():
    sharing, calls = vectors(), []
    for level in sharing.levels:
        level.register_forward_hook(lambda *_: calls.append(1))
    sharing(rows(4), NAMES)
    assert len(calls) == 3


def test_levels_and_channels_must_agree():
    with pytest.raises(InputError, match=r"got 1 and 2; `normalization` is 'layer'; use 'batch' or 'none'"):
        MTAN(NAMES, [nn.Linear(4, 5)], channels=[5, 5], normalization="layer")
    with pytest.raises(InputError, match=r"Level 0 gives shape \(6, 5\), but `channels` says .* is 3"):
        MTAN(NAMES, [nn.Linear(4, 5)], channels=[3])(rows(4), NAMES)
