import math
from dataclasses import replace

import pytest
import torch

from polytask.core import Batch, Task, generator
from polytask.data.tables.target_column import TargetColumn
from polytask.evaluate.metrics import metrics_of
from polytask.evaluate.running_metrics import RunningMetrics
from polytask.evaluate.target_metrics import measure_target

CLASSES = ("a", "b", "c", "d")
TARGETS = {
    "number": TargetColumn(task=Task(name="t", kind="regression"), classes=(), mean=3.0, scale=2.5),
    "log": TargetColumn(task=Task(name="t", kind="regression"), classes=(), scale=0.5, log=True),
    "two classes": TargetColumn(task=Task(name="t", kind="binary"), classes=CLASSES[:2]),
    "weighted classes": TargetColumn(
        task=Task(name="t", kind="binary"), classes=CLASSES[:2], class_weights=(0.7, 2.0)
    ),
    "classes": TargetColumn(task=Task(name="t", kind="multiclass", n_outputs=4), classes=CLASSES),
    "several weighted classes": TargetColumn(
        task=Task(name="t", kind="multiclass", n_outputs=4), classes=CLASSES, class_weights=(0.5, 1, 3, 1)
    ),
}
every_target = pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)


def sample(target: TargetColumn, n_rows: int) -> Batch:
    draw, task = generator(0, target.task.kind), target.task
    outputs = torch.randn(n_rows, task.n_outputs, generator=draw).round(decimals=1)  # with ties
    labels = {
        "regression": torch.randn(n_rows, generator=draw) + 4,
        "binary": (torch.rand(n_rows, generator=draw) < 0.3).float(),
        "multiclass": torch.randint(0, 3, (n_rows,), generator=draw),  # the last class is never there
    }[task.kind]
    known = torch.rand(n_rows, generator=draw) < 0.8
    return Batch(inputs=outputs, targets={"t": labels}, masks={"t": known})


def running(target: TargetColumn, data: Batch, size: int) -> RunningMetrics:
    found = RunningMetrics(target)
    for start in range(0, len(data), size):
        part = data.rows(slice(start, start + size))
        assert isinstance(part.inputs, torch.Tensor)
        found.add(part.inputs, part.targets["t"], part.masks["t"])
    return found


@every_target
@pytest.mark.parametrize("every_metric", [False, True])
def test_metrics_of_pieces_are_those_of_the_whole(target: TargetColumn, every_metric: bool) -> None:
    if every_metric:
        target = replace(target, task=replace(target.task, metrics=metrics_of(target.task.kind)))
    data = sample(target, 500)
    found = running(target, data, 70)
    assert isinstance(data.inputs, torch.Tensor)
    expected = measure_target(target, data.inputs.double(), data)
    assert found.n_rows == data.n_labels("t")
    assert list(found.result()) == list(expected)
    assert found.result() == pytest.approx(dict(expected), rel=1e-6)
    assert found.result().undefined == expected.undefined


@every_target
def test_an_answer_that_is_no_number_leaves_the_metrics_undefined(target: TargetColumn) -> None:
    data = sample(target, 60)
    assert isinstance(data.inputs, torch.Tensor)
    data.inputs[data.masks["t"].nonzero()[0, 0]] = math.nan
    assert all(math.isnan(value) for value in running(target, data, 20).result().values())


@every_target
def test_without_a_label_nothing_is_defined(target: TargetColumn) -> None:
    assert all(math.isnan(value) for value in RunningMetrics(target).result().values())
