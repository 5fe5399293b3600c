"""The Meta-LSTM, written out by hand."""

import torch
from torch import Tensor, nn

from polytask.core import generator, seeded
from polytask.meta.adaptation.rules import InnerStep, UpdateRule
from polytask.meta.layers.lstm_cell import LSTMCell
from polytask.meta.optimization import MetaLSTM
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
