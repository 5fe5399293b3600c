"""Classes of a task alone: neither their names nor the order of the rows that tell them change an answer."""

import numpy as np
import pytest
import torch

from polytask.models.in_context_config import InContextConfig, build_in_context
from polytask.models.in_context_predictions import predictions_of, predictions_together
from polytask.models.known_rows import KnownRows

CONFIG = InContextConfig(learner="pfn", n_inputs=3, width=16, n_classes=6, own_classes=True)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build_in_context(CONFIG).eval()


def rows(n: int = 12, n_classes: int = 4) -> KnownRows:
    draw = torch.Generator().manual_seed(1)
    return KnownRows(
        inputs=torch.randn(n, 3, generator=draw),
        labels=(torch.arange(n) % n_classes)[:, None].float(),
        task=torch.zeros(n, dtype=torch.int64),
    )


def shares(network, known: KnownRows, n_classes: int, config: InContextConfig = CONFIG) -> torch.Tensor:
    """Return the probability of each class by index for some rows."""
    asked = torch.randn(5, 3, generator=torch.Generator().manual_seed(2))
    found = torch.zeros(5, n_classes, dtype=torch.float64)
    for answers in predictions_of(network, config, known, asked, torch.zeros(5, dtype=torch.int64)):
        assert answers.log_p is not None
        found[answers.rows[:, None], torch.tensor(answers.classes)] = answers.log_p.exp()
    return found


@pytest.mark.parametrize("seed", range(3))
def test_other_names_of_the_classes_permute_the_probabilities(network, seed):
    known = rows()
    names = torch.randperm(4, generator=torch.Generator().manual_seed(seed))
    renamed = KnownRows(inputs=known.inputs, labels=names[known.labels.long()].float(), task=known.task)
    before, after = shares(network, known, 4), shares(network, renamed, 4)
    torch.testing.assert_close(after[:, names], before, rtol=0, atol=1e-6)
    assert float((before - before[:, :1]).abs().max()) > 1e-4  # classes are told apart at all


def test_another_order_of_the_known_rows_changes_nothing(network):
    known = rows()
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(
        shares(network, known.only(order), 4), shares(network, known, 4), rtol=0, atol=1e-6
    )


def test_probabilities_are_of_the_classes_that_are_known_and_sum_to_one(network):
    found = shares(network, rows(n_classes=2), 4)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found[:, 2:] == 0).all() and (found[:, :2] > 0).all()


def test_classes_that_lie_alike_are_told_by_how_many_rows_they_have(network):
    same = KnownRows(
        inputs=torch.ones(3, 3),
        labels=torch.tensor([[0.0], [1.0], [1.0]]),
        task=torch.zeros(3, dtype=torch.int64),
    )
    other = KnownRows(inputs=same.inputs, labels=1 - same.labels, task=same.task)
    torch.testing.assert_close(shares(network, same, 2), shares(network, other, 2).flip(1), rtol=0, atol=1e-6)


def test_of_a_task_without_rows_no_class_is_possible(network):
    known = KnownRows.none(3)
    (found,) = predictions_of(network, CONFIG, known, torch.zeros(2, 3), torch.tensor([-1, -1]))
    assert found.classes == () and found.decided().tolist() == [-1, -1]
    assert found.log_probability(torch.tensor([0, 3])).tolist() == [-np.inf, -np.inf]


def test_classes_of_all_tasks_are_answered_without_rows():
    config = InContextConfig(learner="pfn", n_inputs=3, width=8, n_classes=3)
    torch.manual_seed(0)
    network = build_in_context(config).eval()
    (found,) = predictions_of(network, config, KnownRows.none(3), torch.zeros(2, 3), torch.tensor([-1, -1]))
    assert found.classes == (0, 1, 2) and found.log_p is not None
    np.testing.assert_allclose(found.log_p.exp().sum(1), 1)


@pytest.mark.parametrize(
    ("learner", "more"),
    [
        *((name, {"n_outputs": 2}) for name in ("cnp", "np", "anp", "convcnp", "tnp")),
        ("pfn", {"n_bars": 8}),
        ("pfn", {"n_classes": 3}),
        ("pfn", {"n_classes": 3, "own_classes": True}),
        ("logistic", {"n_classes": 3, "own_classes": True}),
    ],
)
def test_tasks_that_are_answered_together_are_answered_as_one_by_one(learner, more, monkeypatch):
    monkeypatch.setattr("polytask.models.in_context_predictions._AT_ONCE", 30)  # in several pieces
    config = InContextConfig(learner=learner, n_inputs=1, width=8, **more)
    draw = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    network = build_in_context(config).eval()
    task = torch.tensor([7, *[0, 1, 2, 3, 4] * 3, 5, 6])  # three rows each, and 1
    labels = torch.randn(len(task), config.n_outputs, generator=draw)
    known = KnownRows(
        inputs=torch.randn(len(task), 1, generator=draw),
        labels=(torch.arange(len(task)) % 3)[:, None].float() if config.n_classes else labels,
        task=task,
    )
    code = torch.tensor([-1, 9, *range(8), 3, 3, 0, -1, 8])  # of 8 and 9 no row is known
    inputs = torch.randn(len(code), 1, generator=draw)

    def told(answer) -> dict[int, tuple]:
        found = {}
        for answers in answer(network, config, known, inputs, code):
            parts = [part for one in answers.numbers for part in (one.mean(), one.deviation())]
            parts += [] if answers.log_p is None else list(answers.log_p.T)
            for place, row in enumerate(answers.rows.tolist()):
                assert row not in found
                found[row] = (answers.n_known, answers.classes, [float(part[place]) for part in parts])
        return found

    one_by_one, together = told(predictions_of), told(predictions_together)
    assert sorted(one_by_one) == sorted(together) == list(range(len(code)))
    for row, (n_known, classes, values) in one_by_one.items():
        assert together[row][:2] == (n_known, classes)
        assert together[row][2] == pytest.approx(values, abs=1e-5, rel=1e-4)


def test_all_rows_of_unknown_tasks_are_answered_by_one_reading():
    config = InContextConfig(learner="cnp", n_inputs=3, width=8)
    network = build_in_context(config).eval()
    (found,) = predictions_of(network, config, rows(), torch.zeros(3, 3), torch.tensor([-1, 5, 9]))
    assert found.rows.tolist() == [0, 1, 2] and found.n_known == 0
