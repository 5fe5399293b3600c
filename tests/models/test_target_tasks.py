"""What a model knows of tasks: answers of known and unknown ones, and how far off they may be."""

import numpy as np
import pytest
import torch

from polytask.core import InputError, Task
from polytask.models.target_tasks import TargetTasks
from polytask.models.task_effects import EffectFeatures, NoiseModel, TaskPrior

TASK = Task(name="y", kind="regression")
LEVEL = torch.zeros(1, dtype=torch.float64)


def level_prior(*, variance: float = 4.0, noise: float = 1.0, mean: float = 0.0) -> TaskPrior:
    return TaskPrior(
        features=EffectFeatures(columns=(), scaled=False, centre=LEVEL, scale=LEVEL + 1),
        mean=LEVEL[None] + mean,
        factor=LEVEL[None] + variance**0.5,
        noise=NoiseModel(weights=torch.tensor([np.log(noise), 0, 0], dtype=torch.float64), low=-50, high=50),
    )


def told(prior: TaskPrior | None, labels: list[float], tasks: list[int], n_tasks: int) -> TargetTasks:
    inputs, outputs = torch.zeros(len(labels), 1), torch.zeros(len(labels), 1)
    return TargetTasks.unknown(TASK, prior).learned(
        inputs, outputs, torch.tensor(labels), torch.tensor(tasks, dtype=torch.long), n_tasks=n_tasks
    )


def test_a_level_is_drawn_to_the_pooled_prediction_as_the_formula_says():
    known = told(level_prior(), [3.0, 5.0], [0, 0], 2)
    answers, deviations = known.predictions(torch.zeros(3, 1), torch.ones(3, 1), torch.tensor([0, 1, -1]))
    assert answers[:, 0].tolist() == pytest.approx([1 + 8 / (2 + 1 / 4), 1, 1])
    assert deviations.tolist() == pytest.approx([(1 / (2 + 1 / 4) + 1) ** 0.5, 5**0.5, 5**0.5])


def test_a_task_goes_to_its_own_mean_as_its_rows_grow():
    errors = []
    for n_rows in (1, 10, 1000):
        known = told(level_prior(), [7.0] * n_rows, [0] * n_rows, 1)
        answers, _ = known.predictions(torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([0]))
        errors.append(7 - float(answers))
    assert errors[0] > errors[1] > errors[2] > 0 and errors[2] < 0.01


def test_without_differences_the_pooled_prediction_stays():
    known = told(None, [7.0, 9.0], [0, 1], 2)
    outputs = torch.rand(5, 1)
    answers, _ = known.predictions(torch.zeros(5, 1), outputs, torch.tensor([0, 1, 0, -1, 1]))
    assert torch.equal(answers, outputs.double())


def test_of_a_task_without_rows_half_of_the_mean_is_believed():
    known = told(level_prior(mean=2.0), [0.0], [0], 2)
    answers, _ = known.predictions(torch.zeros(2, 1), torch.zeros(2, 1), torch.tensor([1, -1]))
    assert answers[:, 0].tolist() == [1.0, 1.0]


def test_what_is_learned_later_is_as_if_learned_at_once():
    at_once = told(level_prior(), [1.0, 4.0, 2.0], [0, 0, 1], 2)
    first = told(level_prior(), [1.0, 2.0], [0, 1], 2)
    later = first.learned(
        torch.zeros(1, 1), torch.zeros(1, 1), torch.tensor([4.0]), torch.tensor([0]), n_tasks=2
    )
    torch.testing.assert_close(later.mean, at_once.mean)
    assert later.counts.tolist() == at_once.counts.tolist() == [2, 1]
    assert torch.equal(later.mean[1], first.mean[1])


def test_what_is_written_is_read_again():
    known = told(level_prior(), [3.0, 5.0], [0, 1], 3)
    again = TargetTasks.read(TASK, known.to_json(), known.tensors())
    rows = torch.zeros(3, 1), torch.rand(3, 1), torch.tensor([0, 1, 2])
    for ours, theirs in zip(known.predictions(*rows), again.predictions(*rows), strict=True):
        assert torch.equal(ours, theirs)


def test_posteriors_of_another_size_are_refused():
    known = told(level_prior(), [3.0], [0], 1)
    tensors = known.tensors() | {"means": torch.zeros(2, 1, dtype=torch.float64)}
    with pytest.raises(InputError, match="another size than their prior"):
        TargetTasks.read(TASK, known.to_json(), tensors)
