"""A head is kept as it was chosen, and changes with the classes concerned alone."""

import numpy as np
import pytest
import torch

from polytask.meta.heads import choose_head, fit_head
from polytask.models.classifier_head import ClassifierHead
from polytask.models.known_examples import KnownExamples
from polytask.models.known_tasks import KnownTasks

ROWS = torch.nn.functional.normalize(torch.randn(12, 5, generator=torch.Generator().manual_seed(0)), dim=1)
EXAMPLES = KnownExamples.of(ROWS, ["a", "b", "c"] * 4, [str(row) for row in range(12)])


def head(examples: KnownExamples, name: str, known: KnownTasks | None = None) -> ClassifierHead:
    rows, labels = examples.rows()
    chosen = choose_head(rows, labels, len(examples.classes), name=name, strength=1.0)
    return ClassifierHead.of(chosen, labels, asked=name, asked_strength=1.0, known=known)


def test_only_the_means_of_classes_that_changed_are_computed_anew() -> None:
    before = head(EXAMPLES, "class-means")
    after = EXAMPLES.without_class("a").added(ROWS[:2], ["c", "d"], ["x", "y"])
    changed = before.changed(EXAMPLES, after)
    assert torch.equal(changed.weight[0], before.weight[1]) and torch.equal(changed.bias[0], before.bias[1])
    means = torch.stack([rows.double().mean(0) for rows in after.features.values()])
    torch.testing.assert_close(changed.weight, means.float())
    torch.testing.assert_close(changed.bias, (-0.5 * means.square().sum(1)).float())
    assert changed.references is before.references and changed.losses is before.losses


def test_another_head_is_fitted_to_all_examples_again() -> None:
    before = head(EXAMPLES, "ridge")
    after = EXAMPLES.without_class("a")
    rows, labels = after.rows()
    wanted = fit_head(rows, labels, 2, name="ridge", strength=1.0)
    changed = before.changed(EXAMPLES, after)
    np.testing.assert_allclose(changed.weight, wanted.weight, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(changed.scores(ROWS), rows_scores(wanted.weight, wanted.bias), atol=1e-5)


def rows_scores(weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    return ROWS.double().numpy() @ weight.T + bias


@pytest.mark.parametrize("n_examples", [1, 4])
def test_other_tasks_are_asked_only_where_the_examples_say_nothing(n_examples: int) -> None:
    known = KnownTasks(7.0, torch.tensor([1.0, 2.0], dtype=torch.float64), "letters")
    few = KnownExamples.of(ROWS[: 3 * n_examples], ["a", "b", "c"] * n_examples, list("abcdefghijkl"))
    found = head(few, "class-means", known)
    assert (found.settings.sharpness == 7.0) is (n_examples == 1)
    assert (found.references is known.references) is (n_examples == 1)
    assert len(found.losses) == (0 if n_examples == 1 else 12)
