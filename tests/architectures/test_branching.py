"""A tree of blocks parts the tasks where it is told to."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.architectures.contract import expect_contract, expect_independence
from torch import nn

from polytask.architectures.branching import BranchingTree
from polytask.core import InputError, generator, private_parameters, shared_parameters

NAMES = ["a", "b.c", "d", "e"]
ALL, PAIRS, LATE, ALONE = (
    [NAMES],
    [["a", "d"], ["b.c", "e"]],
    [["d", "a"], ["b.c"], ["e"]],
    [[each] for each in NAMES],
)


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def dense(n_in: int, n_out: int):
    return lambda: nn.Sequential(nn.Linear(n_in, n_out), nn.Tanh())


def vectors(groups=(ALL, PAIRS, LATE, ALONE)) -> BranchingTree:
    widths = [4, 5, 3, 3, 2][: len(groups) + 1]
    blocks = [dense(n_in, n_out) for n_in, n_out in pairwise(widths)]
    return BranchingTree(NAMES, blocks, groups=groups)


def maps() -> BranchingTree:
    blocks = [lambda: nn.Conv2d(1, 2, 3), lambda: nn.Sequential(nn.Tanh(), nn.Conv2d(2, 3, 3, stride=2))]
    return BranchingTree(NAMES, blocks, groups=[ALL, LATE])


CASES = {
    "a tree": (vectors, (4,)),
    "one trunk": (lambda: vectors([ALL, ALL]), (4,)),
    "a forest": (lambda: vectors([PAIRS, ALONE]), (4,)),
    "groups to the end": (lambda: vectors([ALL, PAIRS]), (4,)),
    "maps": (maps, (1, 7, 7)),
}


def test_every_task_is_answered_along_its_own_path():
    sharing, x = vectors(), rows(4)
    found = sharing(x, NAMES).by_task
    everyone, upper, lower, pair = sharing.shared
    left, right = upper(everyone(x)), lower(everyone(x))
    for name, leaf in {"a": pair(left), "b.c": right, "d": pair(left), "e": right}.items():
        expected = leaf
        for block in sharing.private[name].children():
            expected = block(expected)
        torch.testing.assert_close(found[name], expected)


@pytest.mark.parametrize("branches", [[LATE, ALONE], [ALONE, ALONE]], ids=["a task apart", "all apart"])
def test_a_task_apart_is_answered_alike_in_any_company(branches):
    expect_independence(lambda: vectors(branches), rows(4), NAMES)


def test_a_task_apart_from_the_start_never_reaches_what_others_share():
    def build() -> BranchingTree:
        return vectors([LATE, ALONE])

    expect_contract(build, rows(4), NAMES)
    sharing = build()
    found = sharing(rows(4), NAMES)
    for name, reaches in {"a": True, "b.c": False, "d": True, "e": False}.items():
        value = found.by_task[name].sum()
        (seed,) = torch.autograd.grad(value, [found.taps[name]], retain_graph=True, allow_unused=True)
        assert (seed is not None) == reaches


def test_without_a_shared_block_there_are_no_taps():
    sharing = vectors([LATE, ALONE])
    assert sharing(rows(4), ["e", "b.c"]).taps is None
    assert shared_parameters(vectors([ALONE, ALONE])) == []


def test_a_block_is_run_once_and_only_where_a_task_of_it_is_asked():
    sharing, calls = vectors([ALL, PAIRS]), []
    for block in sharing.shared:
        block.register_forward_hook(lambda module, *_: calls.append(module))
    sharing(rows(4), ["d", "a"])
    assert calls == list(sharing.shared)[:2]  # the trunk and the pair; not the other pair


@st.composite
def trees(draw):
    """Draw nested partitions: at each depth every group falls apart by drawn labels."""
    groups, level = [], [NAMES]
    for _ in range(draw(st.integers(1, 4))):
        labels = draw(st.lists(st.integers(0, 1), min_size=len(NAMES), max_size=len(NAMES)))
        side = dict(zip(NAMES, labels, strict=True))
        parts = [[name for name in group if side[name] == label] for group in level for label in (0, 1)]
        level = [part for part in parts if part]
        groups.append(level)
    return groups


@given(groups=trees())
def test_a_parameter_belongs_to_the_tasks_of_its_group(groups):
    sharing = vectors(groups)
    by_task = sharing(rows(4), NAMES).by_task
    parameters = list(sharing.parameters())
    assert len(parameters) == 2 * sum(len(level) for level in groups)  # weight and bias of each block
    reached: dict[int, list[str]] = {id(parameter): [] for parameter in parameters}
    for name in NAMES:
        found = torch.autograd.grad(by_task[name].sum(), parameters, retain_graph=True, allow_unused=True)
        for parameter, gradient in zip(parameters, found, strict=True):
            if gradient is not None and bool(gradient.any()):  # a tap gives zeros for what others read
                reached[id(parameter)].append(name)
    wanted = sorted(sorted(group) for level in groups for group in level for _ in range(2))
    assert sorted(reached.values()) == wanted
    for name, own in private_parameters(sharing).items():
        assert {id(each) for each in own} == {key for key, tasks in reached.items() if tasks == [name]}
    shared = {id(each) for each in shared_parameters(sharing)}
    assert shared == {key for key, tasks in reached.items() if len(tasks) > 1}


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([ALL], "one entry for each depth, and there must be a depth; got 1 and 2"),
        ([PAIRS, ALL], "depth 1 joins 'a', 'b.c', 'd', 'e', which parted at a depth before"),
        ([ALL, [["a", "d"], ["b.c"]]], "depth 1 lacks 'e'"),
        ([[["a", "a", "b.c", "d", "e", "z"]], ALONE], "depth 0 repeats 'a'; depth 0 has unknown 'z'"),
    ],
)
def test_groups_must_be_nested_partitions_of_the_tasks(groups, message):
    with pytest.raises(InputError, match=message):
        BranchingTree(NAMES, [dense(4, 5), dense(5, 3)], groups=groups)


def test_there_must_be_a_depth():
    with pytest.raises(InputError, match="got 0 and 0"):
        BranchingTree(NAMES, [], groups=[])
