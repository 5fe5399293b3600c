"""Class means under a shrunk covariance, against the formula written out."""

import numpy as np
import pytest

from polytask.meta.heads.class_means import class_means


@pytest.mark.parametrize("strength", [0.9, 0.6, 0.05])
@pytest.mark.parametrize("offset", [0.0, 100.0])
def test_the_weights_are_those_of_the_formula(strength: float, offset: float) -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), [1, 4, 20, 30, 45])
    features = (
        offset + draw.normal(size=(5, 8))[labels] + draw.normal(size=(100, 8)) @ draw.normal(size=(8, 8))
    )
    means = np.stack([features[labels == label].mean(0) for label in range(5)])
    apart = features - means[labels]
    covariance = apart.T @ apart / (100 - 5)
    scale = np.trace(covariance) / 8
    precision = scale * np.linalg.inv((1 - strength) * covariance + strength * scale * np.eye(8))
    head = class_means(features, labels, 5, strength)
    np.testing.assert_allclose(head.weight, means @ precision, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(head.bias, -0.5 * ((means @ precision) * means).sum(1), rtol=1e-6)


def test_examples_that_do_not_scatter_leave_the_means_as_they_are() -> None:
    features = np.repeat(np.random.default_rng(1).normal(size=(3, 4)), 5, axis=0)
    head = class_means(features, np.repeat(np.arange(3), 5), 3, 0.5)
    np.testing.assert_allclose(head.weight, features[::5])
