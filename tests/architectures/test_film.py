"""FiLM modulates one trunk by task."""

import numpy as np
import pytest
import torch
from tests.architectures.contract import expect_contract, expect_independence
from torch import nn

from polytask.architectures.film import FiLMSharing
from polytask.architectures.hard import HardSharing
from polytask.core import InputError, generator, private_parameters, seeded, shared_parameters

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def vectors(embedding_width: int | None = None) -> FiLMSharing:
    blocks = [
        nn.Linear(4, 5),
        nn.Sequential(nn.Tanh(), nn.Linear(5, 3)),
        nn.Sequential(nn.Tanh(), nn.Linear(3, 2)),
    ]
    return FiLMSharing(NAMES, blocks, channels=[5, 3, 2], embedding_width=embedding_width)


def maps(embedding_width: int | None = None) -> FiLMSharing:
    blocks = [nn.Conv2d(1, 2, 3), nn.Sequential(nn.Tanh(), nn.Conv2d(2, 3, 3, stride=2))]
    return FiLMSharing(NAMES, blocks, channels=[2, 3], embedding_width=embedding_width)


def sequences(embedding_width: int | None = None) -> FiLMSharing:
    blocks = [nn.Linear(4, 5), nn.Sequential(nn.Tanh(), nn.Linear(5, 3))]
    return FiLMSharing(NAMES, blocks, channels=[5, 3], embedding_width=embedding_width)


def single(embedding_width: int | None = None) -> FiLMSharing:
    return FiLMSharing(NAMES, [nn.Linear(4, 5)], channels=[5], embedding_width=embedding_width)


CASES = {
    "vectors": (vectors, (4,)),
    "maps": (maps, (1, 7, 7)),
    "sequences": (sequences, (3, 4)),
    "one block": (single, (4,)),
}
every_case = pytest.mark.parametrize("case", CASES)
every_way = pytest.mark.parametrize("embedding_width", [None, 2])


def scattered(sharing: FiLMSharing) -> FiLMSharing:
    """Move the modulations off their start, where all tasks are alike."""
    draw = generator(0, "modulations")
    parts = [sharing.conditions] if sharing.generator is None else [sharing.conditions, sharing.generator]
    for part in parts:
        for parameter in part.parameters():
            parameter.data.copy_(torch.randn(parameter.shape, generator=draw))
    return sharing


def moved(case: str, embedding_width: int | None):
    return lambda: scattered(CASES[case][0](embedding_width))


def by_hand(sharing: FiLMSharing, inputs: torch.Tensor, name: str, axis: int) -> np.ndarray:
    numbers = sharing.conditions[name].vector.detach().numpy()
    if sharing.generator is not None:
        weight, bias = (each.detach().numpy() for each in sharing.generator.parameters())
        numbers = weight @ numbers + bias
    stream, start = inputs, 0
    for block, width in zip(sharing.blocks, sharing.channels, strict=True):
        shape = [1] * (inputs.ndim)
        shape[axis] = width
        gamma = 1 + numbers[start : start + width].reshape(shape)
        beta = numbers[start + width : start + 2 * width].reshape(shape)
        stream = torch.from_numpy(gamma * block(stream).detach().numpy() + beta)
        start += 2 * width
    return stream.numpy()


@every_way
@pytest.mark.parametrize(("case", "axis"), [("vectors", 1), ("maps", 1), ("sequences", 2), ("one block", 1)])
def test_each_block_is_scaled_and_shifted_by_channel_as_in_the_equation(case, axis, embedding_width):
    sharing, inputs = moved(case, embedding_width)(), rows(*CASES[case][1])
    found = sharing(inputs, NAMES).by_task
    for name in NAMES:
        np.testing.assert_allclose(
            found[name].detach().numpy(), by_hand(sharing, inputs, name, axis), rtol=1e-5, atol=1e-5
        )


@every_way
@every_case
def test_at_first_it_is_hard_sharing(case, embedding_width):
    build, shape = CASES[case]
    sharing, inputs = build(embedding_width), rows(*shape)
    expected = HardSharing(nn.Sequential(*sharing.blocks))(inputs, NAMES).by_task
    found = sharing(inputs, NAMES).by_task
    for name in NAMES:
        torch.testing.assert_close(found[name], expected[name], rtol=0, atol=0)


