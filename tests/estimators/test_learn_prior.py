"""A prior of one's own: against exact posteriors, and what is refused."""

import re

import numpy as np
import pytest
import torch

import polytask
from polytask.core import DataError, InputError

NOISE = 0.05


def kernel(a, b):
    return torch.exp(-0.125 * (a[:, None] - b[None]).square())


def process(generator):
    x = 4 * torch.rand(10, generator=generator) - 2
    root = torch.linalg.cholesky(kernel(x, x) + NOISE * torch.eye(10))
    return x[:, None], root @ torch.randn(10, generator=generator)


def lines(generator):
    slope, level = torch.randn(2, generator=generator)
    x = torch.rand(6, 2, generator=generator)
    return x, 10 + level + slope * x[:, 0]


def levels(generator):
    """Draw values around a level of their own."""
    x = torch.rand(7, 1, generator=generator)
    return x, torch.randn((), generator=generator) + 0.5 * torch.randn(7, generator=generator)


@pytest.fixture(scope="module")
def model():
    asked = {"width": 16, "learning_rate": 1e-2, "episodes": 64}
    return polytask.learn(levels, learner="cnp", steps=100, **asked, progress=False)


def test_means_and_deviations_of_a_level_are_near_the_exact_ones(model):
    draw = torch.Generator().manual_seed(1)
    errors = []
    for _ in range(20):
        x, y = levels(draw)
        for n in (1, 4):
            found = model.adapt(x[:n], y[:n]).predict(x[6:], deviation=True)
            mean, variance = float(y[:n].sum()) / (n + 0.25), 0.25 / (n + 0.25) + 0.25
            errors.append([found["y"] - mean, found["y:sd"] - variance**0.5])
    means, deviations = np.sqrt(np.square(errors).mean(axis=(0, 2)))
    assert means < 0.25 and deviations < 0.2  # of a process whose own deviation is 1.12


def test_without_rows_it_answers_by_the_prior(model):
    found = model.predict(np.array([[0.1], [0.5], [0.9]]), deviation=True, intervals=0.9)
    assert found["y"].abs().max() < 1.5 and found["y:sd"].between(0.4, 2).all()  # the exact ones: 0, 1.12
    np.testing.assert_allclose(found["y:high"] - found["y"], 1.645 * found["y:sd"], rtol=1e-3)


@pytest.mark.slow
def test_means_and_deviations_are_near_those_of_the_exact_posterior_of_a_gaussian_process():
    model = polytask.learn(process, learner="pfn", steps=800, width=32, learning_rate=3e-3, progress=False)
    draw = torch.Generator().manual_seed(1)
    errors = []
    for _ in range(20):
        x, y = process(draw)
        known, asked = slice(0, 6), slice(6, None)
        found = model.adapt(x[known], y[known]).predict(x[asked], deviation=True)
        gram = kernel(x[known, 0], x[known, 0]) + NOISE * torch.eye(6)
        across = kernel(x[asked, 0], x[known, 0])
        mean = across @ torch.linalg.solve(gram, y[known])
        variance = 1 + NOISE - (across * torch.linalg.solve(gram, across.T).T).sum(1)
        errors.append([found["y"] - mean.numpy(), found["y:sd"] - variance.sqrt().numpy()])
    means, deviations = np.sqrt(np.square(errors).mean(axis=(0, 2)))
    assert means < 0.25 and deviations < 0.15  # of a process whose own deviation is 1.02
    found = model.predict(np.array([[-1.0], [0.0], [1.0]]), deviation=True, intervals=0.9)
    np.testing.assert_allclose(found["y"], 0, atol=0.25)
    np.testing.assert_allclose(found["y:sd"], (1 + NOISE) ** 0.5, atol=0.2)
    np.testing.assert_allclose(found["y:high"], 1.645 * (1 + NOISE) ** 0.5, atol=0.4)


def test_it_comes_back_from_its_folder_and_reads_tables(model, tmp_path):
    model.save(tmp_path / "m")
    again = polytask.load(tmp_path / "m")
    table = {"x": [0.0, 0.5], "y": [1.0, 0.9]}
    asked = {"x": [0.2, 1.0], "y": [0.9, None]}
    answers = [one.adapt(table).predict(asked, log_density=True) for one in (model, again)]
    assert answers[0].equals(answers[1])
    assert answers[0]["y:log_density"].isna().tolist() == [False, True]


def test_names_and_scales_are_those_of_the_prior():
    model = polytask.learn(lines, steps=2, width=8, columns=["a", "b"], target="price", progress=False)
    found = model.adapt({"a": [0.1, 0.9], "b": [0, 1], "price": [9.0, 11.0]}).predict({"a": [0.5], "b": [0]})
    assert list(found.columns) == ["price"] and 5 < found["price"].iloc[0] < 15


@pytest.mark.parametrize(
    ("prior", "problem"),
    [
        (lambda draw: torch.rand(3, generator=draw), "inputs [point, input] and targets [point]"),
        (lambda draw: (torch.rand(3, generator=draw), torch.rand(3, generator=draw)), "both tensors"),
        (lambda draw: (torch.zeros(3, 1), torch.full((3,), torch.nan)), "not finite"),
        (lambda draw: (torch.zeros(3, 1), torch.ones(3)), "the same target everywhere"),
    ],
)
def test_what_is_no_prior_is_refused(prior, problem):
    with pytest.raises((InputError, DataError), match=re.escape(problem)):
        polytask.learn(prior, steps=1, progress=False)


def test_settings_of_images_are_refused_for_a_prior():
    with pytest.raises(InputError, match="`way` is for images, not for a prior"):
        polytask.learn(lines, way=3)
    with pytest.raises(InputError, match="use one of cnp, np, anp, convcnp, tnp, pfn, logistic"):
        polytask.learn(lines, learner="maml")
