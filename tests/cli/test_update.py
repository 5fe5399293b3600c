"""``polytask update``: what is printed, what is written, and what stays where the update is undone."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from polytask.cli import app
from polytask.models.bundle_folder import named_file
from polytask.online import ContinualUpdate
from polytask.online.continual import Observed

pytestmark = pytest.mark.trains
QUICK = ("--steps", "1", "--n-replayed", "1", "--test-episodes", "3", "--learning-rate", "1e-6")


def draw(folder: Path, n_classes: int, n_each: int, seed: int) -> None:
    numbers = np.random.default_rng(seed)
    for index in range(n_classes):
        pattern = numbers.random((16, 16)) > 0.6
        (folder / f"{seed}-{index}").mkdir(parents=True)
        for image in range(n_each):
            noisy = pattern ^ (numbers.random((16, 16)) > 0.97)
            Image.fromarray((255 * noisy).astype(np.uint8)).save(folder / f"{seed}-{index}" / f"{image}.png")


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("updated")
    draw(folder / "known", 10, 5, seed=0)
    draw(folder / "new", 2, 6, seed=1)
    typed = ["--learner", "maml", "--inner-steps", "1", "--way", "2", "--steps", "1", "--width", "4"]
    typed += ["--size", "16"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        done = CliRunner().invoke(app, ["learn", "known", *typed, "--episodes", "3", "-o", "model"])
        assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture
def run(learned, monkeypatch):
    monkeypatch.chdir(learned)
    return lambda *words: CliRunner().invoke(app, [*map(str, words)])


def state(model: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path(model).iterdir()}


def test_an_update_is_printed_and_written_with_its_figures(run):
    done = run("update", "model", "new", *QUICK, "-o", "model-2")
    assert done.exit_code == 0, done.stderr
    assert "before" in done.stdout and "Model written to model-2." in done.stdout
    file = named_file(Path("model-2"), "results.json")
    assert file is not None
    results = json.loads(file.read_text())
    assert results["kept"] and {"new_task", "guard", "known_tasks"} <= set(results)
    told = run("info", "model-2").stdout
    assert "update, new task" in told and "before the update" in told


def test_an_update_is_told_before_it_is_made(run):
    before = state("model")
    told = json.loads(run("update", "model", "new", *QUICK, "-o", "dry", "--dry-run", "--json").stdout)
    assert told["new_task"] == {"classes": ["1-0", "1-1"], "support": 6, "queries": 6}
    assert (told["steps"], told["n_replayed"], told["n_episodes"], told["replay"]) == (1, 1, 3, "known")
    shown = " ".join(run("update", "model", "new", *QUICK, "-o", "dry", "--dry-run").stdout.split())
    assert "6 images; 6 others judge" in shown and "Nothing was trained" in shown
    assert not Path("dry").exists() and state("model") == before
    for words in (["new", "--steps", "0"], ["nowhere"], ["new", "--replay", "nowhere"]):
        dry, real = (run("update", "model", *words, "-o", "dry", *more) for more in (["--dry-run"], []))
        assert dry.exit_code == real.exit_code == 2 and dry.stderr == real.stderr


def test_the_model_itself_may_be_replaced(run):
    assert run("update", "model", "new", *QUICK, "-o", "mine").exit_code == 0
    done = run("update", "mine", "new", *QUICK, "-o", "mine", "--json")
    assert done.exit_code == 0 and json.loads(done.stdout)["model"] == "mine"


@pytest.mark.parametrize("output", ["model", "none"])
def test_an_update_that_is_undone_writes_nothing(run, monkeypatch, output):
    def diverge(self, tasks, examples) -> Observed:
        for parameter in self.learner.parameters():
            parameter.data.zero_()
        return Observed(before=0.0, held_out=None, kept=False)

    monkeypatch.setattr(ContinualUpdate, "observe", diverge)
    before = state("model")
    done = run("update", "model", "new", *QUICK, "-o", output)
    assert done.exit_code == 1 and "The update was undone, and nothing written." in done.stdout
    assert state("model") == before and not Path("none").exists()
    assert json.loads(run("update", "model", "new", *QUICK, "-o", output, "--json").stdout)["model"] is None


def test_a_model_of_another_kind_is_refused(run):
    assert run("adapt", "model", "new", "-o", "adapted").exit_code == 0
    done = run("update", "adapted", "new", "-o", "other")
    assert done.exit_code == 2 and "adapted is no few-shot model" in done.stderr


def test_another_source_is_refused_before_anything_is_written(run):
    done = run("update", "model", "new", "--replay", "new", *QUICK, "-o", "other")
    assert done.exit_code == 2 and not Path("other").exists()


def test_an_updated_model_has_the_configuration_of_the_update(run):
    assert run("update", "model", "new", *QUICK, "-o", "told").exit_code == 0
    file = named_file(Path("told"), "config.toml")
    assert file is not None and 'command = "update"' in file.read_text()
    again = run("update", "--config", "told", "-o", "again", "--json")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["steps"] == 1
