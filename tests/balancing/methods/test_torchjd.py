"""TorchJD's algorithms as balancers: which of them can be, and which are refused."""

import pytest
import torch
from torchjd import aggregation, scalarization

from polytask.balancing import Aggregated, Evidence, GramianWeighted, Scalarized
from polytask.core import InputError


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
