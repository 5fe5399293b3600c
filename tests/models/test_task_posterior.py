"""What a task's own rows say of it, against Gaussian processes, regressions of scikit-learn and slopes."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from polytask.models.task_posterior import TaskRows, prior_state, spread, updated

N_TASKS, RANK = 4, 3


def drawn(kind: str = "regression", n_rows: int = 40, n_outputs: int = 1) -> TaskRows:
    draw = torch.Generator().manual_seed(3)
    directions = torch.randn(n_rows, n_outputs, RANK, generator=draw, dtype=torch.float64)
    labels = torch.randn(n_rows, generator=draw, dtype=torch.float64)
    if kind != "regression":
        labels = torch.randint(0, max(2, n_outputs), (n_rows,), generator=draw)
    weights = torch.ones(n_rows, dtype=torch.float64)
    if kind == "regression":
        weights = 0.5 + torch.rand(n_rows, generator=draw, dtype=torch.float64)
    return TaskRows(
        directions=directions,
        offset=torch.randn(n_rows, n_outputs, generator=draw, dtype=torch.float64),
        labels=labels,
        weights=weights,
        task=torch.arange(n_rows) % (N_TASKS - 1),  # the last task has no row
    )


def some(rows: TaskRows, chosen: torch.Tensor) -> TaskRows:
    return TaskRows(
        directions=rows.directions[chosen],
        offset=rows.offset[chosen],
        labels=rows.labels[chosen],
        weights=rows.weights[chosen],
        task=rows.task[chosen],
    )


def test_numbers_are_predicted_as_by_the_gaussian_process_of_the_same_kernel():
    rows = drawn()
    mean, precision = updated("regression", rows, *prior_state(N_TASKS, RANK))
    asked = torch.randn(6, RANK, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for task in range(N_TASKS - 1):
        own = rows.task == task
        x, y = rows.directions[own, 0].numpy(), (rows.labels - rows.offset[:, 0])[own].numpy()
        kernel = x @ x.T + np.diag(1 / rows.weights[own].numpy())
        cross = asked.numpy() @ x.T
        wanted = cross @ np.linalg.solve(kernel, y)
        variance = np.sum(asked.numpy() ** 2, 1) - np.sum(cross * np.linalg.solve(kernel, cross.T).T, 1)
        np.testing.assert_allclose((asked @ mean[task]).numpy(), wanted, rtol=1e-9, atol=1e-12)
        ours = spread(asked, torch.full((6,), task), precision)
        np.testing.assert_allclose(ours.numpy(), variance, rtol=1e-9, atol=1e-12)


def test_a_task_without_rows_keeps_what_was_known_bit_for_bit():
    mean, precision = prior_state(N_TASKS, RANK)
    mean += 0.1
    after = updated("regression", drawn(), mean, precision)
    assert torch.equal(after[0][-1], mean[-1]) and torch.equal(after[1][-1], precision[-1])
    assert not torch.equal(after[0][0], mean[0])


def test_numbers_can_be_learned_in_parts():
    rows = drawn()
    at_once = updated("regression", rows, *prior_state(N_TASKS, RANK))
    first = torch.arange(len(rows.task)) < 17
    in_parts = updated("regression", some(rows, first), *prior_state(N_TASKS, RANK))
    in_parts = updated("regression", some(rows, ~first), *in_parts)
    for ours, theirs in zip(in_parts, at_once, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("kind", "n_outputs"), [("regression", 1), ("binary", 1), ("multiclass", 3)])
def test_other_tasks_and_the_order_of_rows_do_not_matter(kind, n_outputs):
    rows = drawn(kind, n_outputs=n_outputs)
    together = updated(kind, rows, *prior_state(N_TASKS, n_outputs * RANK))
    mixed = torch.randperm(len(rows.task), generator=torch.Generator().manual_seed(0))
    mixed = mixed[rows.task[mixed] == 1]
    alone = updated(kind, some(rows, mixed), *prior_state(N_TASKS, n_outputs * RANK))
    for ours, theirs in zip(alone, together, strict=True):
        torch.testing.assert_close(ours[1], theirs[1], rtol=1e-7, atol=1e-9)


def test_two_classes_have_the_mode_of_a_logistic_regression():
    rows = drawn("binary")
    rows = TaskRows(
        directions=rows.directions,
        offset=torch.zeros_like(rows.offset),
        labels=rows.labels,
        weights=rows.weights,
        task=rows.task,
    )
    mean, _ = updated("binary", rows, *prior_state(N_TASKS, RANK))
    for task in range(N_TASKS - 1):
        own = rows.task == task
        theirs = LogisticRegression(fit_intercept=False, tol=1e-10, max_iter=1000)
        theirs.fit(rows.directions[own, 0].numpy(), rows.labels[own].numpy())
        np.testing.assert_allclose(mean[task].numpy(), theirs.coef_[0], atol=1e-4)


def test_several_classes_have_the_mode_and_the_curvature_of_the_posterior():
    rows = drawn("multiclass", n_outputs=3)
    mean, precision = updated("multiclass", rows, *prior_state(N_TASKS, 3 * RANK))
    own = some(rows, rows.task == 2)

    def loss(flat: torch.Tensor) -> torch.Tensor:
        outputs = own.offset + torch.einsum("ncr,cr->nc", own.directions, flat.view(3, RANK))
        return (
            torch.nn.functional.cross_entropy(outputs, own.labels, reduction="sum") + flat.square().sum() / 2
        )

    found = minimize(lambda flat: float(loss(torch.from_numpy(flat))), np.zeros(9), method="BFGS", tol=1e-9)
    np.testing.assert_allclose(mean[2].numpy(), found.x, atol=1e-4)
    hessian = torch.func.hessian(loss)(mean[2])
    torch.testing.assert_close(precision[2], hessian, rtol=1e-8, atol=1e-8)


def test_labels_that_a_line_separates_end_in_finite_answers():
    x = torch.linspace(-1, 1, 20, dtype=torch.float64)[:, None, None] * 1e3
    rows = TaskRows(
        directions=x,
        offset=torch.full((20, 1), 50.0, dtype=torch.float64),
        labels=(x[:, 0, 0] > 0).long(),
        weights=torch.ones(20, dtype=torch.float64),
        task=torch.zeros(20, dtype=torch.long),
    )
    mean, precision = updated("binary", rows, *prior_state(1, 1))
    assert bool(mean.isfinite().all()) and bool(precision.isfinite().all()) and float(mean) > 0


def test_rows_that_are_all_but_alike_and_without_noise_end_in_finite_answers():
    x = torch.ones(30, 1, RANK, dtype=torch.float64) * 1e4
    x[::2] += 1e-6
    rows = TaskRows(
        directions=x,
        offset=torch.zeros(30, 1, dtype=torch.float64),
        labels=torch.ones(30, dtype=torch.float64),
        weights=torch.full((30,), 1e12, dtype=torch.float64),
        task=torch.zeros(30, dtype=torch.long),
    )
    mean, precision = updated("regression", rows, *prior_state(1, RANK))
    assert float((x[:, 0] @ mean[0] - 1).abs().max()) < 1e-3
    assert bool(spread(x[:, 0], rows.task, precision).isfinite().all())
