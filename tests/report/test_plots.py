"""What stands in the pictures of a report, read from the drawings themselves."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from polytask.core import Interval
from polytask.core.episode_score import EpisodeScore
from polytask.models.few_shot_results import FewShotResults
from polytask.report import metric_text, plots, training


def interval(mean: float, half_width: float) -> Interval:
    return Interval(mean=mean, half_width=half_width, n=9, confidence=0.95)


def results(mean: float, baseline: float) -> FewShotResults:
    scores = [
        EpisodeScore(interval=interval(each, 0.05), metric="accuracy", transductive=False, values=(each,))
        for each in (mean, baseline)
    ]
    return FewShotResults(
        source="glyphs", learner="prototypes", way=4, shot=1, score=scores[0], baseline=scores[1],
        n_classes={}, n_parameters=1, seconds=0.0,
    )  # fmt: skip


@pytest.fixture
def drawn(monkeypatch) -> dict[str, Any]:
    """The axes of the last picture, in place of its bytes."""
    kept: dict[str, Any] = {}

    def keep(pyplot, figure, axes):
        kept.update(axes=axes, size=figure.get_size_inches())
        pyplot.close(figure)
        return "<svg"

    monkeypatch.setattr(plots, "svg_text", keep)
    return kept


def test_accuracies_are_bars_in_percent_with_their_intervals_beside_chance(drawn):
    plots.accuracy_plot([results(0.8, 0.5)])
    axes = drawn["axes"]
    assert [bar.get_width() for bar in axes.patches] == [50.0, 80.0]
    assert [text.get_text() for text in axes.texts] == ["50.0", "80.0", "chance"]
    assert axes.texts[0].get_position() == (56.0, 0)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["pixel nearest mean", "prototypes"]
    ends = [segment[:, 0].tolist() for lines in axes.collections for segment in lines.get_segments()]
    assert np.allclose(ends, [[45, 55], [75, 85]])
    chance = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert list(chance[0].get_xdata()) == [25.0, 25.0]
    # The word stands above the first bar and inside the picture.
    bottom, top = axes.get_ylim()
    assert bottom > 1.3 and axes.texts[2].get_position()[1] > top > -1.0 and top < -0.62
    assert drawn["size"][1] == pytest.approx(0.5 * 2 + 0.9)


def test_an_episode_of_one_class_is_drawn():
    picture = plots.episode_plot(torch.zeros(1, 1, 4, 4), torch.zeros(0, 1, 4, 4), [], [])
    assert picture.startswith("data:image/png")


def test_things_on_a_dark_ground_are_drawn_as_ink_on_paper(monkeypatch):
    shown = []
    monkeypatch.setattr("matplotlib.axes.Axes.imshow", lambda _, image, **__: shown.append(image.tolist()))
    thing = torch.tensor([[[[0.0, 255.0]]]])
    plots.episode_plot(thing, 255 - thing, [0], [0])
    assert shown == [[[255.0, 0.0]], [[0.0, 255.0]]]


def test_cosines_are_the_means_of_the_rows_that_have_them():
    rows = [{"step": 1.0, "cosine/a/b": 0.5}, {"step": 2.0, "cosine/a/b": -0.1}, {"step": 3.0}]
    table = training._cosines(rows, ["a", "b", "c"])
    assert table is not None
    assert table[0][0] == 1.0 and table[0][1] == table[1][0] == pytest.approx(0.2)
    assert math.isnan(table[0][2])
    assert training._cosines([{"step": 1.0}], ["a", "b"]) is None


@pytest.mark.parametrize(
    ("mean", "text"),
    [(0.1, "0.100 ± 0.050"), (0.0999, "0.09990 ± 0.05000"), (1.0, "1.00 ± 0.05"), (123.4, "123 ± 0")],
)
def test_figures_have_the_digits_of_their_size(mean, text):
    assert metric_text.interval_text(interval(mean, 0.05), "rmse") == text


def test_gains_have_one_digit_and_a_dash_where_they_are_unknown():
    assert metric_text.gain_text(interval(1.26, 0.34)) == "1.3 ± 0.3"
    assert metric_text.gain_text(None) == "–"
