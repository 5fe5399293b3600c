"""MAML++ and its kin with values by step: against loops written by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from polytask.balancing import BalancedBackward
from polytask.balancing.methods import UPGrad
from polytask.balancing.step.accumulation import Accumulation
from polytask.core import Batch, Episode, Task, generator, seeded
from polytask.meta.adaptation.rules import InnerStep
from polytask.meta.initialization import MAMLPlusPlus
from polytask.meta.initialization.maml_plus_plus import MultiStepLoss
from polytask.meta.optimization import ALFA, AdaptiveRates, LearnedRates

CLASSES = Task(name="c", kind="multiclass", n_outputs=3)


def batch(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 4, generator=generator(0, *path), dtype=torch.float64)
    return Batch(inputs=x, targets={"c": torch.arange(n_rows) % 3})


EPISODE = Episode(tasks=(CLASSES,), support=batch(6, "support"), query=batch(9, "query"))


def scattered(learner: nn.Module) -> None:
    """Give every step a rate, a scale and a shift of its own."""
    with torch.no_grad():
        for name, p in learner.named_parameters():
            if any(part in name for part in ("rates", "scale", "shift", "decays")):
                noise = torch.rand(p.shape, generator=generator(1, name), dtype=p.dtype)
                p.copy_(0.05 + noise if "rates" in name else 0.5 + noise)


@pytest.fixture
def learner():
    with seeded(0):
        model = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3))
        found = MAMLPlusPlus(model.double(), n_steps=3, n_multi_step=4).double()
    scattered(found)
    return found


def by_hand(learner) -> list[list[Tensor]]:
    """Return the weights before the first step and after each one."""
    weights = [learner.model[0].weight, learner.model[0].bias, learner.model[3].weight, learner.model[3].bias]
    names = ["0/weight", "0/bias", "3/weight", "3/bias"]
    found = [weights]
    for step in range(3):
        loss = functional.cross_entropy(answer(learner, weights, EPISODE.support, step), torch.arange(6) % 3)
        gradients = torch.autograd.grad(loss, weights, create_graph=True)
        rates = [learner.rule.rates[name][step] for name in names]
        weights = [w - rate * g for w, rate, g in zip(weights, rates, gradients, strict=True)]
        found.append(weights)
    return found


def answer(learner, weights, given, step: int) -> Tensor:
    hidden = functional.linear(given.inputs, *weights[:2])
    centred = hidden - hidden.mean(0)
    hidden = centred / (centred.square().mean(0) + 1e-5).sqrt()
    norm = learner.model[1]
    return functional.linear(torch.tanh(norm.scale[step] * hidden + norm.shift[step]), *weights[2:])


def test_every_step_has_its_own_rates_scales_and_shifts(learner):
    expected = by_hand(learner)
    found = learner.trajectory(EPISODE.tasks, EPISODE.support)
    assert len(found) == 4
    for step, (state, weights) in enumerate(zip(found, expected, strict=True)):
        torch.testing.assert_close(list(state.values()), list(weights), msg=lambda m, k=step: f"{k}: {m}")
    predictor = learner.adapt(EPISODE.tasks, EPISODE.support)
    wanted = answer(learner, expected[-1], EPISODE.query, 3)
    torch.testing.assert_close(predictor(EPISODE.query.inputs)["c"], wanted)


@pytest.mark.parametrize("n_done", [0, 1, 4, 9])
def test_the_losses_after_the_steps_are_weighted_by_how_far_training_is(learner, n_done):
    learner.objective.n_done.fill_(n_done)
    states = by_hand(learner)[1:]
    losses = [
        functional.cross_entropy(answer(learner, weights, EPISODE.query, step), torch.arange(9) % 3)
        for step, weights in enumerate(states, start=1)
    ]
    share = min(n_done / 4, 1.0)
    weights = [(1 - share) / 3, (1 - share) / 3, (1 - share) / 3 + share]
    expected = sum(weight * loss for weight, loss in zip(weights, losses, strict=True))
    found = learner.objectives([EPISODE]).total()
    torch.testing.assert_close(found, expected)
    gradients = [
        torch.autograd.grad(v, list(learner.rule.parameters()), retain_graph=True) for v in (found, expected)
    ]
    torch.testing.assert_close(*gradients)
    assert float(learner.objective.n_done) == n_done + 1
    learner.eval()
    torch.testing.assert_close(learner.objectives([EPISODE]).total(), losses[-1])
    assert float(learner.objective.n_done) == n_done + 1


def test_the_first_updates_are_of_first_order():
    objective = MultiStepLoss(n_updates=0, n_first_order=2)
    seen = []
    for _ in range(4):
        objective.before()
        seen.append(objective.first_order)
        objective.after()
    assert seen == [True, True, False, False]
    assert objective.weights(3).tolist() == [0.0, 0.0, 1.0]


def step(index: int) -> InnerStep:
    return InnerStep(
        index=index,
        parameters={"a": torch.ones(2), "b": torch.full((3,), 2.0)},
        gradients={"a": torch.tensor([1.0, -1.0]), "b": torch.full((3,), 0.5)},
        loss=torch.ones(()),
    )


@pytest.mark.parametrize("index", [0, 1, 2, 5])
def test_learned_rates_of_a_step_beyond_the_last_are_the_last_ones(index):
    rule = LearnedRates(step(0).parameters, n_steps=3, per_element=False)
    with torch.no_grad():
        rule.rates["a"].copy_(torch.tensor([0.1, 0.2, 0.3]))
        rule.rates["b"].copy_(torch.tensor([1.0, 2.0, 4.0]))
    found, _ = rule(step(index), {})
    place = min(index, 2)
    torch.testing.assert_close(
        found["a"], torch.tensor([1.0, 1.0]) - [0.1, 0.2, 0.3][place] * torch.tensor([1.0, -1.0])
    )
    torch.testing.assert_close(found["b"], torch.full((3,), 2.0 - 0.5 * [1.0, 2.0, 4.0][place]))


@pytest.mark.parametrize("index", [0, 1, 3])
def test_adaptive_rates_and_decays_are_those_of_the_step_times_the_generated_ones(index):
    with seeded(0):
        rule = AdaptiveRates(step(0).parameters, n_steps=2)
        nn.init.normal_(rule.generator[2].weight)
    scattered(rule)
    given = step(index)
    means = [1.0, 2.0, 0.0, 0.5]  # of the parameters, then of the gradients
    factors = rule.generator(torch.tensor(means))
    place = min(index, 1)
    found, _ = rule(given, {})
    for position, name in enumerate(("a", "b")):
        rate = rule.rates[place, position] * factors[position]
        decay = rule.decays[place, position] * factors[2 + position]
        torch.testing.assert_close(found[name], decay * given.parameters[name] - rate * given.gradients[name])


def test_alfa_has_rates_for_each_of_its_steps():
    learner = ALFA(nn.Linear(4, 3), n_steps=3, inner_rate=0.2)
    assert learner.rule.rates.shape == (3, 2)
    assert bool((learner.rule.rates == 0.2).all())


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_in_parts_counts_as_one_update(accumulate):
    with seeded(0):
        learner = MAMLPlusPlus(nn.Linear(4, 3), n_steps=1, per_step_normalization=False)
    parts = [lambda: learner.objectives([EPISODE])] * accumulate
    learner.double()
    BalancedBackward(learner, UPGrad()).accumulated(Accumulation(learner, parts))
    assert int(learner.objective.n_done) == 1
