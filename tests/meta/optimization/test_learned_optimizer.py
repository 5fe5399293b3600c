"""The learned optimizers, written out by hand."""

import torch
from torch import Tensor, nn

from polytask.core import generator, seeded
from polytask.meta.adaptation.rules import InnerStep, UpdateRule
from polytask.meta.layers.lstm_cell import LSTMCell
from polytask.meta.optimization import LSTMOptimizer, MLPOptimizer
from polytask.meta.optimization.coordinates import log_and_sign


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


def test_the_second_moment_is_a_mean_of_squares() -> None:
    rule = MLPOptimizer(width=2, smoothing=0.75)
    start = torch.zeros(2)
    _, memory = rule.change(
        InnerStep(index=0, parameters={}, gradients={}, loss=torch.tensor(0.0)),
        start,
        torch.tensor([2.0, -4.0]),
        {"momenta": torch.zeros(2, 3), "second": torch.tensor([4.0, 0.0])},
    )
    torch.testing.assert_close(memory["second"], torch.tensor([4.0, 4.0]))
