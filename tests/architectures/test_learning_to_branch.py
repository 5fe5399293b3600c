"""Branches that are learned become the tree that was chosen."""

import copy
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.architectures.hard import HardSharing
from polytask.architectures.learning_to_branch import LearnedBranching
from polytask.core import (
    Batch,
    InputError,
    SharedModel,
    Task,
    generator,
    private_parameters,
    seeded,
    shared_parameters,
)
from polytask.core.step_end import part_of_step
from polytask.data import JointSource
from polytask.train import train

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def dense(n_in: int, n_out: int):
    return lambda: nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh())


def vectors(n_candidates=(2, 3, 3), **options) -> LearnedBranching:
    with seeded(0, "initialization"):
        return LearnedBranching(
            NAMES, [dense(4, 5), dense(5, 3), dense(3, 2)], n_candidates=n_candidates, **options
        )


def maps() -> LearnedBranching:
    blocks = [lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh()), lambda: nn.Conv2d(2, 3, 3, stride=2)]
    return LearnedBranching(NAMES, blocks, n_candidates=[2, 3])


def settled(sharing: LearnedBranching, inner, last, strength: float = 30.0) -> LearnedBranching:
    """Make it all but sure which parent each block (by depth) and each task reads."""
    for choice, parents in zip(sharing.choices, inner, strict=True):
        if choice.logits is not None:
            choice.logits.data.zero_()[range(len(parents)), list(parents)] = strength
    for name, parent in last.items():
        logits = sharing.last_choice[name].logits
        if logits is not None:
            logits.data.zero_()[0, parent] = strength
    return sharing


def everywhere() -> LearnedBranching:
    """Use every block, so that every block has a gradient."""
    return settled(vectors(), [[0, 1, 1], [2, 0, 1]], {"a": 1, "b.c": 2, "d": 0}, strength=20.0)


def maps_everywhere() -> LearnedBranching:
    return settled(maps(), [[1, 0, 1]], {"a": 2, "b.c": 1, "d": 0}, strength=20.0)


CASES = {"vectors": (vectors, (4,)), "maps": (maps, (1, 7, 7)), "all blocks in use": (everywhere, (4,))}


def test_every_task_is_answered_along_its_own_path():
    sharing, x = settled(vectors(), [[0, 1, 1], [2, 0, 1]], {"a": 1, "b.c": 2, "d": 1}).eval(), rows(4)
    first, second, third = (layer.blocks for layer in sharing.layers)
    found = sharing(x, NAMES).by_task
    torch.testing.assert_close(found["a"], third[1](second[0](first[0](x))))
    torch.testing.assert_close(found["b.c"], third[2](second[1](first[1](x))))
    torch.testing.assert_close(found["d"], found["a"])
    assert sharing.chosen() == ((("a", "d"), ("b.c",)), (("a", "d"), ("b.c",)), (("a", "d"), ("b.c",)))


def test_with_one_block_at_each_depth_it_is_hard_sharing():
    sharing, x = vectors((1, 1, 1)), rows(4)
    trunk = nn.Sequential(*[copy.deepcopy(layer.blocks[0]) for layer in sharing.layers])
    expected = HardSharing(trunk)(x, NAMES).by_task
    for mode in (True, False):
        torch.testing.assert_close(sharing.train(mode)(x, NAMES).by_task, dict(expected), rtol=0, atol=0)
    assert private_parameters(sharing) == {}
    assert len(shared_parameters(sharing)) == 6  # the weight and the bias of three blocks


def test_what_is_drawn_in_training_is_one_tree():
    sharing, x = vectors(), rows(4)
    first, second, third = (layer.blocks for layer in sharing.layers)
    below = [first[i](x) for i in range(2)]
    middle = [second[j](below[i]) for j in range(3) for i in range(2)]
    leaves = [third[k](each) for k in range(3) for each in middle]
    for seed in range(5):
        with seeded(seed, "noise"):
            found = sharing(x, NAMES).by_task
        for name in NAMES:
            assert any(torch.allclose(found[name], leaf, atol=1e-6) for leaf in leaves)


def test_a_child_reads_a_parent_as_often_as_the_softmax_says():
    sharing = LearnedBranching(["a"], [lambda: nn.Linear(1, 1)], n_candidates=[3])
    for block, value in zip(sharing.layers[0].blocks, (0.0, 1.0, 2.0), strict=True):
        nn.init.zeros_(block.weight)
        nn.init.constant_(block.bias, value)
    logits = torch.tensor([[0.5, -0.5, 1.0]])
    sharing.last_choice["a"].logits.data.copy_(logits)
    with seeded(0, "noise"), torch.no_grad():
        draws = [int(sharing(torch.zeros(1, 1), ["a"]).by_task["a"]) for _ in range(1000)]
    shares = torch.bincount(torch.tensor(draws), minlength=3) / 1000
    torch.testing.assert_close(shares, logits.softmax(-1)[0], rtol=0, atol=0.05)


