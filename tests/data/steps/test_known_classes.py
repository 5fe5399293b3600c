"""All known classes at once."""

import torch

from polytask.checks import check_source
from polytask.data import KnownClasses, LabelledExamples


def examples() -> LabelledExamples:
    return LabelledExamples(
        inputs=torch.arange(12, dtype=torch.uint8).reshape(12, 1, 1, 1),
        labels=torch.arange(12) % 3,
        class_names=tuple("abc"),
        class_groups=("letter",) * 3,
    )


def test_an_epoch_asks_the_class_of_every_example_once():
    source = KnownClasses(examples(), batch_size=4)
    steps = [source.step(index)[0].query for index in range(3)]
    inputs = torch.cat([step.inputs.flatten() for step in steps])  # type: ignore[union-attr]
    labels = torch.cat([step.targets["class"] for step in steps])
    rows = (inputs * 255).round().long()
    assert sorted(rows.tolist()) == list(range(12))
    assert torch.equal(labels, rows % 3) and source.task.n_outputs == 3


def test_a_transform_replaces_the_usual_one():
    source = KnownClasses(examples(), batch_size=12, transform=lambda images: -images.float())
    inputs = source.step(0)[0].query.inputs
    assert isinstance(inputs, torch.Tensor) and inputs.min() == -11


def test_it_keeps_the_contract_of_a_source():
    check_source(KnownClasses(examples(), batch_size=4))
