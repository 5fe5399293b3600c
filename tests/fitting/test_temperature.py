import numpy as np
import pytest
import torch

from polytask.core import Batch, Task, generator
from polytask.data.tables.folds import folds_of_rows
from polytask.fitting.temperature import Sharpness, calibration_error, fit_temperature


def _found(task: Task, *, too_sure: float, n_rows: int = 1000) -> Sharpness | None:
    """Draw labels by the probabilities of some logits, and give these times a factor."""
    draw = generator(0, task.kind)
    logits = torch.randn(n_rows, task.n_outputs, generator=draw) * 1.5
    if task.kind == "multiclass":
        labels = torch.multinomial(logits.softmax(-1), 1, generator=draw)[:, 0]
    else:
        labels = (torch.rand(n_rows, generator=draw) < logits[:, 0].sigmoid()).float()
    masks = {task.name: torch.ones(n_rows, dtype=torch.bool)}
    rows = Batch(inputs=torch.zeros(n_rows, 1), targets={task.name: labels}, masks=masks)
    folds = folds_of_rows(n_rows, n_folds=5, seed=0, labels=[])
    return fit_temperature(task, logits * too_sure, rows, folds, np.arange(n_rows) % 20)


TASKS = [Task(name="b", kind="binary"), Task(name="c", kind="multiclass", n_outputs=4)]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
@pytest.mark.parametrize("too_sure", [0.4, 3.0])
def test_the_temperature_undoes_what_logits_were_multiplied_by(task: Task, too_sure: float) -> None:
    found = _found(task, too_sure=too_sure)
    assert found is not None
    assert found.temperature == pytest.approx(too_sure, rel=0.15)
    assert found.after < 0.5 * found.before


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_right_probabilities_and_few_labels_are_left(task: Task) -> None:
    for found in (_found(task, too_sure=1.0), _found(task, too_sure=3.0, n_rows=45)):
        assert found is not None
        assert found.temperature == 1 and found.after == found.before


def test_a_number_has_no_temperature() -> None:
    rows = Batch(
        inputs=torch.zeros(2, 1), targets={"y": torch.zeros(2)}, masks={"y": torch.ones(2, dtype=torch.bool)}
    )
    assert (
        fit_temperature(Task(name="y", kind="regression"), torch.zeros(2, 1), rows, [], np.arange(2)) is None
    )


def test_the_calibration_error_is_the_mean_distance_of_certainty_and_success() -> None:
    logits = torch.tensor([0.9, 0.9, 0.6, 0.6, 0.6]).logit()[:, None]  # two bins
    rows = Batch(
        inputs=torch.zeros(5, 1),
        targets={"b": torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0])},
        masks={"b": torch.ones(5, dtype=torch.bool)},
    )
    expected = 2 / 5 * abs(0.9 - 1 / 2) + 3 / 5 * abs(0.6 - 2 / 3)
    assert calibration_error(Task(name="b", kind="binary"), logits, rows) == pytest.approx(expected, abs=1e-6)


def test_without_a_miss_probabilities_stay_below_one() -> None:
    n_rows = 200
    labels = (torch.arange(n_rows) % 2).float()
    rows = Batch(
        inputs=torch.zeros(n_rows, 1),
        targets={"b": labels},
        masks={"b": torch.ones(n_rows, dtype=torch.bool)},
    )
    logits = 4 * (labels - 0.5)[:, None]  # never wrong, at 88 %
    folds = folds_of_rows(n_rows, n_folds=5, seed=0, labels=[])
    found = fit_temperature(Task(name="b", kind="binary"), logits, rows, folds, np.arange(n_rows) % 20)
    assert found is not None
    probability = float((logits[1] / found.temperature).sigmoid())
    assert probability == pytest.approx(1 - 0.5 / (n_rows + 1), abs=1e-5)
