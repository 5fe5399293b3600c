"""The report of a comparison on tasks: what to take, by how much is known of a task."""

import re
from dataclasses import replace

from tests.report.reports import HOSTILE, draw_kinds_once, drawn_once
from tests.report.test_compare_report import comparison, interval

from polytask.compare.results import Contrast
from polytask.compare.task_results import TaskComparison
from polytask.report import task_comparison_report, write_comparison_report
from polytask.report.task_comparison_report import task_comparison_page


def on_tasks(n_targets: int = 2, n_candidates: int = 4) -> TaskComparison:
    part = comparison(n_targets, n_candidates)
    contrasts = tuple(
        Contrast(target=task.name, candidate="single", baseline=one.name, joint=False,
                 gain=interval(4.0), p_value=0.001)
        for task in part.tasks
        for one in part.candidates[1:]
    )  # fmt: skip
    part = replace(part, contrasts=contrasts, delta_m={})
    return TaskComparison(
        task_column=f"shop {HOSTILE}",
        parts={"most": part, 0: part, 5: part},
        reference="single",
        recommendation="For new rows of known tasks, take the single. For new tasks, nothing is clear.",
        messages=("Something was odd.",),
    )


def test_the_recommendation_comes_first_and_every_candidate_is_there(tmp_path, monkeypatch):
    path = on_tasks().report(tmp_path / "r.html")
    text = path.read_text()
    answer = re.search(r"<h1>(.*?)</h1>", text)[1]
    assert answer == "For new rows of known tasks, take the single."
    for shown in ("For new tasks, nothing is clear.", "joint:hard", "rival 0", "Something was odd."):
        assert shown in text
    assert HOSTILE not in text and "All 18 comparisons" in text
    assert text.count("(best)") == 6 and text.count("New tasks with 5 rows") > 2
    draw_kinds_once(monkeypatch)
    again = write_comparison_report(on_tasks(), tmp_path / "again.html", command="polytask compare t.csv")
    assert "polytask compare t.csv" in again.read_text()


def test_known_rows_are_drawn_from_none_to_most(monkeypatch):
    draw_kinds_once(monkeypatch)
    text = task_comparison_page(on_tasks()).render()
    headings = re.findall(r"<th[^>]*>([^<>]+)</th>", text)
    known = [one for one in headings if one.startswith("New ")]
    assert known[:3] == ["New tasks without a row", "New tasks with 5 rows", "New rows of known tasks"]


def test_a_target_that_is_no_better_than_a_constant_is_counted(monkeypatch):
    for name in ("forest", "by_rows"):
        monkeypatch.setattr(
            task_comparison_report, name, drawn_once(getattr(task_comparison_report, name), [])
        )
    found = on_tasks()
    part = replace(found.parts[0], not_better_than_constant=(found.parts[0].tasks[0].name,))
    poor = replace(found, parts={**found.parts, 0: part})
    assert task_comparison_page(found).cards[0].value == "6 of 6"
    assert task_comparison_page(poor).cards[0].value == "5 of 6"


def test_many_targets_and_candidates_stay_small_and_what_is_not_shown_is_not_drawn(monkeypatch):
    asked: list[str] = []
    for name in ("forest", "by_rows"):
        monkeypatch.setattr(
            task_comparison_report, name, drawn_once(getattr(task_comparison_report, name), asked)
        )
    text = task_comparison_page(on_tasks(30, 9)).render()
    assert len(text.encode()) < 3 * 2**20 and text.count("<svg") < 30
    assert 20 < len(asked) <= text.count("<svg")
