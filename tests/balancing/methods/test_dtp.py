"""Dynamic task prioritization against few lines of numpy, and where its indicators come from."""

import copy

import numpy as np
import pytest
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.dtp import DTP

NAMES = ("a", "b", "c")


def ask(balancer, losses, names=NAMES):
    return balancer(Evidence(tuple(names), torch.tensor(losses, dtype=torch.float64), torch.Tensor)).values


def weights(indicator, focus):
    indicator = np.asarray(indicator)
    priority = -((1 - indicator) ** focus) * np.log(indicator)
    return len(indicator) * priority / priority.sum()


def test_the_weights_are_the_focal_loss_of_the_reported_indicators():
    balancer = DTP(NAMES, focus=2.0, smoothing=0.3).double()
    reports = {"a": [0.2, 0.5], "b": [0.9], "c": [0.4, 0.4, 0.8]}
    averages = []
    for name, values in reports.items():
        average = values[0]
        for value in values:
            balancer.report(name, value)
            average = 0.3 * value + 0.7 * average
        averages.append(average)
    np.testing.assert_allclose(ask(balancer, [1.0, 1.0, 1.0]).numpy(), weights(averages, 2.0))


def test_without_reports_the_indicators_are_those_of_the_losses():
    balancer = DTP(NAMES, smoothing=0.3).double()
    ask(balancer, [1.0, 2.0, 3.0])
    averages = 0.7 * np.exp(-np.array([1.0, 2.0, 3.0])) + 0.3 * np.exp(-np.array([0.5, 1.0, 0.1]))
    np.testing.assert_allclose(ask(balancer, [0.5, 1.0, 0.1]).numpy(), weights(averages, 1.0))


def test_the_first_report_replaces_what_the_losses_said():
    balancer = DTP(NAMES).double()
    ask(balancer, [1.0, 2.0, 3.0])
    balancer.report("b", 0.25)
    ask(balancer, [1.0, 9.0, 3.0])
    assert balancer.indicator[1] == 0.25


def test_an_easy_task_weighs_less_the_larger_the_focus():
    found = []
    for focus in (0.0, 1.0, 4.0):
        balancer = DTP(NAMES, focus=focus)
        for name, kpi in zip(NAMES, (0.9, 0.5, 0.5)):
            balancer.report(name, kpi)
        found.append(ask(balancer, [1.0, 1.0, 1.0])[0].item())
    assert found[0] > found[1] > found[2]


@pytest.mark.parametrize("kpi", [0.0, 1.0])
def test_indicators_at_the_ends_give_equal_weights(kpi):
    balancer = DTP(NAMES)
    for name in NAMES:
        balancer.report(name, kpi)
    torch.testing.assert_close(ask(balancer, [0.0, 0.0, 0.0]), torch.ones(3, dtype=torch.float64))


def test_an_absent_objective_keeps_its_indicator():
    balancer = DTP(NAMES).double()
    ask(balancer, [1.0, 2.0, 3.0])
    before = {name: value[1].clone() for name, value in balancer.state_dict().items()}
    for _ in range(3):
        ask(balancer, [0.1, 0.2], ("a", "c"))
    assert all(torch.equal(value[1], before[name]) for name, value in balancer.state_dict().items())


def test_reports_are_part_of_the_saved_state():
    balancer, twin = DTP(NAMES).double(), DTP(NAMES).double()
    balancer.report("a", 0.9)
    twin.load_state_dict(copy.deepcopy(balancer.state_dict()))
    assert torch.equal(ask(balancer, [1.0, 2.0, 3.0]), ask(twin, [1.0, 2.0, 3.0]))


def test_a_reported_objective_may_have_any_loss():
    balancer = DTP(NAMES, focus=2.0).double()
    balancer.report("c", 0.5)
    expected = weights([np.exp(-1), np.exp(-2), 0.5], 2.0)
    np.testing.assert_allclose(ask(balancer, [1.0, 2.0, -1.0]).numpy(), expected)
