"""PLE stacks levels with a shared gate, as published."""

import pytest
import torch
from torch import nn

from polytask.architectures.ple import PLE
from polytask.core import InputError, generator

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def expert(n_in: int, n_out: int):
    return lambda: nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh())


def two() -> PLE:
    return PLE(NAMES, [expert(4, 5), expert(5, 3)], gates=[4, 5], n_shared=2, n_private=3)


def four() -> PLE:
    builds = [expert(4, 5), expert(5, 6), expert(6, 3), expert(3, 2)]
    return PLE(NAMES, builds, gates=[4, 5, 6, 3], n_shared=2)


def maps() -> PLE:
    def conv(n_in):
        return lambda: nn.Sequential(nn.Conv2d(n_in, 2, 3), nn.Tanh())

    return PLE(NAMES, [conv(1), conv(2)], gates=[49, 2 * 25])


CASES = {"two levels": (two, (4,)), "four levels": (four, (4,)), "maps": (maps, (1, 7, 7))}


def by_hand(sharing: PLE, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """The recursion of the paper for one example, all tasks."""

    def gated(gate, stream, said):
        (weight,) = gate.parameters()
        return sum(g * each for g, each in zip((weight @ stream).softmax(0), said, strict=True))

    streams, common = dict.fromkeys(NAMES, x), x
    n_levels = len(sharing.lower) + 1
    for level in range(n_levels):
        last = level == n_levels - 1
        own = {
            name: (sharing.private_experts[name] if last else sharing.lower[level].task_experts[position])
            for position, name in enumerate(NAMES)
        }
        said = {name: [f(streams[name]) for f in experts.networks] for name, experts in own.items()}
        experts = sharing.shared_experts if last else sharing.lower[level].shared_experts
        shared = [f(common) for f in experts.networks]
        if not last:
            everything = [each for name in NAMES for each in said[name]] + shared
            common = gated(sharing.lower[level].shared_gate, common, everything)
        for position, name in enumerate(NAMES):
            gate = [*(each.gates[position] for each in sharing.task_gates), sharing.gates_below[name]]
            gate = [*gate, sharing.gates[name]][level]
            streams[name] = gated(gate, streams[name], said[name] + shared)
    return streams


@pytest.mark.parametrize("build", [two, four])
def test_the_levels_are_the_published_recursion(build):
    sharing, inputs = build(), rows(4)
    found = sharing(inputs, NAMES).by_task
    for row, x in enumerate(inputs):
        for name, expected in by_hand(sharing, x).items():
            torch.testing.assert_close(found[name][row], expected)


def test_every_level_but_the_last_has_a_shared_gate():
    assert len([level.shared_gate for level in four().lower]) == 3


def test_levels_must_be_two_or_more_and_agree():
    with pytest.raises(InputError, match=r"one entry for each of 2 or more levels; got 1 and 1.*`CGC`"):
        PLE(NAMES, [expert(4, 5)], gates=[4])
    with pytest.raises(InputError, match="got 2 and 1"):
        PLE(NAMES, [expert(4, 5), expert(5, 5)], gates=[4])
