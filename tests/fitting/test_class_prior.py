"""The prior of tasks of classes: simulated differences are found."""

import numpy as np
import pytest
import torch

from polytask.fitting.class_prior import class_prior


def test_differences_between_tasks_of_two_classes_are_found():
    rng = np.random.default_rng(0)
    task = np.repeat(np.arange(150), 40)
    x = np.column_stack([np.ones(len(task)), rng.normal(size=len(task))])
    effects = np.column_stack([rng.normal(size=150), np.zeros(150)])
    logits = 0.5 * x[:, 1] + (x * effects[task]).sum(1)
    labels = (rng.random(len(task)) < 1 / (1 + np.exp(-logits))).astype(np.int64)
    mean, factor = class_prior(
        "binary",
        torch.from_numpy(x)[:, None],
        torch.from_numpy(0.5 * x[:, 1:]),
        torch.from_numpy(labels),
        torch.from_numpy(task),
        n_steps=15,
        moving=True,
    )
    assert factor.diagonal()[0].item() == pytest.approx(1.0, abs=0.2)
    assert factor.diagonal()[1].item() < 0.25
    assert mean.flatten().tolist() == pytest.approx([0, 0], abs=0.25)


def test_the_mean_stays_where_it_is_not_learned():
    features = torch.ones(30, 3, 1, dtype=torch.float64)
    labels = torch.zeros(30, dtype=torch.long)
    mean, factor = class_prior(
        "multiclass", features, torch.zeros(30, 3, dtype=torch.float64), labels, torch.arange(30) % 5,
        n_steps=3, moving=False,
    )  # fmt: skip
    assert not bool(mean.any()) and float(factor) > 0
