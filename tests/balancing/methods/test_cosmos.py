"""COSMOS and PBI against few lines of numpy, and where they lead."""

import numpy as np
import pytest
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods import COSMOS, PBI
from polytask.checks import check_balancer
from polytask.core import InputError

PREFERENCE = {"a": 1.0, "b": 3.0, "c": 0.5}
LOSSES = np.array([1.5, 0.7, 2.0])


def ask(balancer, losses=LOSSES, names=("a", "b", "c")):
    values = torch.as_tensor(np.asarray(losses), dtype=torch.float64)
    return balancer.double()(Evidence(tuple(names), values, torch.Tensor)).values


def slopes(function, at):
    """Central differences."""
    steps = np.eye(len(at)) * 1e-6
    return np.array([(function(at + step) - function(at - step)) / 2e-6 for step in steps])


def test_cosmos_weights_are_the_slopes_of_its_sum():
    p = np.array(list(PREFERENCE.values())) / sum(PREFERENCE.values())

    def total(losses):
        return 3 * (p @ losses - 0.8 * p @ losses / np.linalg.norm(p) / np.linalg.norm(losses))

    np.testing.assert_allclose(ask(COSMOS(PREFERENCE, penalty=0.8)).numpy(), slopes(total, LOSSES), rtol=1e-6)


def test_pbi_weights_are_the_slopes_of_its_sum():
    p = np.array(list(PREFERENCE.values()))
    unit, scale = p / np.linalg.norm(p), 3 * np.linalg.norm(p) / p.sum()

    def total(losses):
        shifted = losses - [0.0, 0.5, 0.0]
        along = shifted @ unit
        return scale * (along + 2.0 * np.linalg.norm(shifted - along * unit))

    got = ask(PBI(PREFERENCE, penalty=2.0, ideal={"b": 0.5}))
    np.testing.assert_allclose(got.numpy(), slopes(total, LOSSES), rtol=1e-6)


@pytest.mark.parametrize("method", [COSMOS, PBI])
def test_without_penalty_the_weights_are_the_preference_scaled_to_sum_to_the_number(method):
    p = np.array(list(PREFERENCE.values()))
    np.testing.assert_allclose(ask(method(PREFERENCE, penalty=0.0)).numpy(), 3 * p / p.sum())


@pytest.mark.parametrize("method", [COSMOS, PBI])
def test_absent_objectives_leave_the_others_their_preference(method):
    got = ask(method(PREFERENCE, penalty=0.0), LOSSES[:2], ("b", "c"))
    np.testing.assert_allclose(got.numpy(), [2 * 3.0 / 3.5, 2 * 0.5 / 3.5])


@pytest.mark.parametrize("preference", [{"a": 1.0, "b": 1.0}, {"a": 1.0, "b": 3.0}])
def test_pbi_leads_to_the_preferred_ratio_of_losses(preference):
    # Two targets, (0, 0) and (1, 0), and squared distances as losses.
    balancer = PBI(preference)
    point = torch.tensor([0.1, 0.4], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([point], lr=0.05)
    for step in range(800):
        optimizer.param_groups[0]["lr"] = 0.02 / (1 + step / 20)
        losses = torch.stack([point.square().sum(), (point - torch.tensor([1.0, 0.0])).square().sum()])
        optimizer.zero_grad()
        (ask(balancer, losses.detach().numpy(), ("a", "b")) * losses).sum().backward()
        optimizer.step()
    ratio = (losses[1] / losses[0]).item()
    np.testing.assert_allclose(ratio, preference["b"], rtol=0.05)


def test_cosmos_keeps_the_contract():
    check_balancer(lambda names: COSMOS(dict.fromkeys(names, 1.0), penalty=0.5), positive=False)


def test_pbi_keeps_the_contract():
    check_balancer(lambda names: PBI(dict.fromkeys(names, 1.0)), positive=False)


@pytest.mark.parametrize("method", [COSMOS, PBI])
def test_all_bad_arguments_are_named_at_once(method):
    with pytest.raises(InputError, match=rf"{method.__name__}: `preference` of b .* `penalty` must be"):
        method({"a": 1.0, "b": 0.0}, penalty=-1.0)


@pytest.mark.parametrize("method", [COSMOS, PBI])
def test_an_objective_without_preference_is_named(method):
    with pytest.raises(InputError, match=f"{method.__name__} does not know z"):
        ask(method(PREFERENCE), [1.0], ("z",))
