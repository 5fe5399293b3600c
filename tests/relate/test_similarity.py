"""Similarity from labels alone, and its use as gains."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import Batch, InputError, Task, generator
from polytask.relate.grouping import group_tasks
from polytask.relate.similarity import label_similarity, similarity_gains

A, B = (Task(name=name, kind="regression") for name in "ab")
CLASSES = Task(name="c", kind="multiclass", n_outputs=3)
TAGS = Task(name="d", kind="multilabel", n_outputs=2)


def table(seed: int = 0, n_rows: int = 40) -> Batch:
    draw = generator(seed, "table")
    a = torch.randn(n_rows, generator=draw)
    return Batch(
        inputs=torch.zeros(n_rows, 1),
        targets={
            "a": a,
            "b": torch.randn(n_rows, generator=draw) - a,
            "c": torch.randint(3, (n_rows,), generator=draw),
            "d": (torch.rand(n_rows, 2, generator=draw) > 0.5).float(),
        },
        masks={"b": torch.arange(n_rows) % 4 != 0},
    )


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_single_outputs_have_their_absolute_correlation_on_common_rows(seed):
    data = table(seed)
    kept = data.masks["b"].numpy()
    expected = np.corrcoef(data.targets["a"].numpy()[kept], data.targets["b"].numpy()[kept])[0, 1]
    assert label_similarity([A, B], data)[0, 1].item() == pytest.approx(abs(expected), abs=1e-6)


@given(seed=st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_similarity_is_symmetric_and_bounded(seed):
    found = label_similarity([A, B, CLASSES, TAGS], table(seed))
    assert torch.equal(found, found.T)
    assert torch.equal(found.diagonal(), torch.ones(4, dtype=torch.float64))
    assert bool(((found >= 0) & (found <= 1)).all())


def test_classes_have_the_root_of_the_rv_coefficient():
    data = table()
    classes = np.eye(3)[data.targets["c"].numpy()]
    tags = data.targets["d"].numpy()
    joint = np.cov(np.hstack([classes, tags]).T)
    cross, own, other = joint[:3, 3:], joint[:3, :3], joint[3:, 3:]
    expected = np.trace(cross @ cross.T) / np.sqrt(np.trace(own @ own) * np.trace(other @ other))
    assert label_similarity([CLASSES, TAGS], data)[0, 1].item() == pytest.approx(np.sqrt(expected))


def test_a_label_under_a_false_mask_does_not_count():
    data = table()
    poisoned = Batch(
        inputs=data.inputs,
        targets={**data.targets, "b": torch.where(data.masks["b"], data.targets["b"], torch.nan)},
        masks=data.masks,
    )
    assert torch.equal(label_similarity([A, B, CLASSES], data), label_similarity([A, B, CLASSES], poisoned))


def test_renamed_classes_are_as_similar():
    data = table()
    renamed = Batch(inputs=data.inputs, targets={"a": data.targets["a"], "c": (data.targets["c"] + 1) % 3})
    torch.testing.assert_close(label_similarity([A, CLASSES], renamed), label_similarity([A, CLASSES], data))


def test_too_few_common_rows_leave_a_pair_unknown():
    found = label_similarity([A, B], table(), min_rows=31)
    assert bool(found[0, 1].isnan())
    assert not label_similarity([A, B], table(), min_rows=30).isnan().any()


def test_a_constant_target_is_unknown():
    data = table()
    constant = Batch(inputs=data.inputs, targets={"a": data.targets["a"], "b": torch.full((40,), 0.1)})
    assert bool(label_similarity([A, B], constant)[0, 1].isnan())


def test_gains_are_what_exceeds_the_mean_of_the_known_pairs():
    similarity = torch.tensor([[1.0, 0.9, torch.nan], [0.9, 1.0, 0.1], [torch.nan, 0.1, 1.0]])
    expected = torch.tensor([[0.0, 0.4, torch.nan], [0.4, 0.0, -0.4], [torch.nan, -0.4, 0.0]])
    torch.testing.assert_close(similarity_gains(similarity), expected, equal_nan=True)


def test_gains_of_similar_labels_group_the_tasks():
    draw = generator(0, "latent")
    latent = torch.randn(200, 2, generator=draw)
    names = ("a", "b", "c", "d", "e")
    noise = torch.randn(200, 5, generator=draw)
    targets = {name: latent[:, i % 2] + 0.3 * noise[:, i] for i, name in enumerate(names)}
    tasks = [Task(name=name, kind="regression") for name in names]
    found = label_similarity(tasks, Batch(inputs=torch.zeros(200, 1), targets=targets))
    assert group_tasks(similarity_gains(found), names, budget=2).groups == (("a", "c", "e"), ("b", "d"))


def test_what_has_no_target_is_named():
    with pytest.raises(InputError, match="no target of b; add it or drop the task"):
        label_similarity([A, B], table().only(["a"]))


def test_one_row_is_refused():
    with pytest.raises(InputError, match="`min_rows` must be at least 2, got 1"):
        label_similarity([A, B], table(), min_rows=1)


def test_a_similarity_that_is_not_square_is_refused():
    with pytest.raises(InputError, match=r"must be \[task, task\], but has shape \(2, 3\)"):
        similarity_gains(torch.zeros(2, 3))
