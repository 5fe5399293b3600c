"""Maps of features: the covariance that they leave, and when none is taken."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from polytask.fitting.feature_map import learned_map, within_map


def examples(n_classes: int, n_rows: int, scatter: list[float], *, width: int = 12, seed: int = 0):
    """Classes whose examples scatter by another amount in each direction."""
    draw = np.random.default_rng(seed)
    means = draw.normal(size=(n_classes, width))
    labels = np.repeat(np.arange(n_classes), n_rows)
    apart = draw.normal(size=(len(labels), width)) * np.resize(scatter, width)
    rows = torch.from_numpy(means[labels] + apart).float()
    return functional.normalize(rows, dim=1), labels


def test_the_scatter_within_classes_is_the_same_in_all_directions() -> None:
    features, labels = examples(10, 200, [0.1, 1.0])
    made = within_map(features.double().numpy(), labels, 10, 1e-6)
    mapped = (features @ made).double().numpy()
    means = np.stack([mapped[labels == label].mean(0) for label in range(10)])
    covariance = np.cov((mapped - means[labels]).T, ddof=10)
    np.testing.assert_allclose(covariance / covariance[0, 0], np.eye(12), atol=0.02)


def test_a_strength_of_one_is_no_map() -> None:
    features, labels = examples(5, 6, [1.0])
    np.testing.assert_allclose(within_map(features.double().numpy(), labels, 5, 1.0), np.eye(12), atol=1e-6)


@pytest.mark.parametrize("n_rows", [2, 4])
def test_the_map_is_that_of_the_covariance_whether_rows_or_features_are_more(
    n_rows: int, monkeypatch
) -> None:
    """Of 8 rows in 12 features by no product of features, of which there may be thousands; of 16 by one."""
    features, labels = examples(4, n_rows, [0.5, 2.0])
    rows = features.double().numpy()
    apart = rows - np.stack([rows[labels == label].mean(0) for label in range(4)])[labels]
    covariance = apart.T @ apart
    values, axes = np.linalg.eigh(0.7 * covariance / (np.trace(covariance) / 12) + 0.3 * np.eye(12))
    if n_rows == 2:
        monkeypatch.setattr(np.linalg, "eigh", lambda *_: pytest.fail("a matrix of all features"))
    expected = (axes * values**-0.5) @ axes.T
    np.testing.assert_allclose(within_map(rows, labels, 4, 0.3), expected, atol=1e-5)


def test_a_map_is_taken_where_it_helps_new_classes() -> None:
    features, labels = examples(60, 12, [0.1, 0.1, 0.1, 4.0])
    found = learned_map(features[labels < 40], labels[labels < 40], about="drawn", seed=0)
    assert found.map is not None and sum(trial.chosen for trial in found.trials) == 1
    new = labels >= 40
    errors = []
    for space in (features[new], functional.normalize(features[new] @ found.map, dim=1)):
        rows, own = space.numpy(), labels[new]
        first = np.stack([rows[own == label][0] for label in range(40, 60)])
        nearest = ((rows[:, None] - first[None]) ** 2).sum(-1).argmin(1) + 40
        errors.append((nearest != own).mean())
    assert errors[1] < errors[0] - 0.1
    assert found.known.sharpness > 0 and len(found.known.references) == 199


def test_none_is_taken_where_all_directions_scatter_alike() -> None:
    features, labels = examples(30, 12, [0.7])
    found = learned_map(features, labels, about="drawn", seed=0)
    assert found.map is None
    (chosen,) = (trial for trial in found.trials if trial.chosen)
    assert chosen.strength is None and chosen.gain.mean == 0


@pytest.mark.parametrize("n_rows", [2, 3])
def test_classes_of_two_examples_are_enough(n_rows: int) -> None:
    features, labels = examples(8, n_rows, [1.0])
    found = learned_map(features, labels, about="drawn", seed=1)
    assert set(found.trials[0].accuracy) == {1}
