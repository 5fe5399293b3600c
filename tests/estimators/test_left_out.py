"""Left-out examples say which features are better."""

import torch

from polytask.estimators.left_out import can_leave_out, left_out_loss


def test_features_that_tell_classes_apart_have_the_lower_loss() -> None:
    given = ["a"] * 4 + ["b"] * 4
    clear = torch.tensor([[1.0, 0.1 * index] if index < 4 else [-1.0, 0.1 * index] for index in range(8)])
    noise = torch.randn(8, 2, generator=torch.Generator().manual_seed(0))
    assert left_out_loss(clear, given) < left_out_loss(noise, given)


def test_one_example_of_each_class_leaves_nothing_to_leave_out() -> None:
    assert not can_leave_out(["a", "b"])
    assert can_leave_out(["a", "b", "a"])
