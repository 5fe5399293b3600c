"""Similarity of tasks by what ridge regressions of each predict."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV

from polytask.core import Batch, InputError, Task
from polytask.relate.function_similarity import _PENALTIES, function_similarity


def _batch(n_rows: int = 60) -> tuple[list[Task], Batch]:
    """Return three tasks of numbers on different rows: two of one function, and one of another."""
    draw = np.random.default_rng(0)
    inputs = draw.normal(size=(n_rows, 5))
    noise = 0.1 * draw.normal(size=(3, n_rows))
    one, other = inputs @ [1, -2, 0, 0, 0], inputs @ [0, 0, 1, 1, 0]
    labels = {"a": one + noise[0], "b": -3 * one + noise[1], "c": other + noise[2]}
    rows = np.arange(n_rows) % 3
    return [Task(name=name, kind="regression") for name in labels], Batch(
        inputs=torch.from_numpy(inputs).float(),
        targets={name: torch.from_numpy(values).float() for name, values in labels.items()},
        masks={name: torch.from_numpy(rows == index) for index, name in enumerate(labels)},
    )


def test_it_is_the_correlation_of_ridge_predictions() -> None:
    tasks, data = _batch()
    predictions = []
    for task in tasks:
        known = data.masks[task.name]
        ridge = RidgeCV(alphas=_PENALTIES).fit(
            data.inputs[known].double().numpy(), data.targets[task.name][known].double().numpy()
        )
        predictions.append(ridge.predict(data.inputs.double().numpy()))
    expected = np.abs(np.corrcoef(predictions))
    assert np.allclose(function_similarity(tasks, data).numpy(), expected, atol=1e-6)


def test_tasks_of_one_function_are_alike_though_they_have_no_row_in_common() -> None:
    tasks, data = _batch()
    found = function_similarity(tasks, data)
    assert found[0, 1] > 0.95 and found[0, 2] < 0.6


def test_units_of_the_labels_do_not_matter() -> None:
    tasks, data = _batch()
    scaled = Batch(
        inputs=data.inputs,
        targets={**data.targets, "b": 100 * data.targets["b"] - 7},
        masks=data.masks,
    )
    assert torch.allclose(function_similarity(tasks, data), function_similarity(tasks, scaled), atol=1e-5)


def test_classes_are_compared_with_numbers() -> None:
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(90, 4, generator=draw)
    labels = torch.bucketize(inputs[:, 0].contiguous(), torch.tensor([-0.5, 0.5]))
    tasks = [
        Task(name="class", kind="multiclass", n_outputs=3),
        Task(name="same", kind="regression"),
        Task(name="other", kind="regression"),
    ]
    data = Batch(inputs=inputs, targets={"class": labels, "same": inputs[:, 0], "other": inputs[:, 3]})
    found = function_similarity(tasks, data)
    assert found[0, 1] > 0.9 and found[0, 2] < 0.4


def test_a_task_whose_labels_are_constant_is_unknown() -> None:
    tasks, data = _batch()
    flat = Batch(inputs=data.inputs, targets={**data.targets, "c": torch.ones(60)}, masks=data.masks)
    found = function_similarity(tasks, flat)
    assert found[2, :2].isnan().all() and found[2, 2] == 1 and not found[:2, :2].isnan().any()


def test_a_task_without_labels_is_named() -> None:
    tasks, data = _batch()
    masks = {**data.masks, "b": torch.zeros(60, dtype=torch.bool)}
    with pytest.raises(InputError, match="no label of b"):
        function_similarity(tasks, Batch(inputs=data.inputs, targets=data.targets, masks=masks))
