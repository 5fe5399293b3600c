"""What a balancer is shown."""

import pytest
import torch
from tests.balancing.methods.held_out import N, held_out, seen

from polytask.balancing import Evidence, balancer_by_name
from polytask.balancing.methods import UPGrad
from polytask.core import TrainingError
from polytask.core.errors import NotFiniteError


def test_evidence_of_the_sum_alone_counts_as_one_validation_objective():
    evidence = seen(validation=lambda d: torch.stack([*held_out(d).values()]).sum(0))
    (name,) = evidence.validation_gradients(torch.zeros(N).double())
    assert name == "validation"
    torch.testing.assert_close(
        evidence.validation_gradient(torch.ones(N).double()),
        seen().validation_gradient(torch.ones(N).double()),
    )


def test_a_gradient_that_is_not_finite_names_its_task():
    rows = torch.tensor([[1.0, 2.0], [float("nan"), 1.0]])
    with pytest.raises(TrainingError, match="gradient of b is not finite"):
        UPGrad()(Evidence(("a", "b"), torch.ones(2), lambda: rows))


def test_gradients_of_halves_and_validation_examples_that_are_not_finite_name_their_task():
    rows = torch.tensor([[1.0, 2.0], [float("inf"), 1.0]])
    evidence = Evidence(
        ("a", "b"), torch.ones(2), lambda: rows.nan_to_num(0, 0, 0),
        cross=lambda: rows @ rows.T, validation=lambda _: {"y": rows[0], "z": rows[1]},
    )  # fmt: skip
    with pytest.raises(NotFiniteError, match="gradient of b is not finite"):
        balancer_by_name("modo", ["a", "b"])(evidence)
    for name in ("auto-lambda", "moml", "forum"):
        with pytest.raises(NotFiniteError, match="validation gradient of z is not finite"):
            balancer_by_name(name, ["a", "b"])(evidence)


def test_a_validation_step_without_any_label_is_named():
    evidence = Evidence(("a",), torch.ones(1), lambda: torch.ones(1, 2), validation=lambda _: {})
    with pytest.raises(TrainingError, match="No example of the validation step has a label"):
        balancer_by_name("auto-lambda", ["a"])(evidence)
