"""New tasks choose by what tasks differ."""

import numpy as np
import pytest
import torch

from polytask.core import Task
from polytask.fitting.own_models import own_errors
from polytask.fitting.task_data import MOST, TaskData
from polytask.fitting.task_prior import choose_prior, some_tasks
from polytask.fitting.task_prior_forms import slope_columns
from polytask.fitting.task_trials import drawn


def simulated(deviations, *, n_tasks: int = 24, n_rows: int = 12, kind: str = "regression", n_more: int = 0):
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(n_tasks), n_rows)
    x = rng.normal(size=(len(task), 2 + n_more))
    pooled = x[:, 0]
    effects = rng.normal(size=(n_tasks, 3)) * deviations
    outputs = pooled + effects[task, 0] + effects[task, 1] * pooled + effects[task, 2] * x[:, -1]
    if kind == "regression":
        labels = torch.from_numpy(outputs + 0.3 * rng.normal(size=len(task)))
    else:
        labels = torch.from_numpy((rng.random(len(task)) < 1 / (1 + np.exp(-outputs))).astype(np.int64))
    return TaskData(
        target=Task(name="y", kind=kind),
        inputs=torch.from_numpy(x).float(),
        outputs=torch.from_numpy(pooled)[:, None],
        labels=labels,
        task=torch.from_numpy(task),
    )


def test_tasks_that_do_not_differ_keep_the_pooled_model():
    choice = choose_prior(simulated((0, 0, 0)), seed=0)
    ours, pooled = (float(np.nanmean(side.errors[5])) for side in (choice.trial, choice.base))
    assert ours <= pooled * 1.01
    assert choice.prior is None or float(choice.prior.factor.abs().max()) < 0.15


@pytest.mark.parametrize(
    ("deviations", "wanted"), [((1, 0, 0), ()), ((1, 1, 0), ("scale",)), ((1, 0, 1), ("slopes",))]
)
def test_what_differs_is_chosen(deviations, wanted):
    choice = choose_prior(simulated(deviations), seed=0)
    assert choice.prior is not None
    assert all(word in choice.candidate.name or "slopes" in choice.candidate.name for word in wanted)
    ours, pooled = (float(np.nanmean(side.errors[5])) for side in (choice.trial, choice.base))
    assert ours < 0.7 * pooled


def test_more_rows_of_a_task_make_its_error_smaller():
    errors = choose_prior(simulated((1, 1, 1), n_rows=25), seed=0).trial.errors
    means = [float(np.nanmean(errors[n_rows])) for n_rows in (0, 2, 10, MOST)]
    assert means == sorted(means, reverse=True) and means[-1] < 0.4


def test_classes_are_learned_by_task_too():
    choice = choose_prior(simulated((2, 0, 0), kind="binary", n_rows=25), seed=0)
    ours, pooled = (float(np.nanmean(side.errors[10])) for side in (choice.trial, choice.base))
    assert choice.prior is not None and ours < 0.9 * pooled


def test_tasks_with_one_row_each_choose_nothing():
    choice = choose_prior(simulated((1, 0, 0), n_rows=1), seed=0)
    assert choice.prior is None and choice.candidate.name == "none"


def test_of_many_features_those_whose_slopes_differ_are_used():
    assert 41 in slope_columns(simulated((0, 0, 2), n_more=40))
    assert len(slope_columns(simulated((0, 0, 2), n_more=40))) == 24


def test_of_many_tasks_some_teach_the_prior():
    chosen = some_tasks(simulated((1, 0, 0), n_tasks=1500, n_rows=3), seed=0)
    assert len(chosen) == 3000


def test_the_own_model_of_a_task_without_rows_is_the_mean_of_all():
    data = simulated((1, 0, 0))
    errors = own_errors(data, (0, 1), drawn(data.task, seed=0))
    away = (data.labels - data.labels.mean()).square()
    wanted = [float(away[data.task == one].mean().sqrt()) for one in range(data.n_tasks)]
    np.testing.assert_allclose(errors[0], wanted, rtol=1e-6)
    assert np.nanmean(errors[10]) < np.nanmean(errors[0])
