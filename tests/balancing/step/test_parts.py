"""What parts are to the step that they make."""

import pytest
import torch

from polytask.balancing.step.gradients import StepGradients
from polytask.balancing.step.parts import Joined, Whole
from polytask.balancing.step.processes import OneProcess
from polytask.core import Objectives, TrainingError

CPU = torch.device("cpu")
PARTS = [(("a", "b"), (), (2, 4)), (("b",), ("a",), (4,)), ((), ("a", "b"), ())]


@pytest.mark.parametrize(
    ("index", "scale", "places"), [(0, [1.0, 0.5], [0, 1]), (1, [0.5], [1]), (2, [], [])]
)
def test_tasks_are_averaged_by_their_labels(index, scale, places):
    joined = Joined(PARTS, index, CPU)
    assert joined.names == ("a", "b")
    assert joined.scale.tolist() == scale
    assert joined.places.tolist() == places


def test_the_shares_of_the_parts_are_the_losses_of_the_step():
    shares = [
        Joined(PARTS, index, CPU).share(torch.tensor(values))
        for index, values in enumerate(([1.0, 3.0], [5.0], []))
    ]
    assert torch.stack(shares).sum(0).tolist() == [1, 4]


def test_episodes_stand_side_by_side():
    parts = [(("x",), (), None), (("x", "y"), (), None)]
    joined = Joined(parts, 1, CPU)
    assert joined.names == ("x@0", "x@1", "y@1")
    assert joined.spread(torch.tensor([[1.0], [2.0]])).flatten().tolist() == [0, 1, 2]


def test_different_kinds_of_learners_are_refused():
    with pytest.raises(TrainingError, match="different kinds of learners"):
        Joined([(("x",), (), None), (("x",), (), (3,))], 0, CPU)


def step() -> tuple[StepGradients, torch.nn.Parameter]:
    weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    values = torch.stack([weight.sum(), weight.prod()])
    return StepGradients(Whole(Objectives(values=values, names=("a", "b")), OneProcess()), [weight]), weight


def test_the_rows_of_a_step_are_its_gradients_and_are_kept_until_forgotten():
    gradients, _ = step()
    rows = gradients.rows()
    assert rows.tolist() == [[1, 1], [2, 1]]
    assert gradients.rows() is rows
    gradients.forget()
    assert gradients.rows() is not rows


def test_a_weighted_gradient_is_the_weighted_rows():
    gradients, _ = step()
    (found,) = gradients.gradient(torch.tensor([2.0, -1.0]))
    assert torch.equal(found, torch.tensor([2.0, -1.0]) @ gradients.rows())


def test_one_part_of_one_process_has_all_of_the_step():
    gradients, weight = step()
    assert gradients.only_graph is not None
    assert gradients.only_graph.shared == [weight]
