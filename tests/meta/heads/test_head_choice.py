"""Which head is chosen, and that nothing but left-out examples decides."""

import json
from pathlib import Path

import numpy as np
import pytest

from polytask.core import InputError
from polytask.meta.heads import HEADS, choose_head, fit_head
from polytask.meta.heads.held_out_scores import held_out_scores, turns_of, within_rows


def blobs(n_classes: int, n_each: int, *, apart: float = 3.0, size: int = 6, seed: int = 0) -> tuple:
    draws = np.random.default_rng(seed)
    centres = apart * draws.standard_normal((n_classes, size))
    labels = np.repeat(np.arange(n_classes), n_each)
    return centres[labels] + draws.standard_normal((len(labels), size)), labels


@pytest.mark.parametrize("name", HEADS)
def test_every_head_tells_classes_apart_that_lie_apart(name: str) -> None:
    rows, labels = blobs(4, 8)
    chosen = choose_head(rows, labels, 4, name=name)
    assert (chosen.head.scores(rows).argmax(1) == labels).mean() > 0.9
    assert (chosen.held_out.argmax(1) == labels).mean() > 0.8


@pytest.mark.parametrize("name", HEADS)
def test_few_rows_of_many_features_give_the_head_that_all_features_give(name: str) -> None:
    rows, labels = blobs(3, 3, size=40)
    strength = HEADS[name].strengths[0]
    direct = HEADS[name].fit(rows, labels, 3, strength)
    inside = fit_head(rows, labels, 3, name=name, strength=strength)
    queries = np.random.default_rng(1).standard_normal((5, 40))
    assert inside.scores(queries) == pytest.approx(direct.scores(queries), abs=2e-2)


def test_rows_among_themselves_keep_their_inner_products() -> None:
    rows, _ = blobs(2, 3, size=30)
    inside, axes = within_rows(rows)
    assert inside.shape[1] <= 6
    assert inside @ inside.T == pytest.approx(rows @ rows.T)
    assert inside @ axes == pytest.approx(rows)


def test_a_row_without_a_companion_is_never_left_out() -> None:
    turns = turns_of(np.array([0, 0, 1, 2, 2, 2]), 3)
    assert turns.tolist() == [0, 1, -1, 0, 1, 2]


def test_left_out_rows_are_scored_by_a_head_that_did_not_see_them() -> None:
    labels = np.array([0, 0, 1, 1])
    rows = np.eye(4)  # what is not seen is orthogonal to all that is
    scores = held_out_scores(HEADS["ridge"].fit, rows, labels, 2, 1.0, turns_of(labels, 2))
    assert scores == pytest.approx(np.zeros((4, 2)))


def test_one_example_of_every_class_is_told_apart_by_class_means() -> None:
    rows, labels = blobs(5, 1)
    chosen = choose_head(rows, labels, 5)
    assert (chosen.name, chosen.strength) == ("class-means", 1.0)
    assert not chosen.judged.any()
    assert (chosen.head.scores(rows).argmax(1) == labels).all()


def test_what_left_out_examples_are_far_less_surprised_by_is_chosen() -> None:
    draws = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60)
    rows = draws.standard_normal((120, 2)) * [10.0, 0.2]  # the classes differ where numbers are small
    rows[:, 1] += labels
    assert choose_head(rows, labels, 2, name="class-means").strength < 1


def test_a_strength_needs_the_name_of_its_head() -> None:
    rows, labels = blobs(2, 2)
    with pytest.raises(InputError, match="`strength` belongs to one head"):
        choose_head(rows, labels, 2, strength=1.0)
    with pytest.raises(InputError, match="did you mean 'logistic'"):
        choose_head(rows, labels, 2, name="logistik")


@pytest.mark.parametrize(
    ("name", "strength"),
    [("ridge", 0), ("ridge", -1.0), ("svm", float("nan")), ("logistic", float("inf")), ("class-means", 1.5)],
)
def test_a_strength_that_a_head_does_not_take_is_refused(name: str, strength: float) -> None:
    rows, labels = blobs(2, 3)
    with pytest.raises(InputError, match=f"`strength` of {name} is a number above 0.*got {strength}"):
        choose_head(rows, labels, 2, name=name, strength=strength)


def test_large_supports_are_fitted_by_class_means_alone() -> None:
    rows, labels = blobs(2, 1600, size=3)
    assert set(choose_head(rows, labels, 2).losses) == {("class-means", 1.0)}


def test_few_rows_are_told_by_the_portfolio_that_the_committed_log_of_runs_gave() -> None:
    rows, labels = blobs(3, 4)
    root = Path(__file__).parents[3] / "benchmarks" / "quality" / "results"
    figures = json.loads((root / "portfolio.json").read_text())["figures"]
    first = [tuple(one) for one in figures["portfolio of all kinds, by log loss"][:2]]
    assert list(choose_head(rows, labels, 3).losses) == first
