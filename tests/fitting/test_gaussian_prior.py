"""The prior of tasks of numbers, against densities of scipy and mixed-model equations solved by hand."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from polytask.fitting.gaussian_prior import GaussianPrior, TaskSums, climbed_together, likelihood, start_prior

N_TASKS, N_ROWS = 60, 8


def simulated(deviations=(1.0, 0.5, 0.0), mean=(0.0, 0.0, 0.0), noise: float = 0.3, n_tasks: int = N_TASKS):
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(n_tasks), N_ROWS)
    x = np.column_stack([np.ones(len(task)), rng.normal(size=(len(task), 2))])
    effects = np.array(mean) + rng.normal(size=(n_tasks, 3)) * deviations
    labels = (x * effects[task]).sum(1) + noise * rng.normal(size=len(task))
    return torch.from_numpy(x), torch.from_numpy(labels), torch.from_numpy(task)


def sums(x: torch.Tensor, labels: torch.Tensor, task: torch.Tensor, weights=None) -> TaskSums:
    weights = torch.ones_like(labels) if weights is None else weights
    return TaskSums.of(x, labels, weights, task, int(task.max()) + 1)


def climbed(prior: GaussianPrior, sums: TaskSums, **how) -> GaussianPrior:
    (found,) = climbed_together([prior], [sums], **how)
    return found


def some_prior() -> GaussianPrior:
    factor = torch.tensor([[1.0, 0, 0], [0.3, 0.5, 0], [0.1, 0.2, 0.4]], dtype=torch.float64)
    return GaussianPrior(
        mean=torch.tensor([0.2, -0.1, 0.4], dtype=torch.float64), factor=factor, variance=0.7
    )


def test_the_likelihood_is_that_of_the_marginal_distribution():
    x, labels, task = simulated(n_tasks=5)
    weights = 0.5 + torch.rand(len(task), dtype=torch.float64)
    prior = some_prior()
    wanted = -0.5 * float(prior.mean.square().sum())  # the penalty
    for one in range(5):
        own = (task == one).numpy()
        z = x.numpy()[own]
        covariance = z @ (prior.factor @ prior.factor.T).numpy() @ z.T
        covariance = covariance + np.diag(prior.variance / weights.numpy()[own])
        wanted += multivariate_normal.logpdf(labels.numpy()[own], z @ prior.mean.numpy(), covariance)
    assert likelihood(prior, sums(x, labels, task, weights)) == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("moving", [False, True])
def test_every_step_raises_the_likelihood(moving):
    x, labels, task = simulated(mean=(0.0, 0.5, 0.0))
    found = climbed(start_prior(3, labels), sums(x, labels, task), n_steps=30, diagonal=True, moving=moving)
    gains = np.diff(found.likelihoods)
    assert (gains > -1e-6).all() and gains.sum() > 10


def test_variances_and_mean_of_simulated_tasks_are_found():
    x, labels, task = simulated(mean=(0.0, 0.0, 0.8), n_tasks=400)
    found = climbed(start_prior(3, labels), sums(x, labels, task), n_steps=60, diagonal=True, moving=True)
    covariance = (found.factor @ found.factor.T).diagonal()
    assert covariance.sqrt().tolist() == pytest.approx([1.0, 0.5, 0.0], abs=0.1)
    assert found.variance**0.5 == pytest.approx(0.3, abs=0.03)
    assert found.mean.tolist() == pytest.approx([0, 0, 0.8], abs=0.15)


def test_effects_that_hang_together_are_seen_by_a_full_covariance():
    rng = np.random.default_rng(1)
    task = np.repeat(np.arange(300), N_ROWS)
    x = np.column_stack([np.ones(len(task)), rng.normal(size=len(task))])
    both = rng.normal(size=300)
    labels = (x * np.column_stack([both, both])[task]).sum(1) + 0.3 * rng.normal(size=len(task))
    data = sums(torch.from_numpy(x), torch.from_numpy(labels), torch.from_numpy(task))
    start = start_prior(2, torch.from_numpy(labels))
    full = climbed(start, data, n_steps=40, diagonal=False, moving=False)
    covariance = full.factor @ full.factor.T
    assert float(covariance[0, 1] / covariance.diagonal().prod().sqrt()) > 0.9
    alone = climbed(start, data, n_steps=40, diagonal=True, moving=False)
    assert likelihood(full, data) > likelihood(alone, data) + 50


def test_the_mean_is_that_of_generalized_least_squares():
    x, labels, task = simulated(mean=(0.3, 0.5, -0.2), n_tasks=10)
    data = sums(x, labels, task)
    before = climbed(start_prior(3, labels), data, n_steps=5, diagonal=True, moving=False)
    after = climbed(before, data, n_steps=1, diagonal=True, moving=True)
    precision, right = np.eye(3), np.zeros(3)
    for one in range(10):
        own = (task == one).numpy()
        z = x.numpy()[own]
        covariance = z @ (after.factor @ after.factor.T).numpy() @ z.T + after.variance * np.eye(len(z))
        precision += z.T @ np.linalg.solve(covariance, z)
        right += z.T @ np.linalg.solve(covariance, labels.numpy()[own])
    np.testing.assert_allclose(after.mean.numpy(), np.linalg.solve(precision, right), rtol=1e-7)


def test_what_hangs_together_stays_together_where_tasks_have_few_rows():
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(40), 4)
    x = np.column_stack([np.ones(len(task)), rng.normal(size=(len(task), 6))])
    effect = rng.normal(size=40)[task]  # level and first slope are one and the same
    labels = torch.from_numpy(effect * (1 + x[:, 1]) + 0.7 * rng.normal(size=len(task)))
    found = climbed(
        start_prior(7, labels), sums(torch.from_numpy(x), labels, torch.from_numpy(task)),
        n_steps=40, diagonal=False, moving=False,
    )  # fmt: skip
    covariance = found.factor @ found.factor.T
    assert float(covariance[0, 1] / (covariance[0, 0] * covariance[1, 1]).sqrt()) > 0.8