def test_the_gradient_of_a_choice_is_that_of_the_softmax_at_the_temperature():
    sharing, x = vectors((3,) * 3, temperature=6.0).double(), rows(4).double()
    sharing.passes.fill_(8)  # 6 / sqrt(1 + 8) = 2
    logits = sharing.last_choice["a"].logits
    weights = torch.tensor([1.0, -2.0]).double()
    with seeded(3, "noise"):
        value = (sharing(x, ["a"]).by_task["a"] @ weights).sum()
    (found,) = torch.autograd.grad(value, [logits])
    with seeded(3, "noise"):
        noises = [-torch.empty(n, 3).exponential_().log().double() for n in (3, 3, 1)]
        streams = [block(x) for block in sharing.layers[0].blocks]
        for layer, noise in zip(sharing.layers[1:], noises[:2], strict=True):
            read = [streams[parent] for parent in noise.argmax(-1).tolist()]
            streams = [block(stream) for block, stream in zip(layer.blocks, read, strict=True)]
    worth = torch.stack([(stream @ weights).sum() for stream in streams]).detach()

    def relaxed(at: torch.Tensor) -> torch.Tensor:
        return ((at + noises[2]) / 2.0).softmax(-1)[0] @ worth

    step = torch.eye(3).double() * 1e-6
    expected = torch.stack([(relaxed(logits + e) - relaxed(logits - e)) / 2e-6 for e in step])
    torch.testing.assert_close(found[0], expected.detach(), rtol=1e-6, atol=1e-9)


def test_where_the_choices_are_all_but_sure_training_answers_as_evaluation_does():
    sharing, x = settled(vectors(), [[0, 1, 1], [2, 0, 1]], {"a": 1, "b.c": 2, "d": 1}, 80.0), rows(4)
    drawn = sharing(x, NAMES).by_task
    torch.testing.assert_close(drawn, sharing.eval()(x, NAMES).by_task)


def test_a_draw_repeats_with_the_seed_and_varies_without():
    sharing, x = vectors(), rows(4)

    def answer(seed: int) -> torch.Tensor:
        with seeded(seed, "noise"):
            return torch.cat([*sharing(x, NAMES).by_task.values()])

    assert torch.equal(answer(0), answer(0))
    assert len({tuple(answer(seed).flatten().tolist()) for seed in range(10)}) > 3


def test_evaluation_draws_nothing():
    sharing = vectors().eval()
    state = torch.random.get_rng_state()
    first = sharing(rows(4), NAMES).by_task
    assert torch.equal(state, torch.random.get_rng_state())
    torch.testing.assert_close(first, sharing(rows(4), NAMES).by_task, rtol=0, atol=0)


def test_evaluation_runs_the_blocks_on_the_paths_alone():
    sharing, calls = settled(vectors(), [[0, 1, 1], [2, 0, 1]], {"a": 1, "b.c": 2, "d": 1}).eval(), []
    for layer in sharing.layers:
        for block in layer.blocks:
            block.register_forward_hook(lambda module, *_: calls.append(module))
    sharing(rows(4), ["d", "a"])
    first, second, third = (layer.blocks for layer in sharing.layers)
    assert calls == [first[0], second[0], third[1]]


@st.composite
def graphs(draw):
    sizes = [draw(st.integers(1, 3)) for _ in range(3)]
    inner = [
        [draw(st.integers(0, n_parents - 1)) for _ in range(n_children)]
        for n_parents, n_children in pairwise(sizes)
    ]
    return sizes, inner, {name: draw(st.integers(0, sizes[-1] - 1)) for name in NAMES}


@settings(deadline=None, max_examples=40)
@given(graphs())
def test_the_tree_answers_as_the_network_it_was_taken_from_and_has_only_what_is_read(graph):
    sizes, inner, last = graph
    sharing, x = settled(vectors(tuple(sizes)), inner, last).eval(), rows(4)
    tree = sharing.tree()
    torch.testing.assert_close(tree(x, NAMES).by_task, sharing(x, NAMES).by_task)
    groups = sharing.chosen()
    assert len(list(tree.parameters())) == 2 * sum(len(level) for level in groups)
    alone = {name for level in groups for group in level if len(group) == 1 for name in group}
    assert set(private_parameters(tree)) == alone
    for own, ours in zip(tree.parameters(), sharing.parameters()):
        assert own.data_ptr() != ours.data_ptr()


