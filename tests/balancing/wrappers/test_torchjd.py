"""TorchJD's algorithms as balancers: which of them can be, and which are refused."""

import pytest
import torch
from tests.balancing.small import EXACT, episodes, gradients, learner
from torchjd import aggregation, scalarization
from torchjd.aggregation import UPGrad as TorchJDUPGrad
from torchjd.scalarization import GeometricMean

from polytask.balancing import Aggregated, BalancedBackward, Evidence, GramianWeighted, Scalarized
from polytask.balancing.methods import UPGrad
from polytask.core import InputError, shared_parameters


@pytest.mark.parametrize(
    "build",
    [
        lambda: Scalarized(scalarization.FAMO(2)),  # waits for `update` after each step
        lambda: Scalarized(scalarization.DWA()),  # waits for `step` after each epoch
        lambda: GramianWeighted(aggregation.GradVacWeighting()),
        lambda: GramianWeighted(aggregation.MoDoWeighting()),
        lambda: Aggregated(aggregation.GradVac()),
        lambda: Aggregated(aggregation.PCD()),
    ],
)
def test_what_keeps_state_that_is_neither_saved_nor_called_for_is_refused(build):
    with pytest.raises(InputError, match=r"keeps state between steps .*balancer_names"):
        build()


def test_the_parameters_of_a_scalarizer_are_trained_as_torchjd_trains_them():
    theirs, losses = scalarization.UW(2), torch.tensor([0.5, 3.0])
    ours = Scalarized(scalarization.UW(2))
    update = ours(Evidence(("a", "b"), losses, torch.Tensor))
    update.regularizer.backward()
    theirs(losses).backward()
    assert torch.equal(ours.scalarizer.log_var.grad, theirs.log_var.grad)
    assert float(theirs.log_var.grad.abs().min()) > 0.1


def test_scalarized_weights_are_the_gradient_of_the_scalarizer():
    model, plain = learner(), learner()
    BalancedBackward(model, Scalarized(GeometricMean()))(model.objectives(episodes()))
    GeometricMean()(plain.objectives(episodes()).values).backward()
    for mine, other in zip(shared_parameters(model), shared_parameters(plain), strict=True):
        torch.testing.assert_close(mine.grad, other.grad)


def test_an_aggregator_of_the_full_jacobian_gives_the_direction():
    model, weighted = learner(), learner()
    BalancedBackward(model, Aggregated(TorchJDUPGrad(projector=EXACT)))(model.objectives(episodes()))
    BalancedBackward(weighted, UPGrad())(weighted.objectives(episodes()))
    torch.testing.assert_close(gradients(model), gradients(weighted), rtol=1e-6, atol=1e-8)
