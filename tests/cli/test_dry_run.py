"""``--dry-run`` says what a command would do, and does nothing."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from polytask.cli import app
from polytask.estimators import fit
from polytask.estimators.fit_table import plan

pytestmark = pytest.mark.trains

FIT = ["fit", "t.csv", "--target", "y", "--target", "z", "--width", "4", "--folds", "3", "-o", "m"]
COMPARE = ["compare", "t.csv", "--target", "y", "--candidate", "constant", "--candidate", "linear"]
COMPARE += ["--folds", "2", "--workers", "1", "-o", "c"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i / 2},k{i % 5},{i * 7 % 11},1,{i / 7},{(i * i) % 3},{3 * i}\n" for i in range(60))
    (tmp_path / "t.csv").write_text("a,b,c,same,y,z,site\n" + rows)
    return lambda *words: CliRunner().invoke(app, [*map(str, words)])


def found(ended) -> dict:
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_fit_is_told_and_nothing_is_written(run, tmp_path):
    ended = run(*FIT, "--drop", "c", "--group", "site", "--dry-run")
    assert ended.exit_code == 0 and [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    said = " ".join(ended.stdout.split())
    for text in (
        "rows 60, 60 of them with a label",
        "target y regression, 60 labels",
        "target z binary, 2 classes, 60 labels",
        "group site",
        "category 1 column: b",
        "number 1 column: a",
        "left out c dropped, as asked",
        "left out same always '1' in the training rows",
        "folds 3 of 20 rows",
        "networks joint 3 networks of",
        "linear alone 6 networks of",
        "of training at most",
        "output a model in m",
        "Nothing was trained, and nothing written.",
    ):
        assert text in said, (text, said)


def test_groups_are_told_with_the_networks_of_each(run):
    told = found(run(*FIT, "--target", "c", "--groups", "z,y;c", "--dry-run", "--json"))
    assert told["groups"] == [["y", "z"], ["c"]]
    titles = [one["title"] for one in told["trainings"]]
    assert "y, z: networks joint" in titles and "c: networks joint" in titles
    assert [one["networks"] for one in told["trainings"] if one["title"].endswith("alone")] == [6, 6, 6, 6]
    assert told["most_seconds"] > 0
    ended = run(*FIT, "--target", "c", "--groups", "z,y;c", "--architecture", "mmoe", "--dry-run")
    assert "groups y, z; c" in " ".join(ended.stdout.split()) and "y alone" in ended.stdout
    assert "c alone" not in ended.stdout


def test_a_task_column_is_told_as_what_it_is(run):
    ended = run(*FIT, "--task-column", "b", "--dry-run")
    said = " ".join(ended.stdout.split())
    assert "task column b, 5 tasks" in said and "group b" not in said
    assert found(run(*FIT, "--task-column", "b", "--dry-run", "--json"))["tasks"] == 5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--task-column", "b"), "task sampling round-robin: rows are drawn by their task"),
        ((), "task sampling round-robin: y 50 %, z 50 % of the common loss"),
    ],
)
def test_task_sampling_is_told(run, options, told):
    ended = run(*FIT, *options, "--task-sampling", "round-robin", "--dry-run")
    assert told in " ".join(ended.stdout.split()), ended.stderr


def test_notes_name_options_as_they_are_typed(run):
    ended = run(*FIT, "--groups", "y;z", "--task-sampling", "round-robin", "--dry-run")
    assert "note: --task-sampling changes nothing, as each" in " ".join(ended.stdout.split())


def test_what_is_told_is_what_is_done(run):
    told = found(run(*FIT, "--epochs", "1", "--no-baselines", "--dry-run", "--json"))
    done = found(run(*FIT, "--epochs", "1", "--no-baselines", "--json"))
    (joint, *_) = told["trainings"]
    assert told["folds"] == [done["n_folds"]] and told["rows"]["labelled"] == done["rows"]["labelled"]
    assert done["steps"] == dict.fromkeys("yz", joint["steps_an_epoch"])
    assert [one["title"] for one in told["trainings"]] == [
        "networks joint",
        "linear joint",
        "networks of small weights joint",
        "networks on bins joint",
    ]


def test_a_dry_run_changes_nothing_of_the_fit_after_it(run):
    table = pd.read_csv("t.csv").drop(columns="same")
    options = {"epochs": 2, "width": 4, "folds": 2, "baselines": False}
    before = fit(table, "y", **options).predict(table)
    planned = plan(table, "y", **options)
    assert planned.most_seconds is not None and planned.most_seconds > 0
    pd.testing.assert_frame_equal(fit(table, "y", **options).predict(table), before)


def test_the_networks_of_another_architecture_are_counted_and_not_timed(run):
    told = found(run(*FIT, "--architecture", "mmoe", "--repeats", "2", "--dry-run", "--json"))
    assert [(one["title"], one["networks"]) for one in told["trainings"]] == [
        ("joint", 6),
        ("y alone", 6),
        ("z alone", 6),
    ]
    assert told["most_seconds"] is None
    assert "not measured" in run(*FIT, "--architecture", "mmoe", "--dry-run").stdout
    done = found(run(*FIT, "--architecture", "mmoe", "--epochs", "1", "--no-baselines", "--json"))
    assert done["n_parameters"]["joint"] == 3 * told["trainings"][0]["parameters"]
    assert done["steps"]["y"] == told["trainings"][0]["steps_an_epoch"]


@pytest.mark.parametrize(
    "words",
    [
        [*FIT, "--target", "nothing"],
        [*FIT, "--width", "0"],
        [*FIT, "--architecture", "mmoe", "--weight", "c"],
        [*FIT[:-1], "t.csv"],
        [*COMPARE, "--target", "nothing"],
        [*COMPARE, "--candidate", "nobody"],
        [*COMPARE[:-1], "t.csv"],
        ["learn", "glyphs", "-o", "m", "--learner", "nobody"],
        ["learn", "glyphs", "-o", "t.csv"],
    ],
)
def test_what_would_be_refused_is_refused(run, tmp_path, words):
    dry, real = run(*words, "--dry-run"), run(*words)
    assert dry.exit_code == real.exit_code == 2
    assert dry.stderr[dry.stderr.index("error: ") :] == real.stderr[real.stderr.index("error: ") :]
    assert dry.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_comparison_is_told_and_what_is_done_of_it(run, tmp_path):
    told = found(run(*COMPARE, "--dry-run", "--json"))
    assert not (tmp_path / "c").exists()
    assert (told["cells"], told["cells_done"], told["workers"]) == (4, 0, 1)
    assert [one["name"] for one in told["candidates"]] == ["constant", "linear"]
    found(run(*COMPARE, "--json"))
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    assert found(run(*COMPARE, "--dry-run", "--json"))["cells_done"] == 4
    assert "4 (a candidate in a fold), 4 of them done" in run(*COMPARE, "--dry-run").stdout
    other = run(*COMPARE, "--seed", "1", "--dry-run")
    assert other.exit_code == 2 and "another comparison" in other.stderr
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_a_search_is_told_with_what_it_chooses_from(run):
    pytest.importorskip("optuna")
    words = [*COMPARE, "--search", "5", "--space", "linear:alpha=0.1..2", "--dry-run"]
    told = found(run(*words, "--json"))
    assert told["search"] == 5
    assert told["candidates"][1]["space"]["numbers"] == {
        "alpha": {"low": 0.1, "high": 2, "log": False, "step": 1}
    }
    shown = " ".join(run(*words).stdout.split())
    assert "a constant: its usual settings, as it has nothing to choose from" in shown
    assert "a linear model: alpha 0.1 to 2 for numbers; C 0.0001 to 1000 (log) for classes" in shown
    assert "5 settings tried in each" in shown


def test_a_training_of_a_learner_is_told_as_it_is_done(run, tmp_path):
    for name in "abcdefghi":
        (tmp_path / "known" / name).mkdir(parents=True)
        for index in range(4):
            image = Image.fromarray(np.full((16, 16), 20 * index, dtype=np.uint8))
            image.save(tmp_path / "known" / name / f"{index}.png")
    words = ["learn", "known", "--way", "2", "--steps", "1", "--size", "16", "--width", "2", "-o", "m"]
    batches = found(run(*words, "--dry-run", "--json"))
    assert batches["learner"] == "varied-prototypes"
    assert batches["training"] == {"steps": 1, "images_a_step": 64}
    words += ["--learner", "prototypes"]
    told = found(run(*words, "--dry-run", "--json"))
    assert not Path("m").exists()
    done = found(run(*words, "--test-episodes", "2", "--json"))
    saved = json.loads(Path("m/model.json").read_text())["config"]["model"]
    assert told["classes"] == done["n_classes"] and told["parameters"] == done["n_parameters"]
    assert told["training"] == {
        "steps": 1,
        "episodes_per_step": saved["episodes"],
        "train_way": saved["train_way"],
        "n_query": saved["n_query"],
    }
    shown = " ".join(run(*words, "--dry-run").stdout.split())
    assert "train part" in shown and "Nothing was trained" in shown
    encoder = found(run(*words[:-1], "simple-shot", "--dry-run", "--json"))
    assert encoder["training"] == {"steps": 1, "images_a_step": 64}
