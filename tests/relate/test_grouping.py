"""Groups of tasks: the best are found, and found whatever the order of the tasks."""

import math
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import InputError
from polytask.core.random import numpy_generator
from polytask.relate.greedy_grouping import _changes
from polytask.relate.grouping import Grouping, group_tasks

METHODS = ("exact", "greedy", "spectral")


def named(n_tasks: int) -> list[str]:
    return [f"t{position}" for position in range(n_tasks)]


def drawn(n_tasks: int, seed: int) -> np.ndarray:
    draw = numpy_generator(seed, "gains")
    gains = draw.normal(0.3, 1.0, (n_tasks, n_tasks))
    np.fill_diagonal(gains, draw.normal(0.0, 0.1, n_tasks))
    return gains


def planted(n_groups: int, size: int, seed: int) -> tuple[np.ndarray, set[frozenset[str]]]:
    """Draw gains of about 1 within groups and -0.5 between them, the tasks shuffled."""
    draw = numpy_generator(seed, "planted")
    n_tasks = n_groups * size
    label = draw.permutation(np.repeat(np.arange(n_groups), size))
    gains = np.where(label[:, None] == label, 1.0, -0.5) + draw.normal(0, 0.2, (n_tasks, n_tasks))
    np.fill_diagonal(gains, 0.0)
    blocks = {frozenset(f"t{task}" for task in np.flatnonzero(label == each)) for each in range(n_groups)}
    return gains, blocks


def mean_gain(gains: np.ndarray, task: int, group: tuple[int, ...]) -> float:
    others = [each for each in group if each != task]
    return sum(gains[other, task] for other in others) / len(others) if others else gains[task, task]


def best_partition(gains: np.ndarray, budget: float, cost=lambda group: 1.0) -> float:
    """Try every way to label the tasks with groups."""
    n_tasks, best = len(gains), -math.inf
    for labels in product(range(n_tasks), repeat=n_tasks):
        groups = [tuple(t for t in range(n_tasks) if labels[t] == each) for each in set(labels)]
        if sum(cost(group) for group in groups) <= budget:
            best = max(best, sum(mean_gain(gains, t, group) for group in groups for t in group))
    return best


def best_cover(gains: np.ndarray, budget: float, cost=lambda group: 1.0) -> float:
    """Try every set of groups, overlapping ones too, and serve each task where it gains most."""
    n_tasks, best = len(gains), -math.inf
    every = [c for size in range(1, n_tasks + 1) for c in combinations(range(n_tasks), size)]
    for n_groups in range(1, n_tasks + 1):
        for groups in combinations(every, n_groups):
            covered = set().union(*groups) == set(range(n_tasks))
            if covered and sum(cost(group) for group in groups) <= budget:
                total = sum(
                    max(mean_gain(gains, t, group) for group in groups if t in group) for t in range(n_tasks)
                )
                best = max(best, total)
    return best


@given(seed=st.integers(0, 10_000), n_tasks=st.integers(1, 5), budget=st.integers(1, 5))
@settings(deadline=None, max_examples=25)
def test_exact_equals_brute_force(seed, n_tasks, budget):
    gains = drawn(n_tasks, seed)
    found = group_tasks(gains, named(n_tasks), budget=budget, method="exact")
    assert found.total == pytest.approx(best_partition(gains, budget))


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=15)
def test_exact_equals_brute_force_with_costs_of_groups(seed):
    gains = drawn(5, seed)

    def cost(group) -> float:
        return 1.0 + 0.3 * len(group) ** 2

    found = group_tasks(gains, named(5), budget=7.0, method="exact", costs=cost)
    assert found.total == pytest.approx(best_partition(gains, 7.0, cost))
    assert found.cost <= 7.0


@given(seed=st.integers(0, 10_000), n_tasks=st.integers(1, 4), budget=st.integers(1, 3))
@settings(deadline=None, max_examples=15)
def test_exact_with_overlap_equals_brute_force(seed, n_tasks, budget):
    gains = drawn(n_tasks, seed)
    found = group_tasks(gains, named(n_tasks), budget=budget, method="exact", overlap=True)
    assert found.total == pytest.approx(best_cover(gains, budget))


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=10)
def test_exact_with_overlap_equals_brute_force_with_costs_of_groups(seed):
    gains = drawn(4, seed)

    def cost(group) -> float:
        return 1.0 + 0.5 * len(group)

    found = group_tasks(gains, named(4), budget=5.0, method="exact", costs=cost, overlap=True)
    assert found.total == pytest.approx(best_cover(gains, 5.0, cost))


