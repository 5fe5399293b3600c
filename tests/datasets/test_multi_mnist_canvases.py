"""Multi-MNIST, drawn from digits of our own."""

import pytest
import torch

from polytask.core import InputError
from polytask.data import LabelledExamples
from polytask.datasets import multi_mnist


def drawn() -> LabelledExamples:
    images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    for digit, image in enumerate(images):
        image[0, 3, 3] = 50 * (digit + 1)
    return LabelledExamples(
        inputs=images,
        labels=torch.arange(4),
        class_names=tuple("0123"),
        class_groups=("digit",) * 4,
    )


def test_the_right_digit_stands_eight_pixels_below_and_beside_the_left_one():
    data = multi_mnist(drawn(), 50).data
    for side, place in (("left", 3), ("right", 11)):
        expected = 50 * (data.targets[side] + 1) / 255
        torch.testing.assert_close(data.inputs[:, 0, place, place], expected)


def test_canvases_repeat_with_the_seed_and_use_the_allowed_digits_alone():
    first, again = (multi_mnist(drawn(), 50, seed=3, rows=torch.tensor([1, 2])).data for _ in range(2))
    assert torch.equal(first.inputs, again.inputs)
    assert set(first.targets["left"].tolist()) == {1, 2}


def test_no_canvas_can_be_made_of_a_single_digit():
    with pytest.raises(InputError, match="needs two digits"):
        multi_mnist(drawn(), 50, rows=torch.tensor([1]))
