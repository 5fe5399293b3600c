"""Gaussian processes: against scikit-learn's, by the moments of what is drawn, and messages."""

import math

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, ExpSineSquared, Matern

from polytask.checks import check_source
from polytask.core import InputError, generator
from polytask.data import FunctionEpisodes
from polytask.data.episodes.context_episodes import ContextEpisodes
from polytask.data.episodes.gaussian_processes import (
    CovarianceKind,
    Covariances,
    GaussianProcesses,
    exact_posterior,
)

KINDS: list[CovarianceKind] = ["rbf", "matern", "periodic"]


def reference_kernel(covariances: Covariances, function: int):
    length, scale, period = (
        float(tensor[function]) for tensor in (covariances.length, covariances.scale, covariances.period)
    )
    shapes = {
        "rbf": RBF(length),
        "matern": Matern(length, nu=2.5),
        "periodic": ExpSineSquared(length, period),
    }
    return ConstantKernel(scale**2) * shapes[covariances.kind]


def drawn(kind: CovarianceKind, n_functions: int = 3, n_points: int = 30):
    family, draw = GaussianProcesses(kind), generator(0, kind)
    covariances = family.covariances(n_functions, draw)
    x, y = family.sample_of(covariances, n_points, draw)
    return covariances, x, y + 0.02 * torch.randn(y.shape, generator=draw)


@pytest.mark.parametrize("kind", KINDS)
def test_covariances_are_those_of_scikit_learn(kind):
    covariances, x, _ = drawn(kind)
    found = covariances(x[:, :7].double(), x.double())
    for function in range(3):
        points = x[function].double().numpy()
        expected = reference_kernel(covariances, function)(points[:7], points)
        np.testing.assert_allclose(found[function], expected, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_posterior_is_that_of_scikit_learn(kind):
    covariances, x, y = drawn(kind)
    mean, std = exact_posterior(covariances, x[:, :12], y[:, :12], x[:, 12:], noise=0.02)
    for function in range(3):
        kernel = reference_kernel(covariances, function)
        reference = GaussianProcessRegressor(kernel, alpha=0.02**2, optimizer=None)
        points = x[function].double().numpy()
        reference.fit(points[:12], y[function, :12].double().numpy())
        expected_mean, expected_std = reference.predict(points[12:], return_std=True)
        np.testing.assert_allclose(mean[function], expected_mean, atol=1e-6)
        np.testing.assert_allclose(std[function], np.sqrt(expected_std**2 + 0.02**2), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_values_have_the_covariance_they_were_drawn_with(kind):
    n_functions, one = 4000, torch.ones(4000)
    covariances = Covariances(kind=kind, length=0.5 * one, scale=0.7 * one, period=0.4 * one)
    x, y = GaussianProcesses(kind).sample_of(covariances, 5, generator(0, kind))
    white = torch.linalg.solve_triangular(
        torch.linalg.cholesky(covariances(x.double(), x.double()) + 1e-7 * torch.eye(5)),
        y.double().unsqueeze(-1),
        upper=False,
    ).squeeze(-1)  # [function, 5], standard normal if the covariance is right
    assert white.mean(0).abs().max() < 4 / math.sqrt(n_functions)
    assert (white.T @ white / n_functions - torch.eye(5)).abs().max() < 6 / math.sqrt(n_functions)
    assert y.std().item() == pytest.approx(0.7, rel=0.05)


def test_the_exact_posterior_is_calibrated():
    family, draw = GaussianProcesses("rbf"), generator(1)
    covariances = family.covariances(300, draw)
    x, y = family.sample_of(covariances, 30, draw)
    y = y + 0.02 * torch.randn(y.shape, generator=draw)
    mean, std = exact_posterior(covariances, x[:, :10], y[:, :10], x[:, 10:], noise=0.02)
    inside = ((y[:, 10:] - mean).abs() < 1.959964 * std).double().mean().item()
    assert inside == pytest.approx(0.95, abs=0.015)


def test_hyper_parameters_are_uniform_in_their_ranges():
    covariances = GaussianProcesses("rbf").covariances(20_000, generator(0))
    for tensor, (low, high) in (
        (covariances.length, (0.1, 0.6)),
        (covariances.scale, (0.1, 1.0)),
        (covariances.period, (0.1, 0.5)),
    ):
        assert low <= tensor.min() < tensor.max() <= high
        assert tensor.mean().item() == pytest.approx((low + high) / 2, abs=0.01)


def test_functions_of_long_length_scales_can_be_drawn_at_many_points():
    _, y = GaussianProcesses("rbf", length=(5.0, 5.0)).sample(2, 300, generator(0))
    assert y.isfinite().all()


def test_a_kind_that_is_unknown_is_named():
    with pytest.raises(InputError, match="`kind` is 'cubic'; use one of rbf, matern, periodic"):
        GaussianProcesses("cubic")  # pyright: ignore[reportArgumentType]


def test_all_wrong_ranges_are_named_at_once():
    with pytest.raises(InputError, match=r"`length`.*0\.0 < low.*; `x`.*\(2, 1\)"):
        GaussianProcesses(length=(0.0, 1.0), x=(2, 1))


def test_tensors_of_different_lengths_are_refused():
    with pytest.raises(InputError, match="must all have one shape"):
        Covariances(kind="rbf", length=torch.ones(2), scale=torch.ones(3), period=torch.ones(2))


def test_a_posterior_without_noise_is_refused():
    covariances, x, y = drawn("rbf")
    with pytest.raises(InputError, match="`noise` is a standard deviation above 0, got 0"):
        exact_posterior(covariances, x, y, x, noise=0)


def test_context_episodes_keep_the_contract_of_a_source():
    check_source(ContextEpisodes(GaussianProcesses("matern"), n_episodes=2, noise=0.02))


def test_sizes_change_from_step_to_step_and_fill_their_ranges():
    source = ContextEpisodes(
        GaussianProcesses(), n_support=(2, 4), n_query=1, n_points=6, n_episodes=2, seed=3
    )
    sizes = set()
    for index in range(200):
        first, second = source.step(index)
        assert first.support is not None
        assert second.support is not None
        sizes.add((len(first.support), len(first.query)))
        assert (len(second.support), len(second.query)) == (len(first.support), len(first.query))
    assert sizes == {(s, q) for s in (2, 3, 4) for q in range(1, 6 - s + 1)}


def test_context_episodes_are_function_episodes_of_their_size():
    source = ContextEpisodes(GaussianProcesses(), n_support=(4, 4), n_points=7, seed=3, noise=0.1)
    same = FunctionEpisodes(GaussianProcesses(), n_support=4, n_query=3, n_episodes=16, seed=3, noise=0.1)
    for found, expected in zip(source.step(5), same.step(5), strict=True):
        assert torch.equal(found.query.targets["y"], expected.query.targets["y"])


def test_sizes_that_cannot_be_are_all_named():
    with pytest.raises(InputError, match=r"`n_support`.*\(5, 4\); `n_query`.*0; `n_points` is 3"):
        ContextEpisodes(GaussianProcesses(), n_support=(5, 4), n_query=0, n_points=3)


def test_noise_below_zero_is_refused_at_once():
    with pytest.raises(InputError, match="`noise` must be at least 0, got -1"):
        ContextEpisodes(GaussianProcesses(), noise=-1.0)
