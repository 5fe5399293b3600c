"""``polytask learn TABLE --task-column``: from a table with many small tasks to answers for new ones."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from polytask.cli import app

pytestmark = pytest.mark.trains


def table(n_tasks: int, first: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(first)
    task = np.repeat(np.arange(n_tasks), 6)
    x = draw.uniform(-1, 1, len(task))
    level = 10 * draw.normal(size=n_tasks)[task]
    return pd.DataFrame({"shop": [f"s{first + one}" for one in task], "x": x, "sold": 50 + level + x})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    table(12).to_csv(folder / "sales.csv", index=False)
    new = table(1, first=100)
    new.head(3).to_csv(folder / "new.csv", index=False)
    new.tail(3).to_csv(folder / "asked.csv", index=False)
    return folder


def run(folder, *words):
    paths = [
        str(folder / word) if (folder / word).exists() or word.startswith("out") else word for word in words
    ]
    return CliRunner().invoke(app, paths)


@pytest.fixture(scope="module")
def learned(folder):
    words = ("--task-column", "shop", "--target", "sold", "--learner", "tnp", "--steps", "5", "--width", "8")
    done = run(folder, "learn", "sales.csv", *words, "-o", "out-model")
    assert done.exit_code == 0, done.stderr
    return done


def test_what_was_tried_is_printed_and_the_model_is_described(folder, learned):
    assert "levels" in learned.stdout and "tnp" in learned.stdout and "yes" in learned.stdout
    described = json.loads(run(folder, "info", "out-model", "--json").stdout)
    assert described["kind"] == "in-context" and described["task_column"] == "shop"
    assert described["settings"]["learner"] == "tnp" and len(described["tasks"]) == 12
    assert "learner" in run(folder, "info", "out-model").stdout


def test_a_new_task_is_adapted_to_and_answered_with_densities(folder, learned):
    adapted = run(folder, "adapt", "out-model", "new.csv", "-o", "out-more")
    assert adapted.exit_code == 0 and "3 more rows, of 1 new task" in adapted.stdout
    options = ("--intervals", "0.8", "--deviation", "--log-density")
    done = run(folder, "predict", "out-more", "asked.csv", "-o", "out.csv", *options)
    assert done.exit_code == 0, done.stderr
    found = pd.read_csv(folder / "out.csv")
    assert list(found.columns)[-5:] == ["sold", "sold:sd", "sold:low", "sold:high", "sold:log_density"]
    assert np.isfinite(found["sold:log_density"]).all()


def test_a_dry_run_tells_the_tasks_and_what_would_be_tried(folder):
    words = ("learn", "sales.csv", "--task-column", "shop", "--target", "sold", "--dry-run", "-o", "out-dry")
    done = run(folder, *words)
    assert done.exit_code == 0, done.stderr
    assert "12 of the column shop" in done.stdout and "mixed, cnp, tnp, pfn" in done.stdout
    assert not (folder / "out-dry").exists()
    done = run(folder, *words, "--learner", "mixed")
    assert done.exit_code == 0 and "step" not in done.stdout


def test_adapting_is_told_before_it_is_done_and_done_again_from_its_configuration(folder, learned):
    words = ("adapt", "out-model", "new.csv", "-o", "out-planned")
    told = json.loads(run(folder, *words, "--dry-run", "--json").stdout)
    assert (told["rows"], told["new_tasks"], told["tasks"]) == (3, ["s100"], 13)
    assert not (folder / "out-planned").exists()
    assert run(folder, *words).exit_code == 0
    again = run(folder, "adapt", "--config", "out-planned", "-o", "out-again", "--json")
    assert again.exit_code == 0, again.stderr
    assert {name: json.loads(again.stdout)[name] for name in ("rows", "tasks")} == {"rows": 3, "tasks": 13}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--target", "sold", "--way", "3"), "--way is for images"),
        ((), "--target is missing"),
        (("--target", "sold", "--learner", "maml"), "--learner is 'maml'"),
        (
            ("--target", "sold", "--learner", "mixed", "--steps", "5"),
            "--steps is not used with --learner mixed",
        ),
    ],
)
def test_options_of_other_sources_are_refused_in_the_words_of_the_command(folder, words, problem):
    done = run(folder, "learn", "sales.csv", "--task-column", "shop", *words, "-o", "out-none")
    assert done.exit_code == 2 and problem in done.stderr


def test_auto_does_not_replace_a_model_of_another_kind_at_the_end(folder, learned):
    words = ("learn", "sales.csv", "--task-column", "shop", "--target", "sold", "-o", "out-model")
    done = run(folder, *words)
    assert done.exit_code == 2 and "only known at the end" in done.stderr


def test_a_network_of_rows_is_measured_and_reported_on_new_tasks(folder, learned):
    table(4, first=300).to_csv(folder / "others.csv", index=False)
    words = ("evaluate", "out-model", "others.csv", "-o", "out-figures.csv", "--report", "out-page.html")
    done = run(folder, *words)
    assert done.exit_code == 0, done.stderr
    assert "Each task counts as new" in done.stdout
    assert list(pd.read_csv(folder / "out-figures.csv")["known_rows"]) == [0, 1, 5]
    assert "log density" in (folder / "out-page.html").read_text()
    told = json.loads(run(folder, "evaluate", "out-model", "others.csv", "--json").stdout)
    assert told["known_rows"]["5"]["tasks"] == 4 and "others judge" in told["measured"]
    done = run(folder, "report", "out-model", "-o", "out-report.html")
    assert done.exit_code == 0 and "New tasks of sold are answered by tnp" in " ".join(done.stdout.split())
    page = (folder / "out-report.html").read_text()
    assert "levels of tasks alone" in page and page.count("<svg") == 2


def test_two_numbers_are_learned_and_answered_together(folder):
    table(12).assign(kept=lambda rows: 3 * rows["x"]).to_csv(folder / "two.csv", index=False)
    words = ("--target", "sold", "--target", "kept", "--learner", "cnp", "--steps", "3", "--width", "8")
    done = run(folder, "learn", "two.csv", "--task-column", "shop", *words, "-o", "out-two")
    assert done.exit_code == 0, done.stderr
    done = run(folder, "predict", "out-two", "two.csv", "-o", "out-two.csv", "--intervals", "0.8")
    assert done.exit_code == 0, done.stderr
    columns = ["sold", "sold:low", "sold:high", "kept", "kept:low", "kept:high"]
    assert list(pd.read_csv(folder / "out-two.csv").columns)[-6:] == columns
    done = run(folder, "report", "out-two", "-o", "out-two.html")
    assert done.exit_code == 0 and "RMSE of kept" in (folder / "out-two.html").read_text()


def test_a_logistic_regression_of_own_classes_is_learned_and_told_of(folder):
    rows = table(8).assign(kind=lambda rows: rows["shop"] + np.where(rows["x"] > 0, "-up", "-down"))
    rows.drop(columns="sold").to_csv(folder / "halves.csv", index=False)
    words = ("--task-column", "shop", "--target", "kind", "--own-classes", "--learner", "logistic")
    done = run(folder, "learn", "halves.csv", *words, "--steps", "2", "-o", "out-halves")
    assert done.exit_code == 0, done.stderr
    done = run(folder, "info", "out-halves")
    assert done.exit_code == 0 and "logistic" in done.stdout, done.stderr


def test_classes_of_each_task_are_learned_adapted_to_and_answered(folder):
    rows = table(12).assign(kind=lambda rows: rows["shop"] + np.where(rows["x"] > 0, "-up", "-down"))
    more = table(1, first=400).assign(x=[-1, 1, -1, 1, -1, 1], kind=list("bababa"))
    rows.drop(columns="sold").to_csv(folder / "kinds.csv", index=False)
    more.drop(columns="sold").to_csv(folder / "more-kinds.csv", index=False)
    words = ("--task-column", "shop", "--target", "kind", "--own-classes", "--steps", "3", "--width", "8")
    done = run(folder, "learn", "kinds.csv", *words, "--dry-run", "-o", "out-kinds")
    assert done.exit_code == 0 and "logistic, pfn" in done.stdout, done.stderr
    done = run(folder, "learn", "kinds.csv", *words, "-o", "out-kinds")
    assert done.exit_code == 0, done.stderr
    assert "share of wrong answers" in " ".join(done.stdout.split())
    done = run(folder, "adapt", "out-kinds", "more-kinds.csv", "-o", "out-kinds-2")
    assert done.exit_code == 0 and "6 more rows, of 1 new task" in done.stdout
    done = run(folder, "predict", "out-kinds-2", "more-kinds.csv", "-o", "out-kinds.csv")
    assert done.exit_code == 0, done.stderr
    found = pd.read_csv(folder / "out-kinds.csv")
    assert list(found.columns)[-3:] == ["kind", "kind:p(b)", "kind:p(a)"]
    np.testing.assert_allclose(found["kind:p(a)"] + found["kind:p(b)"], 1)
    done = run(folder, "report", "out-kinds", "-o", "out-kinds.html")
    assert done.exit_code == 0 and "log probability" in (folder / "out-kinds.html").read_text()
    done = run(folder, "predict", "out-kinds", "more-kinds.csv", "-o", "out-none.csv")
    assert done.exit_code == 2 and "No class of 'kind' is known" in done.stderr
    done = run(folder, "learn", "kinds.csv", *words, "--learner", "tnp", "-o", "out-none")
    assert done.exit_code == 2 and "--own-classes" in done.stderr