@every_way
def test_it_learns_from_the_start_what_tells_tasks_apart(embedding_width):
    with seeded(0, "initialization"):
        sharing = vectors(embedding_width)
    optimizer = torch.optim.SGD(sharing.parameters(), lr=0.1)
    for _ in range(3):
        found = sharing(rows(4), NAMES).by_task
        optimizer.zero_grad()
        (found["d"].mean() - found["a"].mean()).backward()
        optimizer.step()
    found = sharing(rows(4), NAMES).by_task
    assert found["a"].mean() > found["d"].mean() + 0.1


@every_way
def test_a_task_that_is_not_asked_gets_no_gradient_at_all(embedding_width):
    sharing = moved("vectors", embedding_width)()
    by_task = sharing(rows(4), ["d", "a"]).by_task
    (by_task["a"].sum() + by_task["d"].sum()).backward()
    private = private_parameters(sharing)
    assert all(parameter.grad is None for parameter in private["b.c"])
    assert all(parameter.grad.any() for name in ["a", "d"] for parameter in private[name])


@every_way
def test_a_task_reaches_the_shared_part_and_its_own_alone(embedding_width):
    sharing = moved("maps", embedding_width)()
    private, shared = private_parameters(sharing), shared_parameters(sharing)
    value = sharing(rows(1, 7, 7), NAMES).by_task["a"].square().sum()
    for name in NAMES:
        found = torch.autograd.grad(value, private[name], retain_graph=True, allow_unused=True)
        assert all((gradient is not None) == (name == "a") for gradient in found)
    assert all(gradient.any() for gradient in torch.autograd.grad(value, shared))


def test_an_embedding_is_private_and_its_generator_shared():
    sharing = vectors(7)
    assert {name: [each.shape for each in own] for name, own in private_parameters(sharing).items()} == {
        name: [torch.Size([7])] for name in NAMES
    }
    shared = {id(parameter) for parameter in shared_parameters(sharing)}
    assert {id(parameter) for parameter in sharing.generator.parameters()} <= shared


def test_the_first_block_is_run_once_and_the_others_once_per_task_asked():
    sharing, calls = vectors(), []
    for position, block in enumerate(sharing.blocks):
        block.register_forward_hook(lambda *_, position=position: calls.append(position))
    sharing(rows(4), ["a", "d"])
    assert sorted(calls) == [0, 1, 1, 2, 2]


def test_only_a_single_block_without_a_generator_has_a_place_where_tasks_leave():
    built = {"own": single(), "generated": single(2), "deep": vectors()}
    found = {what: sharing(rows(4), NAMES).taps is not None for what, sharing in built.items()}
    assert found == {"own": True, "generated": False, "deep": False}


@every_way
@every_case
def test_it_keeps_the_contract_of_a_learner(case, embedding_width):
    expect_contract(moved(case, embedding_width), rows(*CASES[case][1]), NAMES)


@every_way
@every_case
def test_a_task_is_answered_alike_in_any_company(case, embedding_width):
    expect_independence(moved(case, embedding_width), rows(*CASES[case][1]), NAMES)


def test_blocks_and_channels_must_agree():
    with pytest.raises(InputError, match="one entry for each block, and there must be a block; got 1 and 2"):
        FiLMSharing(NAMES, [nn.Linear(4, 5)], channels=[5, 5])
    with pytest.raises(InputError, match="there must be a block; got 0 and 0"):
        FiLMSharing(NAMES, [], channels=[])


def test_all_widths_below_1_are_named_at_once():
    with pytest.raises(
        InputError, match=r"`channels` must be 1 or more, got \[0\]; `embedding_width` .* got 0"
    ):
        FiLMSharing(NAMES, [nn.Linear(4, 5)], channels=[0], embedding_width=0)


@pytest.mark.parametrize("block", [nn.Linear(4, 5), nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))])
def test_a_block_must_have_the_channels_that_it_is_said_to_have(block):
    with pytest.raises(InputError, match=r"Block 0 gives shape \(6,.*`channels` says that it has 3"):
        FiLMSharing(NAMES, [block], channels=[3])(rows(4), NAMES)
