"""CGC weighs private experts against shared ones."""

import pytest
import torch
from torch import nn

from polytask.architectures.cgc import CGC
from polytask.core import InputError, generator, private_parameters, shared_parameters

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def vectors() -> CGC:
    return CGC(NAMES, lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh()), gate=4, n_shared=2, n_private=3)


def with_stem() -> CGC:
    return CGC(NAMES, lambda: nn.Linear(7, 5), gate=7, stem=nn.Sequential(nn.Linear(4, 7), nn.Tanh()))


def maps() -> CGC:
    return CGC(NAMES, lambda: nn.Conv2d(1, 2, 3), gate=25)


CASES = {"vectors": (vectors, (4,)), "stem": (with_stem, (4,)), "maps": (maps, (1, 5, 5))}


def test_the_mixture_is_the_published_one():
    sharing, inputs = vectors(), rows(4)
    found = sharing(inputs, NAMES).by_task
    for name in NAMES:
        (weight,) = sharing.gates[name].parameters()
        experts = [*sharing.private_experts[name].networks, *sharing.shared_experts.networks]
        for row, x in enumerate(inputs):
            raw = (weight @ x).exp()
            expected = sum(g * f(x) for g, f in zip(raw / raw.sum(), experts, strict=True))
            torch.testing.assert_close(found[name][row], expected)


def test_a_task_s_experts_and_gate_are_private():
    sharing = with_stem()
    shared = [*sharing.stem.parameters(), *sharing.shared_experts.parameters()]
    assert set(map(id, shared_parameters(sharing))) == set(map(id, shared))
    for name, own in private_parameters(sharing).items():
        mine = [*sharing.private_experts[name].parameters(), *sharing.gates[name].parameters()]
        assert set(map(id, own)) == set(map(id, mine))


def test_private_experts_of_a_task_that_is_not_asked_are_not_run():
    sharing, calls = vectors(), []
    for name in NAMES:
        sharing.private_experts[name].register_forward_hook(lambda *_, name=name: calls.append(name))
    sharing(rows(4), ["d"])
    assert calls == ["d"]


@pytest.mark.parametrize("wrong", ["n_shared", "n_private"])
def test_both_kinds_of_experts_are_needed(wrong):
    with pytest.raises(InputError, match="number of experts must be 1 or more, got 0"):
        CGC(NAMES, lambda: nn.Linear(4, 5), gate=4, **{wrong: 0})
