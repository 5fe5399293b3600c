"""The command line, run as its users run it."""

import contextlib
import io
import json
import re
import runpy
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.main import get_command

from polytask.architectures import architecture_names
from polytask.cli import app, main
from polytask.datasets import penguins_table
from polytask.fitting import table_fit
from polytask.models.table_config import TableConfig
from polytask.report.charts import canvas
from polytask.version import __version__

QUICK = ["--epochs", "2", "--width", "8", "--no-baselines"]


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def polytask(*arguments: object, cwd: Path) -> Ended:
    """Run the command in this process: importing torch anew for every case would take minutes."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sys, "argv", ["polytask", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())


@pytest.fixture(autouse=True)
def _one_is_drawn(request, monkeypatch) -> None:
    """Draw the report of one model: drawing takes longer than training here."""
    if request.function is not test_fit_then_predict:
        monkeypatch.setattr(canvas, "_svg", lambda *_: '<svg viewBox="0 0 300 200">drawn</svg>')


@pytest.fixture
def penguins(tmp_path) -> Path:
    penguins_table().to_csv(tmp_path / "penguins.csv", index=False)
    return tmp_path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A model of the penguins' species; copied by the tests that damage it."""
    folder = tmp_path_factory.mktemp("fitted")
    penguins_table().to_csv(folder / "penguins.csv", index=False)
    fitted = polytask("fit", "penguins.csv", "--target", "species", *QUICK, "-o", "model", cwd=folder)
    assert fitted.returncode == 0, fitted.stderr
    return folder / "model"


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fit_then_predict(penguins):
    fitted = polytask(
        "fit",
        "penguins.csv",
        "--target",
        "species",
        "--target",
        "body_mass_g:regression",
        *QUICK,
        "-o",
        "model",
        cwd=penguins,
    )
    assert fitted.returncode == 0, fitted.stderr
    assert "species" in fitted.stdout and "Model written to model" in fitted.stdout
    answered = polytask("predict", "model", "penguins.csv", "-o", "answers.csv", cwd=penguins)
    assert answered.returncode == 0, answered.stderr
    answers = pd.read_csv(penguins / "answers.csv")
    assert len(answers) == 344 and set(answers["species"]) <= {"Adelie", "Chinstrap", "Gentoo"}
    certain = polytask(
        "predict", "model", "penguins.csv", "-o", "answers.csv", "--intervals", "0.9", "--joint", cwd=penguins
    )
    assert certain.returncode == 0, certain.stderr
    answers = pd.read_csv(penguins / "answers.csv")
    assert (answers["body_mass_g:low"] < answers["body_mass_g:high"]).all()
    assert set("|".join(answers["species:set"]).split("|")) == {"Adelie", "Chinstrap", "Gentoo"}
    assert left(penguins) == ["answers.csv", "model", "penguins.csv"]


def test_a_command_that_is_stopped_while_it_is_read_says_so(monkeypatch, capsys):
    def stopped(name: str) -> object:
        raise KeyboardInterrupt

    being_read = ModuleType("polytask.cli")
    being_read.__getattr__ = stopped
    monkeypatch.setitem(sys.modules, "polytask.cli", being_read)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("polytask", run_name="__main__")
    assert ended.value.code == 130 and capsys.readouterr().err == "Stopped.\n"


def test_json_is_the_only_thing_on_standard_output(penguins):
    fitted = polytask("fit", "penguins.csv", "--target", "sex", *QUICK, "-o", "model", "--json", cwd=penguins)
    found = json.loads(fitted.stdout)
    assert found["tasks"][0]["task"] == "sex" and found["model"] == "model"
    answered = polytask("predict", "model", "penguins.csv", "-o", "a.parquet", "--json", cwd=penguins)
    assert json.loads(answered.stdout)["rows"] == 344
    assert len(pd.read_parquet(penguins / "a.parquet")) == 344


