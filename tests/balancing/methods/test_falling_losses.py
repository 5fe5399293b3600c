"""ReLoBRaLo and SoftAdapt against few lines of numpy."""

import numpy as np
import pytest
import torch

from polytask.balancing.balancer import Evidence
from polytask.balancing.methods.relobralo import ReLoBRaLo
from polytask.balancing.methods.soft_adapt import SoftAdapt
from polytask.checks import check_balancer
from polytask.core import InputError, TrainingError, seeded
from polytask.core.random import numpy_generator

NAMES = ("a", "b", "c")
HISTORY = numpy_generator(0, "losses").uniform(0.2, 2.0, size=(12, 3)) * [1.0, 5.0, 0.1]


def ask(balancer, losses, names=NAMES):
    values = torch.as_tensor(np.asarray(losses), dtype=torch.float64)
    return balancer(Evidence(tuple(names), values, torch.Tensor)).values


def fed(balancer, history=HISTORY):
    for losses in history:
        ask(balancer, losses)
    return balancer


def softmax(values):
    raised = np.exp(values - values.max())
    return raised / raised.sum()


def relative(alpha, rho, temperature, history=HISTORY):
    weights = np.ones(3)
    for step in range(1, len(history)):
        recent = 3 * softmax(history[step] / (temperature * history[step - 1]))
        first = 3 * softmax(history[step] / (temperature * history[0]))
        weights = alpha * (rho * weights + (1 - rho) * first) + (1 - alpha) * recent
    return weights


@pytest.mark.parametrize("rho", [0.0, 1.0])
def test_relobralo_mixes_the_last_step_with_the_past_or_the_first(rho):
    balancer = ReLoBRaLo(NAMES, temperature=0.7, smoothing=0.8, remembering=rho).double()
    got = ask(fed(balancer, HISTORY[:-1]), HISTORY[-1])
    np.testing.assert_allclose(got.numpy(), relative(0.8, rho, 0.7))


def test_relobralo_looks_back_as_often_as_it_should():
    balancer = ReLoBRaLo(NAMES, smoothing=1.0, remembering=0.75).double()
    ask(balancer, [1.0, 1.0, 1.0])
    looked = 0
    with seeded(0, "balancing"):
        for step in range(1, 1001):
            before = balancer.history.clone()
            ask(balancer, [1.0, 1.0 + step / 1000, 1.0])
            looked += not torch.equal(balancer.history, before)
    assert 210 < looked < 290


def test_relobralo_draws_from_the_seeded_generator():
    runs = []
    for _ in range(2):
        with seeded(0, "balancing"):
            runs.append(ask(fed(ReLoBRaLo(NAMES, remembering=0.5).double()), HISTORY[0]))
    assert torch.equal(*runs)


def test_an_objective_that_relobralo_has_not_seen_counts_as_one():
    balancer = ReLoBRaLo(NAMES, smoothing=0.5, remembering=1.0).double()
    for losses in ([1.0, 1.0], [1.0, 0.5]):
        ask(balancer, losses, ("a", "b"))
    got = ask(balancer, [1.0, 0.5, 3.0])
    assert balancer.history[2] == 1
    np.testing.assert_allclose(got.sum().item(), 3.0)


def test_relobralo_names_the_loss_that_is_not_positive():
    with pytest.raises(TrainingError, match=r"ReLoBRaLo needs a positive loss .* b \(0\)"):
        ask(ReLoBRaLo(NAMES), [1.0, 0.0, 1.0])


@pytest.mark.parametrize("arguments", [{"temperature": 0.0}, {"smoothing": 1.1}, {"remembering": -0.1}])
def test_bad_arguments_of_relobralo_are_named(arguments):
    with pytest.raises(InputError, match="ReLoBRaLo needs `temperature` > 0, and `smoothing`"):
        ReLoBRaLo(NAMES, **arguments)


def windows():
    older, newer = HISTORY[4:8].mean(0), HISTORY[8:12].mean(0)
    return newer, newer - older


def test_softadapt_is_the_softmax_of_the_rates():
    _, rates = windows()
    got = ask(fed(SoftAdapt(NAMES, sharpness=0.6, window=4).double()), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(got.numpy(), 3 * softmax(0.6 * rates))


def test_normalized_softadapt_divides_the_rates_by_their_total():
    _, rates = windows()
    balancer = SoftAdapt(NAMES, sharpness=0.6, window=4, variant="normalized").double()
    expected = 3 * softmax(0.6 * rates / np.abs(rates).sum())
    np.testing.assert_allclose(ask(fed(balancer), [1.0, 1.0, 1.0]).numpy(), expected)


def test_loss_weighted_softadapt_multiplies_by_the_average_loss():
    newer, rates = windows()
    balancer = SoftAdapt(NAMES, sharpness=0.6, window=4, variant="loss-weighted").double()
    raised = newer * np.exp(0.6 * rates)
    np.testing.assert_allclose(ask(fed(balancer), [1.0, 1.0, 1.0]).numpy(), 3 * raised / raised.sum())


@pytest.mark.parametrize("variant", ["original", "normalized", "loss-weighted"])
def test_an_objective_without_two_windows_has_weight_one(variant):
    balancer = SoftAdapt(NAMES, window=2, variant=variant).double()
    for losses in HISTORY:
        ask(balancer, losses[:2], NAMES[:2])
    got = ask(balancer, [1.0, 1.0, 1.0])
    np.testing.assert_allclose([got[2].item(), got.sum().item()], [1.0, 3.0])


def test_normalized_softadapt_of_losses_that_stand_still_is_equal():
    balancer = SoftAdapt(NAMES, window=1, variant="normalized").double()
    assert ask(fed(balancer, [[1.0, 2.0, 3.0]] * 3), [1.0, 2.0, 3.0]).tolist() == [1.0, 1.0, 1.0]


def test_softadapt_takes_losses_of_any_sign():
    got = ask(fed(SoftAdapt(NAMES, window=1).double(), -HISTORY), [-1.0, 0.0, 1.0])
    np.testing.assert_allclose(got.sum().item(), 3.0)


def test_loss_weighted_softadapt_names_the_loss_that_is_not_positive():
    balancer = fed(SoftAdapt(NAMES, window=1, variant="loss-weighted").double(), [[1.0, -1.0, 1.0]] * 2)
    with pytest.raises(TrainingError, match=r"SoftAdapt needs a positive average loss .* b \(-1\)"):
        ask(balancer, [1.0, 1.0, 1.0])


def test_an_unknown_variant_of_softadapt_is_named():
    with pytest.raises(InputError, match="SoftAdapt has no variant 'plus'; there are original"):
        SoftAdapt(NAMES, variant="plus")


@pytest.mark.parametrize("build", [ReLoBRaLo, lambda names: SoftAdapt(names, window=2)])
def test_an_absent_objective_keeps_its_state(build):
    balancer = fed(build(NAMES).double())
    before = {name: value[1].clone() for name, value in balancer.state_dict().items()}
    for _ in range(5):
        ask(balancer, [1.0, 2.0], ("a", "c"))
    assert all(torch.equal(value[1], before[name]) for name, value in balancer.state_dict().items())


@pytest.mark.parametrize("build", [ReLoBRaLo, lambda names: SoftAdapt(names, window=1)])
def test_they_keep_the_contract(build):
    check_balancer(build)
