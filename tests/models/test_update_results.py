"""Figures before and after an update: what counts as better and as worse."""

import pytest

from polytask.models.update_results import BeforeAfter


@pytest.mark.parametrize(
    ("after", "words"),
    [((0.8, 0.9, 0.85), "better"), ((0.2, 0.1, 0.15), "worse"), ((0.4, 0.6, 0.5), "no clear difference")],
)
def test_a_change_is_named_only_where_its_interval_lies_beyond_zero(after, words):
    found = BeforeAfter.of((0.5, 0.5, 0.5), after)
    assert found.words == found.to_json()["verdict"] == words
    assert found.change.mean == pytest.approx(sum(after) / 3 - 0.5)


def test_differences_are_paired():
    found = BeforeAfter.of((0.1, 0.5, 0.9), (0.2, 0.6, 1.0))  # each better by as much, though they vary
    assert found.words == "better" and found.change.half_width == pytest.approx(0, abs=1e-12)


def test_one_image_alone_says_nothing():
    assert BeforeAfter.of((1.0,), (0.0,)).words == "no clear difference"
