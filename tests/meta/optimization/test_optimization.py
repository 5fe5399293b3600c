"""Learned rules: torch's cells and closed forms as reference, gradients by finite differences, messages."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.core.learner import TOGETHER, State, run_loop
from polytask.execution import check_meta_gradient, run_vmap
from polytask.meta import GradientLearner
from polytask.meta.adaptation.rules import SGD, InnerStep, UpdateRule
from polytask.meta.layers.lstm_cell import LSTMCell
from polytask.meta.optimization import (
    AdaptiveRates,
    EvolvedObjective,
    KroneckerCurvature,
    LearnedRates,
    LSTMOptimizer,
    MetaLSTM,
    MLPOptimizer,
    PersistentEvolution,
    WarpGrad,
    with_warp_layers,
)
from polytask.meta.optimization.coordinates import log_and_sign

CLASSES = Task(name="class", kind="multiclass", n_outputs=3)


def net() -> nn.Sequential:
    with seeded(0, "net"):
        return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))


def episodes() -> list[Episode]:
    def batch(n_rows: int, *path: str | int) -> Batch:
        x = torch.randn(n_rows, 4, generator=generator(0, *path))
        return Batch(inputs=x, targets={"class": torch.arange(n_rows) % 3})

    return [
        Episode(tasks=(CLASSES,), support=batch(6, "support", i), query=batch(5, "query", i))
        for i in range(3)
    ]


RULES: dict[str, Callable[[], UpdateRule]] = {
    "LSTM optimizer": lambda: LSTMOptimizer(width=4),
    "MLP optimizer": lambda: MLPOptimizer(width=4),
    "Meta-LSTM": lambda: MetaLSTM(width=4, rate=0.1),
    "Kronecker": lambda: KroneckerCurvature(dict(net().named_parameters())),
    "rates by step": lambda: LearnedRates(dict(net().named_parameters()), n_steps=2, per_element=False),
}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("recompute", [False, True])
def test_a_learned_rule_has_the_gradient_of_finite_differences(name: str, recompute: bool) -> None:
    with seeded(0, "rule"):
        learner = GradientLearner(net(), rule=RULES[name](), n_steps=3, recompute=recompute)
    check_meta_gradient(learner, episodes(), n_directions=2, tolerance=3e-6).raise_if_wrong()


@pytest.mark.parametrize("name", RULES)
def test_a_learned_rule_learns_to_lower_the_loss(name: str) -> None:
    with seeded(0, "rule"):
        learner = GradientLearner(net(), rule=RULES[name](), n_steps=3, n_differentiated=0)
    optimizer = torch.optim.Adam(learner.rule.parameters(), lr=0.02)
    fitted = [Episode(tasks=e.tasks, support=e.support, query=e.support or e.query) for e in episodes()]
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = learner.objectives(fitted, execution=run_vmap).values.mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 0.05


def test_the_cell_is_torchs() -> None:
    ours, torchs = LSTMCell(3, 4), nn.LSTMCell(3, 4)
    for own, other in (("inputs", "ih"), ("hidden", "hh")):
        for kind in ("weight", "bias"):
            getattr(getattr(ours, own), kind).data.copy_(getattr(torchs, f"{kind}_{other}").data)
    x, hidden, cell = torch.randn(2, 3), torch.randn(2, 4), torch.randn(2, 4)
    torch.testing.assert_close(ours(x, hidden, cell), torchs(x, (hidden, cell)))


def test_small_gradients_enter_as_they_are_and_large_ones_by_their_logarithm() -> None:
    found = log_and_sign(torch.tensor([torch.e**-5, -(torch.e**-12)]))
    torch.testing.assert_close(found, torch.tensor([[-0.5, 1.0], [-1.0, -(torch.e**-2)]]))


def test_coordinates_are_treated_alike_whatever_parameter_they_belong_to() -> None:
    rule = LSTMOptimizer(width=3)
    whole = {"w": torch.randn(6, generator=generator(0))}
    apart = {"a": whole["w"][:2].clone(), "b": whole["w"][2:].reshape(2, 2).clone()}

    def stepped(parameters: State) -> Tensor:
        memory = rule.optimizer_state(parameters)
        for index in range(2):
            step = InnerStep(
                index=index,
                parameters=parameters,
                gradients={name: 2 * p for name, p in parameters.items()},
                loss=torch.ones(()),
            )
            parameters, memory = rule(step, memory)
        return torch.cat([p.reshape(-1) for p in parameters.values()])

    torch.testing.assert_close(stepped(whole), stepped(apart))


def test_warp_layers_change_nothing_at_first_and_stay_out_of_the_inner_loop() -> None:
    plain, x = net(), torch.randn(3, 4)
    torch.testing.assert_close(with_warp_layers(plain)(x), plain(x))
    (episode, *_) = episodes()
    learner = WarpGrad(net(), n_steps=2)
    assert not any("warp" in name for name in learner.adapt(episode.tasks, episode.support).state[TOGETHER])


def test_warp_layers_get_the_mean_gradient_along_the_trajectory() -> None:
    learner = WarpGrad(net(), n_steps=3, learn_start=False)
    (episode, *_) = episodes()
    assert episode.support is not None
    warp: Tensor = dict(learner.model.named_parameters())["0.warp.weight"]
    states = learner.trajectory(episode.tasks, episode.support)[1:]
    losses = [
        learner.loss({n: p.detach() for n, p in state.items()}, episode.tasks, episode.query, 0)
        for state in states
    ]
    (expected,) = torch.autograd.grad(torch.stack(losses).mean(), warp)
    (value,) = run_loop(learner, [episode])
    (found,) = torch.autograd.grad(value, warp)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(value.detach(), losses[-1].detach())


def test_every_execution_of_warped_descent_agrees() -> None:
    check_meta_gradient(WarpGrad(net(), n_steps=2), episodes()).raise_if_wrong()


class Point(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([1.0, -2.0]))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.theta.expand(inputs.shape[0], -1)


def test_the_evolved_gradient_weighs_each_perturbation_by_the_difference_of_its_pair() -> None:
    task = Task(name="y", kind="regression", n_outputs=2, loss=lambda p, t: (p - t).square().sum(-1))
    batch = Batch(inputs=torch.zeros(1, 1), targets={"y": torch.zeros(1, 2)})
    episode = Episode(tasks=(task,), support=batch, query=batch)
    rule, objective = SGD(0.2), EvolvedObjective(sigma=0.1, n_pairs=5)
    learner = GradientLearner(Point(), rule=rule, objective=objective, n_steps=2)
    shrink = (1 - 2 * 0.2) ** 4  # two steps of 0.2 down |theta|^2, squared
    theta, draw = torch.tensor([1.0, -2.0]), torch.Generator().manual_seed(3)
    noises = 0.1 * torch.stack([torch.randn(2, generator=draw) for _ in range(5)])  # [pair, parameter]
    # |theta + e|^2 - |theta - e|^2 is 4 <theta, e>: on average over e this is the gradient 2 theta.
    expected = shrink * (4 * noises @ theta) @ noises / (2 * 5 * 0.1**2)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        (value,) = run_loop(learner, [episode])
    value.backward()
    torch.testing.assert_close(learner.model.theta.grad, expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(value.detach(), shrink * theta.square().sum())


def position(theta: State, state: State) -> tuple[State, Tensor]:
    """Walk on by theta; the loss is the place, so that the sum over T windows has the slope T (T + 1) / 2."""
    there = state["x"] + theta["step"]
    return {"x": there}, there.sum()


def test_persistent_evolution_is_unbiased_where_truncation_is_not() -> None:
    evolution = PersistentEvolution(
        position, lambda: {"x": torch.zeros(1)}, n_windows=4, n_particles=3, sigma=0.1, seed=5
    )
    found = [float(evolution.gradient({"step": torch.ones(1)})[0]["step"]) for _ in range(4)]
    draws = generator(5, "persistent evolution")
    noise = torch.stack([torch.randn(1, generator=draws) for _ in range(12)]).reshape(
        4, 3
    )  # [window, particle]
    gathered = noise.cumsum(0)
    # The place after a window is perturbed by all perturbations so far, and is weighted by these: the mean is
    # their variance, t after t windows, where the window's own perturbation alone would give 1 each time.
    expected = gathered.square().mean(1)
    assert found == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-3)


def test_persistent_evolution_begins_anew_after_a_run() -> None:
    evolution = PersistentEvolution(position, lambda: {"x": torch.zeros(1)}, n_windows=2, n_particles=1)
    losses = [float(evolution.gradient({"step": torch.ones(1)})[1]) for _ in range(4)]
    assert losses == pytest.approx([1, 2, 1, 2], abs=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: LSTMOptimizer(width=0), "`width` must be at least 1"),
        (lambda: MLPOptimizer(momenta=(1.0,)), r"must be in \[0, 1\)"),
        (lambda: MetaLSTM(rate=1.0), "`rate` and `decay` between 0 and 1"),
        (lambda: LearnedRates({}), "`parameters` is empty"),
        (lambda: LearnedRates({"w": torch.ones(1)}, n_steps=0), "`n_steps` must be at least 1, got 0"),
        (lambda: KroneckerCurvature({}, rate=0.0), "`rate` must be above 0"),
        (lambda: AdaptiveRates({}, n_steps=0), "`n_steps` at least 1"),
        (lambda: with_warp_layers(nn.Linear(2, 2)), "needs two linear or 2-D convolutional layers"),
        (lambda: EvolvedObjective(sigma=0.0), "`sigma` must be above 0"),
        (lambda: PersistentEvolution(position, dict, n_windows=0), "`n_windows` and `n_particles` must be"),
    ],
)
def test_a_bad_argument_is_named(build: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()


def torchs_cell(ours: LSTMCell) -> nn.LSTMCell:
    found = nn.LSTMCell(ours.inputs.in_features, ours.hidden.in_features)
    for own, other in (("inputs", "ih"), ("hidden", "hh")):
        for kind in ("weight", "bias"):
            getattr(found, f"{kind}_{other}").data.copy_(getattr(getattr(ours, own), kind).data)
    return found


def three_steps(rule: UpdateRule, gradients: Tensor) -> Tensor:
    """Make a step for each row of gradients ``[step, coordinate]`` from parameters of 1."""
    parameters = {"w": torch.ones(gradients.shape[1])}
    memory = rule.optimizer_state(parameters)
    for index, row in enumerate(gradients):
        step = InnerStep(index=index, parameters=parameters, gradients={"w": row}, loss=torch.tensor(0.5))
        parameters, memory = rule(step, memory)
    return parameters["w"].detach()


def test_the_lstm_optimizer_is_two_of_torchs_cells_and_a_scaled_output() -> None:
    with seeded(0):
        rule = LSTMOptimizer(width=4, scale=0.3)
        first, second = (torchs_cell(cell) for cell in rule.cells if isinstance(cell, LSTMCell))
    gradients = torch.randn(3, 5, generator=generator(1))
    expected, states = torch.ones(5), [(torch.zeros(5, 4), torch.zeros(5, 4)) for _ in range(2)]
    for row in gradients:
        states[0] = first(log_and_sign(row), states[0])
        states[1] = second(states[0][0], states[1])
        expected = expected + 0.3 * rule.output(states[1][0]).squeeze(1)
    torch.testing.assert_close(three_steps(rule, gradients), expected.detach())


def test_the_meta_lstm_forgets_and_steps_by_gates_that_see_their_last_values() -> None:
    with seeded(0):
        rule = MetaLSTM(width=4, rate=0.2, decay=0.1)
        nn.init.normal_(rule.gates.weight, std=0.3)
        cell = torchs_cell(rule.cell)
    gradients = torch.randn(3, 5, generator=generator(2))
    expected, gates = torch.ones(5), torch.tensor([0.9, 0.2]).expand(5, 2)
    state = (torch.zeros(5, 4), torch.zeros(5, 4))
    loss = log_and_sign(torch.full((5,), 0.5))
    for row in gradients:
        state = cell(torch.cat([log_and_sign(row), loss], dim=1), state)
        gates = rule.gates(torch.cat([state[0], expected[:, None], gates], dim=1)).sigmoid()
        expected = gates[:, 0] * expected - gates[:, 1] * row
    torch.testing.assert_close(three_steps(rule, gradients), expected.detach())


def test_the_mlp_optimizer_sees_momenta_second_moments_and_how_far_training_is() -> None:
    with seeded(0):
        rule = MLPOptimizer(width=4, step_scale=0.2, size_scale=0.5, momenta=(0.3, 0.8), smoothing=0.6)
    gradients = torch.randn(3, 5, generator=generator(3))
    expected, momenta, second = torch.ones(5), torch.zeros(5, 2), torch.zeros(5)
    decays, horizons = torch.tensor([0.3, 0.8]), torch.tensor([1.0, 3.0, 10.0, 30.0, 100.0, 300.0])
    for index, row in enumerate(gradients):
        momenta = decays * momenta + (1 - decays) * row[:, None]
        second = 0.6 * second + 0.4 * row**2
        root = second.sqrt()
        features = torch.cat([torch.stack([expected, row, root, 1 / (root + 1e-6)], 1), momenta], 1)
        features = features / features.square().mean(0).sqrt()
        progress = torch.tanh(index / horizons - 1).expand(5, 6)
        direction, size = rule.network(torch.cat([features, progress], 1)).unbind(1)
        expected = expected - 0.2 * direction * torch.exp(0.5 * size)
    torch.testing.assert_close(three_steps(rule, gradients), expected.detach(), rtol=1e-4, atol=1e-5)


def test_kronecker_matrices_act_on_outputs_inputs_and_places() -> None:
    gradient = torch.randn(2, 3, 2, 2, generator=generator(4))
    rule = KroneckerCurvature({"w": gradient}, rate=0.5)
    draw = generator(5)
    with torch.no_grad():
        for p in rule.parameters():
            p.copy_(torch.randn(p.shape, generator=draw))
    outputs, inputs, kernel = rule.outputs["w"], rule.inputs["w"], rule.kernel["w"]
    expected = torch.einsum("po,oik,ij,kl->pjl", outputs, gradient.flatten(2), inputs, kernel)
    step = InnerStep(
        index=0, parameters={"w": torch.ones_like(gradient)}, gradients={"w": gradient}, loss=torch.zeros(())
    )
    torch.testing.assert_close(rule(step, {})[0]["w"], 1 - 0.5 * expected.reshape(gradient.shape))


def test_warped_descent_moves_the_start_as_reptile_does() -> None:
    learner, (episode, *_) = WarpGrad(net(), n_steps=3, inner_rate=0.3), episodes()
    assert episode.support is not None
    before = learner.initial(episode.tasks, episode.support)
    after = learner.adapt(episode.tasks, episode.support).state[TOGETHER]
    learner.objectives([episode]).total().backward()
    for name, parameter in before.items():
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, parameter.detach() - after[name])
