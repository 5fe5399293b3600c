"""MMoE mixes shared experts with private gates."""

import pytest
import torch
from torch import nn

from polytask.architectures.mmoe import MMoE
from polytask.core import InputError, generator, private_parameters, shared_parameters

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def vectors() -> MMoE:
    return MMoE(NAMES, lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh()), 3, gate=4)


def with_stem() -> MMoE:
    return MMoE(NAMES, lambda: nn.Linear(7, 5), 3, gate=7, stem=nn.Sequential(nn.Linear(4, 7), nn.Tanh()))


def maps() -> MMoE:
    def gate(n: int) -> nn.Module:
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, n))

    stem = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh())
    return MMoE(NAMES, lambda: nn.Conv2d(2, 3, 3), 2, gate=gate, stem=stem)


def sequences() -> MMoE:
    return MMoE(NAMES, lambda: nn.Linear(4, 2), 2, gate=12)


CASES = {
    "vectors": (vectors, (4,)),
    "stem": (with_stem, (4,)),
    "maps": (maps, (1, 7, 7)),
    "sequences": (sequences, (3, 4)),
}


def test_the_mixture_is_the_published_one():
    sharing, inputs = vectors(), rows(4)
    found = sharing(inputs, NAMES).by_task
    for name in NAMES:
        (weight,) = sharing.gates[name].parameters()
        for row, x in enumerate(inputs):
            raw = (weight @ x).exp()
            expected = sum(g * f(x) for g, f in zip(raw / raw.sum(), sharing.experts.networks, strict=True))
            torch.testing.assert_close(found[name][row], expected)


def test_gates_are_private_and_experts_and_stem_shared():
    sharing = with_stem()
    shared = [*sharing.stem.parameters(), *sharing.experts.parameters()]
    assert set(map(id, shared_parameters(sharing))) == set(map(id, shared))
    assert {name: len(own) for name, own in private_parameters(sharing).items()} == dict.fromkeys(NAMES, 1)


def test_every_expert_is_run_once_for_all_tasks():
    sharing, calls = vectors(), []
    for network in sharing.experts.networks:
        network.register_forward_hook(lambda *_: calls.append(1))
    sharing(rows(4), NAMES)
    assert len(calls) == 3


def test_a_mixture_needs_an_expert():
    with pytest.raises(InputError, match="number of experts must be 1 or more"):
        MMoE(NAMES, lambda: nn.Linear(4, 5), 0, gate=4)