def test_the_temperature_falls_with_the_passes_and_is_saved():
    sharing = vectors(temperature=4.0)
    for _ in range(3):
        sharing(rows(4), NAMES)
    with torch.no_grad():
        sharing(rows(4), NAMES)
    sharing.eval()(rows(4), NAMES)
    assert int(sharing.passes) == 3
    for last in (False, True):  # two parts of one step
        with part_of_step(last=last):
            sharing.train()(rows(4), NAMES)
    assert int(sharing.passes) == 4
    fresh = vectors(temperature=4.0)
    fresh.load_state_dict(sharing.state_dict())
    assert int(fresh.passes) == 4


@pytest.mark.parametrize(("passes", "expected"), [(0, 4.0), (15, 1.0), (1_000_000, 0.5)])
def test_the_temperature_falls_by_the_square_root_to_the_coldest(passes, expected):
    sharing = LearnedBranching(
        ["a"], [lambda: nn.Linear(1, 1)], n_candidates=[2], temperature=4.0, coldest=0.5
    )
    sharing.passes.fill_(passes)
    block = sharing.layers[0].blocks
    for module, value in zip(block, (0.0, 1.0), strict=True):
        nn.init.zeros_(module.weight)
        nn.init.constant_(module.bias, value)
    logits = sharing.last_choice["a"].logits
    with seeded(0, "noise"):
        value = sharing(torch.zeros(1, 1), ["a"]).by_task["a"].sum()
        (found,) = torch.autograd.grad(value, [logits])
    with seeded(0, "noise"):
        share = (-torch.empty(1, 2).exponential_().log() / expected).softmax(-1)[0, 1]
    torch.testing.assert_close(found[0, 1], share * (1 - share) / expected)


def test_choices_have_no_gradient_while_warming_up():
    sharing = vectors(n_warmup=1)
    logits = [sharing.choices[0].logits, sharing.choices[1].logits, sharing.last_choice["a"].logits]
    for expected in (False, True):
        with seeded(0, "noise"):
            found = torch.autograd.grad(sharing(rows(4), ["a"]).by_task["a"].square().sum(), logits)
        assert [bool(gradient.any()) for gradient in found] == [expected] * 3


def test_private_is_a_tasks_own_choice_alone():
    sharing = vectors()
    found = private_parameters(sharing)
    assert {name: [id(p) for p in own] for name, own in found.items()} == {
        name: [id(sharing.last_choice[name].logits)] for name in NAMES
    }
    by_task = sharing(rows(4), NAMES).by_task
    for name in NAMES:
        others = [p for other in NAMES if other != name for p in found[other]]
        reached = torch.autograd.grad(by_task[name].sum(), others, retain_graph=True, allow_unused=True)
        assert reached == (None, None)


def test_tasks_that_ask_for_opposite_blocks_part():
    """Two fixed features, each of use to one task: the choice that serves a task is learned."""
    tasks = [Task(name="left", kind="regression"), Task(name="right", kind="regression")]

    def pick(position: int) -> nn.Module:
        block = nn.Linear(2, 1, bias=False)
        block.weight.data.copy_(torch.eye(2)[position : position + 1])
        return block.requires_grad_(False)

    made = iter([0, 1])
    with seeded(0, "initialization"):
        sharing = LearnedBranching(
            ["left", "right"], [lambda: pick(next(made))], n_candidates=[2], temperature=2.0
        )
        heads = {task.name: nn.Linear(1, 1) for task in tasks}
    inputs = torch.randn(200, 2, generator=generator(0, "parting"))
    batch = Batch(inputs=inputs, targets={"left": inputs[:, 1], "right": inputs[:, 0]})
    learner = SharedModel(tasks, sharing, heads)
    train(
        learner,
        JointSource(tasks, batch, batch_size=32, seed=0),
        n_steps=200,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-2),
    )
    assert sharing.chosen() == ((("right",), ("left",)),)


def test_all_that_is_wrong_is_said_at_once():
    with pytest.raises(InputError, match=r"got 1 and 2; .* got \[0, 2\]; .* got 0\.0 and 0\.1; .* got -1"):
        LearnedBranching(NAMES, [dense(4, 5)], n_candidates=[0, 2], temperature=0.0, n_warmup=-1)
    with pytest.raises(InputError, match="there must be a depth; got 0 and 0"):
        LearnedBranching(NAMES, [], n_candidates=[])


def test_blocks_of_one_depth_must_agree_in_shape():
    widths = iter([2, 3])
    sharing = LearnedBranching(NAMES, [lambda: nn.Linear(4, next(widths))], n_candidates=[2])
    with pytest.raises(InputError, match=r"give shapes \(6, 2\), \(6, 3\); .* make them equal"):
        sharing(rows(4), NAMES)
