"""What a rule for single coordinates sees."""

import torch
from torch import Tensor

from polytask.core import generator
from polytask.core.learner import State
from polytask.meta.adaptation.rules import InnerStep
from polytask.meta.optimization import LSTMOptimizer
from polytask.meta.optimization.coordinates import log_and_sign


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
