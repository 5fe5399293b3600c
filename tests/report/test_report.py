"""Reports are one file that says what was found."""

import base64
import io
import re
from dataclasses import replace

import pytest
import torch
from PIL import Image
from rich.console import Console
from tests.report.figures import fit_results, task_result

from polytask.core import mean_interval
from polytask.core.episode_score import EpisodeScore
from polytask.models.few_shot_results import FewShotResults
from polytask.report import write_report
from polytask.report.console import fit_table
from polytask.report.plots import episode_plot, gain_plot


@pytest.fixture
def table():
    return fit_results(
        task_result("mass <kg>"), task_result("kind", gain=2.0, p_value=0.3), messages=("odd",)
    )


def test_a_fit_in_groups_names_them_and_who_is_alone(tmp_path, table):
    alone = replace(task_result("size"), gain=None, p_value=None, baseline={}, single=True)
    assert alone.verdict == "alone"
    grouped = replace(table, tasks=(*table.tasks, alone), groups=(("mass <kg>", "kind"), ("size",)))
    text = write_report(tmp_path / "r.html", title="T", lead="L", tables={"t": grouped}).read_text()
    assert "for each of 2 groups (mass &lt;kg&gt;, kind; size)" in text
    assert "joint training in groups clearly helped 1" in text
    console = Console(width=100, file=io.StringIO())
    console.print(fit_table(grouped))
    lines = [line.split() for line in console.file.getvalue().splitlines() if line.strip()]
    assert ["task", "group", "metric", "separate", "in", "groups", "gain", "%", "sharing"] in lines
    assert any(line[:3] == ["size", "2", "rmse"] and line[-1] == "alone" for line in lines)
    assert any(line[:3] == ["kind", "1", "rmse"] for line in lines)


@pytest.fixture
def few_shot():
    def score(mean: float) -> EpisodeScore:
        values = (mean - 0.1, mean, mean + 0.1)
        return EpisodeScore(
            interval=mean_interval(values), metric="accuracy", transductive=False, values=values
        )

    return FewShotResults(
        source="glyphs",
        learner="prototypes",
        way=5,
        shot=1,
        score=score(0.9),
        baseline=score(0.5),
        n_classes={"train": 3, "validation": 2, "test": 2},
        n_parameters=7,
        seconds=2.0,
    )


@pytest.mark.parametrize(
    ("gain", "p_value", "verdict"),
    [
        (20.0, 0.049, "helped"),
        (-20.0, 0.049, "hurt"),
        (20.0, 0.05, "no clear difference"),
        (0.0, 1.0, "no clear difference"),
        (20.0, None, "unknown"),
    ],
)
def test_a_verdict_is_the_adjusted_p_value_with_the_sign_of_the_gain(gain, p_value, verdict):
    found = task_result("y", gain=gain, p_value=p_value)
    assert found.verdict == verdict
    written = fit_results(found).to_json()["tasks"][0]
    assert (written["verdict"], written["p_value"]) == (verdict, p_value)


def test_without_a_gain_the_verdict_is_unknown():
    assert replace(task_result("y"), gain=None).verdict == "unknown"


def test_the_report_is_one_file_without_outside_references(tmp_path, table, few_shot):
    picture = episode_plot(torch.zeros(2, 1, 8, 8), torch.zeros(3, 1, 8, 8), [0, 1, 1], [0, 1, 0])
    path = write_report(
        tmp_path / "report.html",
        title="Title",
        lead="Lead.",
        tables={"rows": table},
        few_shot={"glyphs": [few_shot]},
        episodes={"glyphs": (picture, "a caption")},
    )
    text = path.read_text()
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]
    links = re.findall(r"""(?:src|href)=["']([^"'#][^"']*)""", text)
    assert all(link.startswith("data:") for link in links)
    assert "mass &lt;kg&gt;" in text and "mass <kg>" not in text.split("<svg")[0]
    for expected in (
        "helped",
        "no clear difference",
        "90.0 ± 24.8",
        "a caption",
        "5 folds",
        "odd",
        "9 with a label",
    ):
        assert expected in text


def test_the_sentence_counts_who_was_helped_and_hurt(tmp_path, table):
    text = write_report(tmp_path / "r.html", title="T", lead="L", tables={"t": table}).read_text()
    assert "clearly helped 1 and clearly hurt 0" in text


def test_the_colour_of_a_gain_tells_its_sign(table):
    def colours(results):
        return [
            name for name, code in (("good", "#1f8a5b"), ("bad", "#c2453a")) if code in gain_plot(results)
        ]

    mass, kind = table.tasks
    worse = replace(mass, gain=replace(mass.gain, mean=-mass.gain.mean))
    assert colours(table) == ["good"]
    assert colours(replace(table, tasks=(worse, kind))) == ["bad"]
    assert colours(replace(table, tasks=(kind,))) == []


@pytest.mark.parametrize(("answers", "colour"), [([0, 1], "#1f8a5b"), ([1, 0], "#c2453a")])
def test_the_frame_of_an_answer_tells_whether_it_is_right(answers, colour):
    picture = episode_plot(torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8), answers, [0, 1])
    image = Image.open(io.BytesIO(base64.b64decode(picture.split(",")[1]))).convert("RGB")
    seen = {pixel for _, pixel in image.getcolors(1 << 20) or []}
    both = {code: tuple(bytes.fromhex(code[1:])) for code in ("#1f8a5b", "#c2453a")}
    assert [code for code, pixel in both.items() if pixel in seen] == [colour]


def test_the_same_results_give_the_same_bytes(tmp_path, table):
    first, second = (
        write_report(tmp_path / name, title="T", lead="L", tables={"t": table}).read_bytes() for name in "ab"
    )
    assert first == second