@given(
    seed=st.integers(0, 10_000),
    n_tasks=st.integers(1, 7),
    budget=st.integers(1, 5),
    method=st.sampled_from(["greedy", "spectral"]),
    overlap=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_no_search_beats_the_exact_one(seed, n_tasks, budget, method, overlap):
    gains, names = drawn(n_tasks, seed), named(n_tasks)
    exact = group_tasks(gains, names, budget=budget, method="exact", overlap=overlap)
    other = group_tasks(gains, names, budget=budget, method=method, overlap=overlap)
    assert other.total <= exact.total + 1e-9


@given(seed=st.integers(0, 10_000), n_tasks=st.integers(1, 8), method=st.sampled_from(METHODS))
@settings(deadline=None, max_examples=30)
def test_help_never_lowers_the_gain(seed, n_tasks, method):
    gains, names = drawn(n_tasks, seed), named(n_tasks)
    apart = group_tasks(gains, names, budget=3, method=method)
    helped = group_tasks(gains, names, budget=3, method=method, overlap=True)
    assert helped.total >= apart.total - 1e-9


@given(seed=st.integers(0, 10_000), method=st.sampled_from(["exact", "greedy"]), overlap=st.booleans())
@settings(deadline=None, max_examples=25)
def test_the_order_of_the_tasks_does_not_matter(seed, method, overlap):
    gains, names = drawn(7, seed), named(7)
    order = numpy_generator(seed, "order").permutation(7)
    shuffled = gains[np.ix_(order, order)]
    ours = group_tasks(gains, names, budget=3, method=method, overlap=overlap)
    theirs = group_tasks(shuffled, [names[i] for i in order], budget=3, method=method, overlap=overlap)
    assert theirs.total == pytest.approx(ours.total)
    assert {frozenset(group) for group in theirs.groups} == {frozenset(group) for group in ours.groups}


@given(
    seed=st.integers(0, 10_000),
    n_tasks=st.integers(1, 9),
    budget=st.integers(1, 4),
    method=st.sampled_from(["auto", *METHODS]),
    overlap=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_every_task_is_served_by_one_of_its_groups_within_the_budget(seed, n_tasks, budget, method, overlap):
    gains, names = drawn(n_tasks, seed), named(n_tasks)
    found = group_tasks(gains, names, budget=budget, method=method, overlap=overlap)
    assert len(found.groups) <= budget
    assert sorted(name for position in range(len(found.groups)) for name in found.serves(position)) == names
    for name in names:
        group = tuple(names.index(each) for each in found.groups[found.served_by[name]])
        assert names.index(name) in group
        assert found.gain[name] == pytest.approx(mean_gain(gains, names.index(name), group))
    if not overlap:
        assert sorted(name for group in found.groups for name in group) == names


@pytest.mark.parametrize("method", ["greedy", "spectral", "auto"])
@pytest.mark.parametrize("budget", [4, 7])
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_groups_of_forty_tasks_are_found(method, budget, seed):
    gains, blocks = planted(4, 10, seed)
    found = group_tasks(gains, named(40), budget=budget, method=method)
    # With networks to spare, noise may part groups further, but never mix them.
    assert all(any(frozenset(group) <= block for block in blocks) for group in found.groups)
    assert len(found.groups) >= 4
    if budget == 4:
        assert len(found.groups) == 4


def test_planted_groups_of_twelve_tasks_are_found_exactly():
    gains, blocks = planted(3, 4, seed=0)
    found = group_tasks(gains, named(12), budget=3, method="exact")
    assert {frozenset(group) for group in found.groups} == blocks


@pytest.mark.parametrize("method", ["greedy", "spectral"])
def test_blocks_without_any_noise_or_tie_between_them_are_found(method):
    gains = np.kron(np.eye(3), np.ones((4, 4))) - np.eye(12)
    found = group_tasks(gains, named(12), budget=3, method=method)
    assert found.groups == (tuple(named(12)[:4]), tuple(named(12)[4:8]), tuple(named(12)[8:]))


def test_a_gain_flows_from_the_row_to_the_column():
    found = group_tasks([[0, 5], [-1, 0]], ["a", "b"], budget=1)
    assert found.gain == {"a": -1.0, "b": 5.0}


def test_a_task_may_help_without_being_served():
    found = group_tasks([[0, 5], [-1, 0]], ["a", "b"], budget=2, overlap=True)
    assert found.groups == (("a",), ("a", "b"))
    assert (found.served_by, found.serves(1), found.total) == ({"a": 0, "b": 1}, ("b",), 5.0)


def test_tasks_that_hurt_each_other_stay_alone_where_the_budget_allows():
    found = group_tasks(-np.ones((3, 3)) + np.eye(3), named(3), budget=3)
    assert found.groups == (("t0",), ("t1",), ("t2",))


def test_a_network_that_brings_nothing_is_not_used():
    found = group_tasks(np.ones((3, 3)) * 2 - np.eye(3) * 2, named(3), budget=3)
    assert found.total == 6.0
    assert found.cost == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_the_same_call_gives_the_same_grouping(method):
    gains = drawn(9, 3)
    one, other = (group_tasks(gains, named(9), budget=3, method=method) for _ in range(2))
    assert one == other


def test_gains_are_not_changed():
    gains = np.array([[0.0, math.nan], [2.0, 0.0]])
    group_tasks(gains, ["a", "b"], budget=1)
    assert math.isnan(gains[0, 1])


def test_an_unknown_gain_counts_as_nothing_and_is_reported():
    found = group_tasks([[0, math.nan], [2, 0]], ["a", "b"], budget=1)
    assert (found.unknown, found.gain) == ((("a", "b"),), {"a": 2.0, "b": 0.0})


@pytest.mark.parametrize(("n_tasks", "method"), [(10, "exact"), (11, "greedy")])
def test_auto_is_exact_for_few_tasks(n_tasks, method):
    assert group_tasks(drawn(n_tasks, 0), named(n_tasks), budget=2).method == method


def bad(gains=((0.0, 1.0), (1.0, 0.0)), names=("a", "b"), budget=1.0, **options) -> Grouping:
    return group_tasks(gains, names, budget=budget, **options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ("a",)}, r"shape \(2, 2\), not \(1, 1\)"),
        ({"names": ("a", "a")}, "repeats a name: a, a"),
        ({"gains": np.zeros((0, 0)), "names": ()}, "there is no task"),
        ({"gains": ((0.0, math.inf), (1.0, 0.0))}, "infinite entries; use NaN"),
        ({"method": "best"}, "`method` is 'best'; use one of auto, exact"),
        ({"budget": 0}, "`budget` must be above 0, got 0"),
        ({"budget": math.nan}, "`budget` must be above 0, got nan"),
        ({"budget": 0.5}, "exact search found no grouping within the budget of 0.5"),
        ({"budget": 0.5, "method": "greedy"}, "greedy search found no grouping"),
        ({"budget": 0.5, "method": "spectral"}, "spectral search found no grouping"),
        ({"costs": lambda group: -1.0}, "`costs` must give 0 or more, but gave -1.0 for a"),
        ({"gains": np.zeros((13, 13)), "names": named(13), "method": "exact"}, "up to 12 tasks, got 13"),
    ],
)
def test_what_cannot_be_grouped_is_explained(arguments, message):
    with pytest.raises(InputError, match=message):
        bad(**arguments)


def test_a_change_of_groups_loses_no_task_and_doubles_none():
    groups = [frozenset({0, 1, 2}), frozenset({3}), frozenset({4, 5})]
    changes = list(_changes(groups))
    for out, into in changes:
        assert sorted(task for group in into for task in group) == sorted(
            task for group in out for task in group
        )
        assert all(into) and set(into) != set(out)
    swaps = [into for out, into in changes if [len(group) for group in out] == [len(group) for group in into]]
    assert (frozenset({4, 1, 2}), frozenset({0, 5})) in swaps