def test_prediction_reports_what_is_new_and_what_is_missing(penguins, model):
    strange = penguins_table().head(3).assign(island="Atlantis").drop(columns="bill_length_mm")
    strange.to_csv(penguins / "strange.csv", index=False)
    answered = polytask("predict", model, "strange.csv", "-o", "answers.csv", cwd=penguins)
    assert answered.returncode == 0
    assert "Atlantis" in answered.stderr and "bill_length_mm" in answered.stderr
    assert len(pd.read_csv(penguins / "answers.csv")) == 3


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


ROWS = "\n".join(f"{i},{i % 7},{i % 2}" for i in range(40))
BAD_TABLES = {
    "missing file": ("", "y", "no.*file"),
    "empty": ("", "y", "empty"),
    "ragged": ("a,b,y\n1,2,0\n1,2,3,4\n", "y", "line 3"),
    "no rows": ("a,b,y\n", "y", "no rows|header"),
    "unknown target": (f"a,b,y\n{ROWS}\n", "z", "'z'"),
    "constant target": (
        "a,b,y\n" + "\n".join(f"{i},{i % 7},1" for i in range(40)),
        "y",
        "'y'.*constant|constant.*'y'|always",
    ),
    "no label at all": ("a,b,y\n" + "\n".join(f"{i},{i % 7}," for i in range(40)), "y", "'y'.*label"),
    "infinite target": (f"a,b,y\n{ROWS}\n1,1,inf\n", "y:regression", "infinite"),
    "infinite feature": (f"a,b,y\n{ROWS}\ninf,1,1\n", "y", "'a'.*infinite|infinite.*'a'"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_a_bad_table_ends_with_one_message_code_2_and_nothing_written(tmp_path, case):
    text, target, message = BAD_TABLES[case]
    if case != "missing file":
        write(tmp_path, "table.csv", text)
    before = left(tmp_path)
    ended = polytask("fit", "table.csv", "--target", target, *QUICK, "-o", "model", cwd=tmp_path)
    assert ended.returncode == 2, ended.stderr
    assert re.search(message, ended.stderr.replace("\n", " ")), ended.stderr
    assert ended.stderr.count("error:") == 1 and "Traceback" not in ended.stderr and ended.stdout == ""
    assert left(tmp_path) == before


def test_a_class_that_some_folds_never_see_does_not_block_a_fit(tmp_path):
    # Each of three groups has a class for itself, and each fold holds a group out.
    rows = pd.DataFrame({"a": range(99), "person": [i % 3 for i in range(99)]})
    rows.assign(y="class " + rows["person"].astype(str)).to_csv(tmp_path / "table.csv", index=False)
    words = ("fit", "table.csv", "--target", "y", "--group", "person", *QUICK, "-o", "model")
    ended = polytask(*words, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "3 folds" in ended.stdout


def test_folds_repeats_weights_bins_and_a_budget_can_be_asked_for(penguins):
    given = ("--folds", 3, "--repeats", 2, "--weight", "year", "--bins", 4, "--time-budget", 600)
    fit = ("fit", "penguins.csv", "--target", "sex", *QUICK, *given, "-o", "model", "--json")
    ended = polytask(*fit, cwd=penguins)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert (found["n_folds"], found["n_repeats"]) == (3, 2)
    written = json.loads((penguins / "model" / "model.json").read_text())
    assert written["data"]["weight_column"] == "year" and written["config"]["model"]["bins"] == 4


def test_the_old_name_of_repeats_is_taken_with_a_note(penguins):
    fit = ("fit", "penguins.csv", "--target", "sex", *QUICK, "--folds", 2, "--seeds=2", "-o", "m", "--json")
    ended = polytask(*fit, cwd=penguins)
    assert json.loads(ended.stdout)["n_repeats"] == 2
    assert "note: --seeds is now --repeats" in ended.stderr
    shown = polytask("fit", "--help", cwd=penguins).stdout
    assert "--repeats" in shown and "--seeds" not in shown


def test_what_is_noteworthy_of_the_data_is_said_before_training(penguins, monkeypatch):
    table = penguins_table().assign(
        ring=[f"ring {i}" for i in range(344)], planet="earth", stars=[1, 2, 3, 4] * 86
    )
    table.to_csv(penguins / "penguins.csv", index=False)
    monkeypatch.setattr(table_fit, "fit_groups", lambda *_, **__: sys.exit(9))
    ended = polytask("fit", "penguins.csv", "--target", "stars", *QUICK, "-o", "model", cwd=penguins)
    told = ended.stderr
    assert ended.returncode == 9
    assert "note: Column 'ring' is not used: text that is different in most rows" in told
    assert "note: Column 'planet' is not used: always 'earth'" in told
    assert (
        "4 different whole numbers, which are learned as classes. Ask for --target stars:regression" in told
    )


@pytest.mark.parametrize("damage", ["truncated", "version", "changed"])
def test_a_damaged_model_ends_with_code_2(penguins, model, damage):
    shutil.copytree(model, penguins / "model")
    weights, description = next(penguins.glob("model/weights-*")), penguins / "model" / "model.json"
    if damage == "truncated":
        weights.write_bytes(weights.read_bytes()[:-20])
    elif damage == "version":
        description.write_text(description.read_text().replace('"schema": 2', '"schema": 7'))
    else:
        content = bytearray(weights.read_bytes())
        content[-1] ^= 1
        weights.write_bytes(content)
    ended = polytask("predict", "model", "penguins.csv", "-o", "answers.csv", cwd=penguins)
    assert ended.returncode == 2 and "error:" in ended.stderr and "Traceback" not in ended.stderr
    assert not (penguins / "answers.csv").exists()


def test_an_occupied_output_is_refused_before_any_training(penguins):
    (penguins / "mine").mkdir()
    write(penguins / "mine", "notes.txt", "keep me")
    ended = polytask("fit", "penguins.csv", "--target", "species", "-o", "mine", cwd=penguins)
    assert ended.returncode == 2 and "no polytask model" in ended.stderr
    assert left(penguins / "mine") == ["notes.txt"]


@pytest.fixture
def drawings(tmp_path) -> Path:
    """Eight classes of six noisy images."""
    draw = np.random.default_rng(0)
    for name in "abcdefgh":
        (tmp_path / "known" / name).mkdir(parents=True)
        pattern = draw.random((28, 28)) > 0.6
        for row in range(6):
            image = pattern ^ (draw.random((28, 28)) > 0.9)
            Image.fromarray(255 - 255 * image.astype(np.uint8)).save(tmp_path / "known" / name / f"{row}.png")
    return tmp_path


def test_learn_adapt_predict(drawings):
    learn = ("learn", "known", "--shot", 1, "--steps", 2, "--episodes", 5, "--width", 4, "-o", "learner")
    learned = polytask(*learn, "--way", 5, cwd=drawings)
    assert learned.returncode == 2 and "--way 5 needs at least 15" in learned.stderr  # 8 classes
    learned = polytask(*learn, "--way", 2, cwd=drawings)
    assert learned.returncode == 0, learned.stderr
    assert "prototypes" in learned.stdout and "pixel nearest mean" in learned.stdout
    lost = polytask("adapt", "learner", "known", "-o", "./learner", cwd=drawings)
    assert lost.returncode == 2 and "model itself, which would be lost" in lost.stderr
    adapted = polytask("adapt", "learner", "known", "-o", "mine", cwd=drawings)
    assert adapted.returncode == 0, adapted.stderr
    itself = polytask("adapt", "learner", "known", "-o", "./learner", cwd=drawings)
    assert itself.returncode == 2 and "learned model itself" in itself.stderr
    assert "Choose another --output." in itself.stderr
    answered = polytask("predict", "mine", "known/b", "-o", "answers.csv", cwd=drawings)
    assert answered.returncode == 0, answered.stderr
    assert list(pd.read_csv(drawings / "answers.csv").columns[:2]) == ["file", "class"]
    unadapted = polytask("predict", "learner", "known/b", "-o", "answers.csv", cwd=drawings)
    assert unadapted.returncode == 2 and "Adapt it first" in unadapted.stderr


def test_learn_reads_a_folder_as_it_is_told(drawings):
    learn = ("learn", "known", "--steps", 1, "--episodes", 2, "--width", 2, "-o", "learner", "--way", 2)
    learned = polytask(*learn, "--channels", 3, "--ground", "dark", cwd=drawings)
    assert learned.returncode == 0, learned.stderr
    images = json.loads((drawings / "learner" / "model.json").read_text())["config"]["model"]["images"]
    assert images == {"size": 28, "channels": 3, "ground": "dark", "inverted": False}
    wrong = polytask(*learn, "--channels", 2, cwd=drawings)
    assert wrong.returncode == 2 and "channels must be 1 (grey) or 3 (colour)" in wrong.stderr


def test_fewer_examples_than_way_times_shot_end_with_code_2(drawings):
    ended = polytask("learn", "known", "--way", 2, "--shot", 9, "-o", "learner", cwd=drawings)
    assert ended.returncode == 2 and "fewer" in ended.stderr and not (drawings / "learner").exists()


@pytest.mark.parametrize("command", [[], ["fit"], ["predict"], ["learn"], ["adapt"], ["demo"]])
def test_help_shows_an_example(tmp_path, command):
    shown = polytask(*command, "--help", cwd=tmp_path)
    assert shown.returncode == 0
    assert ("Example" in shown.stdout) == bool(command)


def test_the_installed_command_is_this_one():
    """In a process of its own, as everything else is tried in this one."""
    command = Path(sys.executable).with_name("polytask")
    shown = subprocess.run([command, "--version"], capture_output=True, text=True)
    assert shown.returncode == 0 and shown.stdout == f"polytask {__version__}\n"


def test_bad_input_ends_the_process_with_code_2(tmp_path):
    failed = polytask("predict", "no", "no", "-o", "x.csv", cwd=tmp_path)
    assert failed.returncode == 2 and failed.stderr.startswith("error: There is no model directory no.")


def test_a_wrong_option_ends_with_code_2(tmp_path):
    assert polytask("fit", "x.csv", "--colour", "red", cwd=tmp_path).returncode == 2


def test_the_choices_of_sharing_are_those_of_the_catalogue(tmp_path):
    listed = json.loads(polytask("methods", "--json", cwd=tmp_path).stdout)["architectures"]
    assert tuple(listed) == architecture_names()
    shown = " ".join(polytask("fit", "--help", cwd=tmp_path).stdout.split())
    assert all(name in shown for name in ("hard|tabm|", "|film"))


def test_an_unknown_architecture_is_refused_with_those_that_there_are(tmp_path):
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i},{i % 7}\n" for i in range(40)))
    done = polytask("fit", "t.csv", "--target", "y", "--architecture", "telepathy", "-o", "m", cwd=tmp_path)
    assert done.returncode == 2
    assert "telepathy" in done.stderr and "soft" in done.stderr


def test_the_methods_are_listed_with_what_they_need(tmp_path):
    done = polytask("methods", "--json", cwd=tmp_path)
    listed = json.loads(done.stdout)
    assert listed["balancing"]["upgrad"]["needs"] == "gramian"
    assert listed["learning"]["tim"]["transductive"] is True
    shown = polytask("methods", cwd=tmp_path).stdout
    assert "nash-mtl" in shown
    assert "proto-maml" in shown
    rows = {line.split()[0]: line for line in shown.splitlines() if line.strip()}
    assert "as trained" in rows["maml"] and "any number" in rows["prototypes"]


def test_the_help_names_the_defaults_of_today():
    """Options that are left out have the default of Python, which their help text repeats."""
    defaults = TableConfig()
    shown = {option.name: option.help for option in get_command(app).commands["fit"].params}
    for name in ("dropout", "patience", "weight_decay", "bins", "members", "soft_strength"):
        assert f"({getattr(defaults, name):g})" in shown[name], name
