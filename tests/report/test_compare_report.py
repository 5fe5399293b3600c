"""The report of a comparison: what to do on top, then who is better than whom."""

import re
from dataclasses import replace

from tests.report.reports import HOSTILE, drawn_once

from polytask.compare.results import CandidateResult, Comparison, Contrast
from polytask.core import Interval, Task
from polytask.report import compare_report, write_comparison_report
from polytask.report.compare_report import comparison_page
from polytask.report.comparison import comparison_table
from polytask.report.how_judged import BY_AVERAGES

NAMES = ("size", f"kind {HOSTILE}")


def interval(mean: float, half_width: float = 0.5) -> Interval:
    return Interval(mean=mean, half_width=half_width, n=20)


def comparison(n_targets: int = 2, n_candidates: int = 4) -> Comparison:
    names = [*NAMES, *(f"target {index}" for index in range(n_targets - 2))]
    tasks = tuple(Task(name=name, kind="regression") for name in names)
    rivals = [f"rival {index}" for index in range(n_candidates - 2)]

    def candidate(name: str, value: float, **others) -> CandidateResult:
        metrics = {task.name: {"rmse": interval(value)} for task in tasks}
        return CandidateResult(
            name=name, words=f"the {name}", metrics=metrics, seconds=value, peak_bytes=None, **others
        )

    contrasts = [
        Contrast(target=name, candidate="joint:hard", baseline="single", joint=True,
                 gain=interval(3.0 - 6 * (index % 2)), p_value=0.001)
        for index, name in enumerate(names)
    ]  # fmt: skip
    contrasts += [
        Contrast(
            target=name, candidate=rival, baseline="single", joint=False, gain=interval(-4.0), p_value=0.2
        )
        for name in names
        for rival in rivals
    ]
    return Comparison(
        tasks=tasks,
        candidates=(
            candidate("single", 2.0),
            candidate("joint:hard", 1.0, settings={"size": {"{}": 3}}, trials={"size": 4}),
            *(candidate(name, 5.0) for name in rivals[:-1]),
            candidate(rivals[-1], 9.0, error="it broke <b>badly</b>"),
        ),
        contrasts=tuple(contrasts),
        delta_m={"joint:hard": interval(0.2)},
        recommendation="Train size and kind together: it gains 3.0 % ± 0.5. Keep the others apart.",
        not_better_than_constant=(),
        n_folds=5,
        n_repeats=1,
        rows={"labelled": 100, "judged": 90},
        n_cells=20,
        n_left=0,
        seconds=40.0,
        messages=("Something was odd.",),
    )


def test_the_recommendation_comes_first_and_every_candidate_is_there(tmp_path):
    path = write_comparison_report(comparison(), tmp_path / "r.html", command="polytask compare t.csv")
    text = path.read_text()
    answer = re.search(r"<h1>(.*?)</h1>", text)[1].replace("\u00a0", " ")
    assert answer == "Train size and kind together: it gains 3.0 % ± 0.5."
    assert "Keep the others apart." in text and "polytask compare t.csv" in text
    for shown in (
        "joint:hard",
        "rival 0",
        "failed",
        "it broke &lt;b&gt;badly&lt;/b&gt;",
        "Something was odd.",
    ):
        assert shown in text
    assert HOSTILE not in text
    assert text.count("(best)") == 2


def test_each_question_has_a_forest_of_its_own():
    text = comparison_page(comparison()).render()
    assert "Gain of the joint:hard over separate networks, by target" in text
    assert text.count("Gain of other methods over the single for") == 2
    assert "All 6 comparisons" in text


def test_why_a_fit_has_other_figures_is_said_where_networks_are_compared():
    found = comparison()
    assert "A fit judges the networks of single folds" in comparison_page(found).render()
    assert BY_AVERAGES in str(comparison_table(found).caption)
    others = [replace(one, name=f"rival {index}") for index, one in enumerate(found.candidates)]
    plain = replace(found, candidates=tuple(others), contrasts=(), delta_m={})
    assert "A fit judges" not in comparison_page(plain).render() and comparison_table(plain).caption is None


def test_a_gain_that_is_unclear_though_its_interval_leaves_out_0_is_explained():
    found = comparison()
    (first, *rest) = found.contrasts
    unclear = replace(found, contrasts=(replace(first, gain=interval(38.1, 29.4), p_value=0.2), *rest))
    assert "adjusted for the number of questions (Holm)" in str(comparison_table(unclear).caption)
    around_0 = replace(first, gain=interval(1.0, 2.0), p_value=0.2)
    clear = replace(found, contrasts=(around_0, *(replace(one, p_value=0.001) for one in rest)))
    assert "Holm" not in str(comparison_table(clear).caption)


def test_three_hundred_cells_stay_small_and_what_is_not_shown_is_not_drawn(monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(compare_report, "forest", drawn_once(compare_report.forest, asked))
    text = comparison_page(comparison(30, 10)).render()
    assert len(text.encode()) < 3 * 2**20 and text.count("<svg") < 15
    assert 8 < len(asked) <= text.count("<svg")
