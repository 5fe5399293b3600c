"""The questions of the demo, small, and the sentences that answer them."""

import numpy as np
import pytest

from polytask.core import Interval
from polytask.demo.table_questions import (
    _verdicts,
    ask_about_chicks,
    ask_about_traits,
    ask_helping_world,
)
from polytask.models.table_results import FitResults, TaskResult

TINY = {"epochs": 2, "width": 4, "folds": 2}


def results(*gains: float) -> FitResults:
    """Targets with gains in percent; those of more than 1 are clear."""
    tasks = tuple(
        TaskResult(
            task=f"t{index}", kind="regression", metric="rmse", joint={}, baseline={},
            gain=Interval(mean=gain, half_width=1.0, n=9, confidence=0.95),
            p_value=0.01 if abs(gain) > 1 else 0.5,
        )
        for index, gain in enumerate(gains)
    )  # fmt: skip
    return FitResults(
        tasks=tasks, delta_m=None, n_folds=2, n_repeats=1, n_parameters={}, rows={}, seconds=0.0, messages=()
    )


@pytest.mark.parametrize(
    ("gains", "sentence"),
    [
        ((0.1, -0.2), "Joint training makes no clear difference for any of 2 targets."),
        ((5, 3, 0), "Joint training helps 2 of 3 targets, and makes no clear difference for 1."),
        ((5, -3), "Joint training helps 1 and hurts 1 of 2 targets."),
        ((-5, 0), "Joint training hurts 1 of 2 targets, and makes no clear difference for 1."),
    ],
)
def test_the_answer_counts_verdicts(gains, sentence):
    assert _verdicts(results(*gains)) == sentence


@pytest.mark.trains
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_worlds_figures_are_explained_shares_between_alone_and_the_oracle():
    found = ask_helping_world(n_tasks=6, **TINY)
    assert list(found.scores) == [
        "own ridge regressions", "reduced-rank ridge regression", "polytask.fit",
        "oracle (ridge on the true factors)", "without kinship: own ridge regressions",
        "without kinship: polytask.fit",
    ]  # fmt: skip
    assert max(found.scores.values()) == found.scores["oracle (ridge on the true factors)"] < 1
    assert f"{found.scores['polytask.fit']:.2f} of the variance" in found.conclusion
    assert len(found.results.tasks) == 6 and found.to_json()["question"].startswith("6 kindred tasks")


@pytest.mark.trains
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_letters_are_asked_four_questions():
    found = ask_about_traits(n_rows=80, **TINY)
    assert [task.task for task in found.results.tasks] == ["letter", "bold", "slanted", "serif"]
    assert found.results.rows["table"] == 80 and all(task.gain is not None for task in found.results.tasks)
    together, in_groups, apart = found.scores.values()
    mean = np.mean([task.joint["accuracy"].mean for task in found.results.tasks])
    assert together == pytest.approx(100 * mean) and in_groups != together
    for text in (
        f"{together:.1f} % of the answers",
        f"{in_groups:.1f} % in two groups",
        f"{apart:.1f} % apart",
    ):
        assert text in found.conclusion


@pytest.mark.trains
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_chick_is_better_known_with_others_than_by_its_own_line():
    """Even with networks that have hardly learned: the other chicks tell how weights differ and grow."""
    pytest.importorskip("river")
    found = ask_about_chicks(n_splits=1, **TINY)
    line, shifted, ours = found.scores.values()
    assert ours < min(line, shifted)
    assert f"the error is {ours:.1f} g" in found.conclusion and "1 split" in found.measured
