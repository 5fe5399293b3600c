"""``polytask learn --learner auto``: what would be tried, and what was."""

import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from polytask.cli import app
from polytask.fitting import few_shot_choice

pytestmark = pytest.mark.trains
QUICK = ("--learner", "auto", "--way", "2", "--steps", "1", "--width", "4", "--size", "16", "--episodes", "2")


@pytest.fixture
def run(tmp_path):
    numbers = np.random.default_rng(0)
    for index in range(18):
        image = tmp_path / "images" / f"class {index // 3}" / f"{index}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((numbers.random((16, 16)) * 255).astype(np.uint8)).save(image)
    return lambda *words: CliRunner().invoke(app, ["learn", str(tmp_path / "images"), *words])


def test_a_dry_run_tells_what_would_be_tried(run, tmp_path):
    done = run(*QUICK, "--dry-run", "-o", str(tmp_path / "m"))
    assert done.exit_code == 0, done.stderr
    assert "varied-prototypes, prototypes, simple-shot, ridge, maml, 1 step each" in " ".join(
        done.stdout.split()
    )
    assert not (tmp_path / "m").exists()


def test_what_was_tried_is_printed_and_written(run, tmp_path, monkeypatch):
    monkeypatch.setattr(few_shot_choice, "_N_EPISODES", 2)
    monkeypatch.setattr(few_shot_choice, "chosen_index", lambda values, scores: 0)
    done = run(*QUICK, "-o", str(tmp_path / "m"))
    assert done.exit_code == 0, done.stderr
    assert "Tried for 1 step each" in done.stdout and "simple-shot" in done.stdout
    (file,) = (tmp_path / "m").glob("results*.json")
    assert [one["chosen"] for one in json.loads(file.read_text())["trials"]] == [
        True,
        False,
        False,
        False,
        False,
    ]


def test_a_setting_of_some_learners_alone_is_refused_in_the_words_of_the_command(run, tmp_path):
    done = run(*QUICK, "--inner-steps", "2", "-o", str(tmp_path / "m"))
    assert done.exit_code == 2 and "--inner-steps is not used by all learners" in done.stderr
