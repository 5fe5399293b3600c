"""GO4Align against brute force and few lines of numpy."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.go4align import GO4Align
from polytask.core.random import numpy_generator

NAMES = tuple("abcdef")
HISTORY = numpy_generator(0, "losses").uniform(0.2, 5.0, size=(12, 6))


def ask(balancer, losses, names=NAMES):
    values = torch.as_tensor(np.asarray(losses), dtype=torch.float64)
    return balancer(Evidence(tuple(names), values, torch.Tensor)).values


def best_centers(values, n_clusters):
    """K-means by trying every assignment."""
    found = (np.inf, values)
    for labels in product(range(n_clusters), repeat=len(values)):
        centers = np.array([values[np.equal(labels, label)].mean() for label in labels])
        found = min(found, (((values - centers) ** 2).sum(), centers), key=lambda each: each[0])
    return found[1]


@pytest.mark.parametrize("n_groups", [1, 2, 3, 6])
def test_the_weights_are_the_cluster_centers_of_the_indicators(n_groups):
    balancer = GO4Align(NAMES, n_groups=n_groups, temperature=0.1).double()
    smoothness = np.ones(6) / 6
    for losses in HISTORY:
        got = ask(balancer, losses)
        smoothness = smoothness * np.exp(-0.1 * losses)
        smoothness /= smoothness.sum()
    indicators = losses.mean() / losses * smoothness
    centers = indicators if n_groups == 6 else best_centers(indicators, n_groups)
    np.testing.assert_allclose(got.numpy(), 6 * centers / centers.sum())


@settings(deadline=None)
@given(st.lists(st.floats(0.1, 10.0), min_size=1, max_size=6), st.integers(1, 6))
def test_there_are_at_most_as_many_weights_as_groups_and_they_sum_to_their_number(losses, n_groups):
    weights = ask(GO4Align(NAMES, n_groups=n_groups).double(), losses, NAMES[: len(losses)])
    assert len(set(weights.tolist())) <= n_groups
    np.testing.assert_allclose(weights.sum().item(), len(losses))


def test_objectives_of_like_size_share_a_weight():
    weights = ask(GO4Align(NAMES).double(), [1.0, 1.1, 9.0, 0.9, 8.0, 10.0])
    assert weights[0] == weights[1] == weights[3] > weights[2] == weights[4] == weights[5]


def test_one_group_has_equal_weights():
    assert ask(GO4Align(NAMES, n_groups=1).double(), HISTORY[0]).tolist() == pytest.approx([1.0] * 6)


def test_an_absent_objective_keeps_its_part_of_the_weight():
    balancer = GO4Align(NAMES, temperature=0.1).double()
    for losses in HISTORY:
        ask(balancer, losses)
    shares = balancer.log_smoothness.softmax(0)
    for losses in HISTORY:
        ask(balancer, losses[[0, 2, 3]], ("a", "c", "d"))
    torch.testing.assert_close(balancer.log_smoothness.softmax(0)[[1, 4, 5]], shares[[1, 4, 5]])


def test_an_absent_objective_keeps_its_state():
    balancer = GO4Align(NAMES, temperature=0.1).double()
    ask(balancer, HISTORY[0])
    before = balancer.log_smoothness[[1, 4, 5]].clone()
    ask(balancer, [1.0, 2.0, 3.0], ("a", "c", "d"))
    assert torch.equal(balancer.log_smoothness[[1, 4, 5]], before)
