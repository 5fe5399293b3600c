"""A model of one's own: other parameters in every call, and nothing of the model is changed."""

import torch
from torch import nn
from torch.func import functional_call

from polytask.core import generator, seeded
from polytask.meta.adaptation.own_model import OwnModel
from polytask.meta.layers.computed_weights import ComputedWeights

X = torch.randn(5, 2, generator=generator(0))


def net() -> nn.Sequential:
    with seeded(0):
        return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 1))


def own(model: nn.Module) -> OwnModel:
    return OwnModel(model, computed_weights=ComputedWeights(model), normalization="batch")


def test_each_call_runs_with_its_own_parameters() -> None:
    model = net()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    running = own(model)
    for scale in (1.0, 2.0, 0.5):
        parameters = {name: scale * p.detach() for name, p in model.named_parameters()}
        torch.testing.assert_close(running(parameters, X, 0), functional_call(net(), parameters, (X,)))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_first_layers_may_have_been_run_already() -> None:
    model = net()
    parameters = {name: 2 * p.detach() for name, p in model[3].named_parameters("3")}
    torch.testing.assert_close(
        own(model)(parameters, model[:3](X), 0, n_fixed=3),
        functional_call(model, parameters, (X,)),
    )


def test_a_tensor_is_replaced_at_all_its_places() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    parameters = {"0.weight": torch.eye(2), "0.bias": torch.zeros(2), "1.bias": torch.zeros(2)}
    torch.testing.assert_close(own(model)(parameters, X, 0), X)
