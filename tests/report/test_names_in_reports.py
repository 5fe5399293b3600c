"""Names as people give them: no formula, no markup, no broken page, no warning."""

import re
from xml.etree import ElementTree

import pytest
from tests.report.figures import fit_results, interval, task_result

from polytask.core.names import printable, short_name
from polytask.models.table_results import TaskResult
from polytask.report import training_plot, write_report
from polytask.report.plots import accuracy_plot, gain_plot

NASTY = {
    "formula": r"cost $x_{$ in $\frac{$",
    "dollars": "from $5 to $10",
    "markup": "<script>alert(1)</script> & \"co\" 'x'",
    "lines": "two\nlines\r\n",
    "escape": "\x1b[31mred\x00",
    "surrogate": "\ud800",
    "script": "价格 ضغط 🙂",
    "long": "word " * 400,
    "blank": "  ",
    "underscore": "_hidden",
}


def results(name: str):
    constant = {"rmse": interval(2.0)}
    return fit_results(
        task_result(name, constant=constant, better_than_constant=False),
        task_result("other", constant=constant, better_than_constant=True),
        messages=(f"column {name}",),
    )


@pytest.mark.parametrize("case", NASTY)
def test_a_picture_shows_the_name_as_text(case):
    svg = gain_plot(results(NASTY[case]))
    shown = "".join(ElementTree.fromstring(svg).itertext())
    assert short_name(NASTY[case], 40) in shown and "other" in shown


@pytest.mark.parametrize("case", NASTY)
def test_a_page_shows_the_name_as_text(tmp_path, case):
    name = NASTY[case]
    path = write_report(tmp_path / "r.html", title=name, lead=name, tables={name: results(name)})
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page and "\x1b" not in page and "\x00" not in page
    assert page.count("</table>") == 1 and page.count("<h1>") == 1
    assert "not clearly better than a constant answer" in page
    outside = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    assert max(map(len, outside.splitlines())) < 6000


@pytest.mark.parametrize("case", NASTY)
def test_a_training_picture_takes_the_name(tmp_path, case):
    rows = [
        {"step": float(step), f"loss/{NASTY[case]}": 1.0 / (step + 1), "loss/other": 1.0} for step in range(3)
    ]
    training_plot(rows, tmp_path / "training.svg")
    shown = "".join(ElementTree.parse(tmp_path / "training.svg").getroot().itertext())
    assert short_name(NASTY[case], 30) in shown


def test_a_page_without_separate_models_has_no_comparison(tmp_path):
    alone = fit_results(
        TaskResult(
            task="y",
            kind="binary",
            metric="accuracy",
            joint={"accuracy": interval(0.9)},
            baseline={},
            gain=None,
        ),
        compared=False,
    )
    page = write_report(tmp_path / "r.html", title="t", lead="l", tables={"t": alone}).read_text("utf-8")
    assert "90.0" in page and "<svg" not in page


@pytest.mark.parametrize("text", [*NASTY.values(), "plain"])
def test_what_is_shown_fits_one_line_and_can_be_written(text):
    line = short_name(text, 20)
    assert 0 < len(line) <= 20 and line.isprintable() and line.encode()
    assert printable(text, keep_lines=True).replace("\n", "").replace("\t", "").isprintable()


def test_joined_letters_stay_joined():
    family = "👩‍👧 می‌خواهم"
    assert printable(family) == family


def test_the_accuracy_of_one_episode_has_no_interval(few_shot_of_one):
    assert "<svg" in accuracy_plot([few_shot_of_one])


@pytest.fixture
def few_shot_of_one():
    from polytask.core import mean_interval
    from polytask.core.episode_score import EpisodeScore
    from polytask.models.few_shot_results import FewShotResults

    score = EpisodeScore(interval=mean_interval([0.5]), metric="accuracy", transductive=False, values=(0.5,))
    return FewShotResults(
        source="s",
        learner="$a_$",
        way=2,
        shot=1,
        score=score,
        baseline=score,
        n_classes={},
        n_parameters=1,
        seconds=1.0,
    )
