"""A few images of each of many classes."""

import pytest
import torch
from torch import Tensor

from polytask.checks import check_source
from polytask.core import DataError
from polytask.data import ClassBatches, LabelledExamples


def examples(n_classes: int = 12, n_images: int = 5) -> LabelledExamples:
    """Images whose first pixel tells the class, and whose second the example; in groups of four."""
    labels = torch.arange(n_classes).repeat_interleave(n_images)
    images = torch.zeros(len(labels), 1, 16, 16)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = labels + 1.0, torch.arange(len(labels)) + 1.0
    return LabelledExamples(
        inputs=images,
        labels=labels,
        class_names=tuple(f"c{index}" for index in range(n_classes)),
        class_groups=tuple(f"g{index // 4}" for index in range(n_classes)),
    )


def test_a_step_has_as_many_different_images_of_each_class_as_asked():
    (episode,) = ClassBatches(examples(), n_classes=20, n_each=3, strength=None).step(3)
    inputs, labels = episode.query.inputs, episode.query.targets["class"]
    assert isinstance(inputs, Tensor) and episode.tasks[0].n_outputs == 20
    assert labels.tolist() == [index for index in range(20) for _ in range(3)]
    sums = inputs.flatten(1).sum(1).view(20, 3)
    assert all(len(set(row.tolist())) == 3 for row in sums)


def test_the_orientations_of_a_class_are_classes_of_their_own():
    (episode,) = ClassBatches(examples(), n_classes=8 * 12, n_each=2, strength=None).step(0)
    inputs = episode.query.inputs
    assert isinstance(inputs, Tensor)
    images = inputs.view(96, 2, -1)
    assert len({tuple((one > 0).nonzero().flatten().tolist()) for one in images[:, 0]}) == 8
    assert torch.equal(images[:, 0] > 0, images[:, 1] > 0)  # of one class in one orientation


def test_a_step_has_few_groups():
    many = examples(n_classes=40)
    source = ClassBatches(many, n_classes=8, n_each=2, n_groups=2, strength=None)
    for index in range(10):
        inputs = source.step(index)[0].query.inputs
        assert isinstance(inputs, Tensor)
        groups = set()
        for image in inputs:
            numbers = image[image > 0]
            groups.add(int(many.labels[int(numbers.max()) - 1]) // 4)
        assert len(groups) <= 3


def test_images_are_varied_and_a_step_is_the_same_again():
    source = ClassBatches(examples(), n_classes=10)
    first, second = (source.step(4)[0].query.inputs for _ in range(2))
    plain = ClassBatches(examples(), n_classes=10, strength=None).step(4)[0].query.inputs
    assert isinstance(first, Tensor) and isinstance(second, Tensor) and isinstance(plain, Tensor)
    assert torch.equal(first, second) and not torch.equal(first, plain)


def test_it_keeps_the_contract_of_a_source():
    check_source(ClassBatches(examples(), n_classes=10))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_classes": 97}, "`n_classes` must be from 2 to 96, got 97"),
        ({"n_classes": 8, "n_groups": 9}, "`n_groups` must be from 1 to 8, got 9"),
        ({"n_classes": 8, "n_each": 1}, "`n_each` must be at least 2, got 1"),
        ({"n_classes": 8, "n_each": 6}, "`n_each` is 6, but 'c0' has fewer images"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, int], message: str):
    with pytest.raises(DataError, match=message):
        ClassBatches(examples(), **options)
