"""Reports are one file that says what was found."""

import base64
import io
import math
import re
from dataclasses import replace

import pytest
import torch
from PIL import Image

from polytask.core import Task, mean_interval
from polytask.core.episode_score import EpisodeScore
from polytask.fitting.table_summary import summarize
from polytask.models.few_shot_results import FewShotResults
from polytask.report import write_report
from polytask.report.plots import episode_plot, gain_plot

TASKS = [Task(name="mass <kg>", kind="regression"), Task(name="kind", kind="multiclass", n_outputs=3)]


def metrics(rmse: float, accuracy: float) -> dict[str, dict[str, float]]:
    rest = {"balanced_accuracy": 0.5, "f1": 0.5}
    return {"mass <kg>": {"rmse": rmse, "mae": 1.0, "r2": math.nan}, "kind": {"accuracy": accuracy, **rest}}


@pytest.fixture
def table():
    joint = [metrics(0.8, 0.91), metrics(0.81, 0.90), metrics(0.79, 0.89)]
    separate = [metrics(1.0, 0.90), metrics(1.0, 0.91), metrics(1.0, 0.88)]
    counts = {"train": 6, "validation": 2, "test": 2}
    return summarize(
        TASKS,
        joint,
        separate,
        n_parameters={"joint": 5, "separate": 10},
        rows=counts,
        seconds=1.0,
        messages=["odd"],
    )


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


def test_a_gain_is_paired_by_seed_and_judged_by_its_interval(table):
    mass, kind = table.tasks
    assert mass.verdict == "helped" and math.isclose(mass.gain.mean, 20.0)
    assert kind.verdict == "unclear"
    assert math.isclose(table.delta_m.mean, (mass.gain.mean + kind.gain.mean) / 2)
    assert "r2" not in mass.joint  # undefined for every seed


def test_one_seed_leaves_the_verdict_unknown():
    one = summarize(
        TASKS, [metrics(1, 1)], [metrics(2, 1)], n_parameters={}, rows={}, seconds=0.0, messages=[]
    )
    assert [found.verdict for found in one.tasks] == ["unknown", "unknown"]
    assert one.to_json()["tasks"][0]["gain_percent"]["half_width"] is None


def test_a_tie_of_all_seeds_decides_nothing():
    joint, alone = [metrics(1, 1)] * 2, [metrics(2, 1)] * 2
    tied = summarize(TASKS, joint, alone, n_parameters={}, rows={}, seconds=0.0, messages=[])
    assert tied.tasks[0].gain.half_width == 0 and tied.tasks[0].verdict == "unclear"


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
    for expected in ("helped", "unclear", "90.0 ± 24.8", "a caption", "3 seeds", "odd"):
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
