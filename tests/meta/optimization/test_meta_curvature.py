"""Kronecker matrices, written out."""

import torch

from polytask.core import generator
from polytask.meta.adaptation.rules import InnerStep
from polytask.meta.optimization import KroneckerCurvature


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
