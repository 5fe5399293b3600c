"""Reports and cards that commands write beside what they make."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import polytask.report.model_report
from polytask.cli import app
from polytask.models import load
from polytask.models.bundle_pages import is_ours

pytestmark = pytest.mark.trains
WRITTEN_BEFORE = Path(__file__).parents[1] / "models" / "written_before" / "table"
FIT = ["fit", "t.csv", "--target", "y", "--epochs", "2", "--width", "4", "--folds", "2", "--quiet", "-o", "m"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{i},{i % 5},{i / 7}\n" for i in range(40))
    (tmp_path / "t.csv").write_text("a,b,y\n" + rows)
    return lambda *words: CliRunner().invoke(app, [*map(str, words)])


def names() -> set[str]:
    return {path.name.partition("-")[0] for path in Path("m").iterdir()}


def test_a_fit_writes_report_and_card_with_the_command_that_makes_it_again(run):
    done = run(*FIT)
    assert done.exit_code == 0 and "Report: m/report.html" in done.stdout
    report, card = Path("m/report.html"), Path("m/README.md")
    assert is_ours(report) and is_ours(card)
    for text in (report.read_text(), card.read_text()):
        assert "polytask fit t.csv --target y --output m --folds 2 --epochs 2 --width 4" in text
    assert card.read_text().count("# m\n") == 1
    again = run(*FIT)
    assert again.exit_code == 0 and is_ours(report)
    assert list(load("m").predict("t.csv").columns) == ["y"]


def test_without_a_report_nothing_of_the_rows_is_kept_either(run):
    done = run(*FIT, "--no-report")
    assert done.exit_code == 0 and "Report" not in done.stdout
    assert names() == {"README.md", "config", "model.json", "results", "weights"}


def test_where_the_extra_is_missing_it_is_said_once_before_and_the_fit_goes_well(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = run(*FIT)
    assert done.exit_code == 0
    assert done.stderr.count("there will be no report.html") == 1
    assert 'pip install "polytask[report]"' in done.stderr
    assert "report.html" not in names() and "report" in names()  # what it would show is kept for later
    late = run("report", "m")
    assert late.exit_code != 0 and 'pip install "polytask[report]"' in late.stderr
    monkeypatch.undo()


def test_a_report_that_fails_at_the_end_leaves_a_good_model_and_a_note(run, monkeypatch):
    monkeypatch.setattr(polytask.report.model_report, "model_page", lambda record: 1 / 0)
    done = run(*FIT)
    assert done.exit_code == 0
    assert "the model is written, but its pages are not: ZeroDivisionError" in done.stderr
    assert load("m").predict("t.csv")["y"].notna().all()


def test_report_and_card_are_written_again_from_what_was_kept(run):
    run(*FIT)
    before = Path("m/report.html").read_bytes()
    Path("m/report.html").unlink()
    said = json.loads(run("report", "m", "--json").stdout)
    assert Path(said["report"]).samefile("m/report.html") and Path("m/report.html").read_bytes() == before
    assert said["headline"].startswith("A model of 1 target")
    assert run("report", "m", "-o", "elsewhere/r.html").exit_code == 0 and Path("elsewhere/r.html").is_file()
    assert run("card", "m", "-o", "card.md").exit_code == 0
    assert Path("card.md").read_bytes() == Path("m/README.md").read_bytes()


def test_somebodys_own_card_is_not_replaced(run):
    run(*FIT)
    Path("m/README.md").write_text("# mine\n")
    done = run("card", "m")
    assert done.exit_code == 2 and "README.md was changed" in done.stderr
    assert Path("m/README.md").read_text() == "# mine\n"
    assert run(*FIT).exit_code == 2 and Path("m/README.md").read_text() == "# mine\n"


def test_an_evaluation_is_reported_beside_the_figures_of_the_fit(run):
    run(*FIT)
    done = run("evaluate", "m", "t.csv", "--report", "e.html")
    assert done.exit_code == 0 and "Report written to e.html" in done.stdout
    text = Path("e.html").read_text()
    assert "On 40 rows with labels" in text and "when fitted" in text and "polytask evaluate m t.csv" in text
    wrong = run("evaluate", "m", "t.csv", "--report", "e.pdf")
    assert wrong.exit_code == 2 and "--report is 'e.pdf'" in wrong.stderr


def test_a_classifier_of_texts_shows_its_mistakes_as_text(run):
    lines = [f"{word} {index},{label}" for label, word in (("x", "sun"), ("y", "rain")) for index in range(6)]
    lines[0] = "rain <b>rain</b> rain,x"
    Path("texts.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    done = run("adapt", "texts.csv", "--encoder", "hashed-text", "-o", "m")
    assert done.exit_code == 0, done.output
    text = Path("m/report.html").read_text()
    assert "rain &lt;b&gt;rain&lt;/b&gt; rain" in text and "taken for y" in text and "<b>rain" not in text


@pytest.mark.parametrize(
    ("command", "name"), [("report", "table.csv"), ("card", "table.csv"), ("card", "x.html")]
)
def test_a_page_is_never_written_over_what_is_no_page(run, command: str, name: str):
    Path(name).write_text("mine")
    found = run(command, WRITTEN_BEFORE, "-o", name)
    assert found.exit_code == 2
    assert "Choose a name that ends in ." in " ".join(found.output.split())
    assert Path(name).read_text() == "mine"


@pytest.mark.parametrize(("command", "name"), [("report", "other.html"), ("card", "README.md")])
def test_a_page_by_name_is_not_written_into_the_model(run, command: str, name: str):
    shutil.copytree(WRITTEN_BEFORE, "m")
    found = run(command, "m", "-o", f"m/{name}")
    assert found.exit_code == 2
    assert "in the model itself. Choose a file elsewhere" in " ".join(found.output.split())
    assert not Path("m", name).exists()
