"""``polytask adapt`` of a table: new tasks from few rows, between a fit and its predictions."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from polytask.cli import main

N_TASKS, N_ROWS = 14, 15
NEW = 90  # the first new task
TARGETS = ("--target", "sold", "--target", "kind", "--target", "often")
QUICK = ("--epochs", "2", "--width", "4", "--depth", "1", "--bins", "0", "--folds", "2", "--no-baselines")


def rows(n_tasks: int, n_rows: int, *, start: int) -> pd.DataFrame:
    draw = np.random.default_rng(start)
    level = np.repeat(np.linspace(-3, 3, n_tasks) if n_tasks > 1 else [3.0], n_rows)
    x, noise, other = draw.normal(size=(3, len(level)))
    kinds = np.select([level + noise < -1, level + noise > 1], ["low", "high"], "middle")
    return pd.DataFrame(
        {
            "shop": start + np.repeat(np.arange(n_tasks), n_rows),
            "price": x,
            "sold": 10 + 5 * level + x + 0.1 * noise,
            "kind": kinds,
            "often": np.where(level + other > 0, "yes", "no"),
        }
    )


def run(*typed: str) -> int:
    before, sys.argv = sys.argv, ["polytask", *typed]
    try:
        with pytest.raises(SystemExit) as stop:
            main()
    finally:
        sys.argv = before
    return int(stop.value.code or 0)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapted")
    rows(N_TASKS, N_ROWS, start=0).to_csv(folder / "known.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert (
            run("fit", "known.csv", *TARGETS, "--task-column", "shop", *QUICK, "-o", "shops", "--json") == 0
        )
    return folder


@pytest.fixture
def folder(fitted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(fitted)
    return fitted


def answered(folder: Path, model: str) -> pd.DataFrame:
    """Let a model predict rows of the new task that it was not told."""
    rows(1, 40, start=NEW).tail(20).to_csv(folder / "later.csv", index=False)
    assert run("predict", model, "later.csv", "-o", "answers.csv") == 0
    return pd.read_csv(folder / "answers.csv")


def test_a_new_shop_is_answered_better_the_more_of_its_rows_are_known(folder, capsys):
    new = rows(1, 40, start=NEW)
    errors, log_probabilities = [], []
    for n_rows in (0, 1, 5, 20):
        model = "shops"
        if n_rows:
            model = f"with-{n_rows}"
            new.head(n_rows).to_csv("few.csv", index=False)
            assert run("adapt", "shops", "few.csv", "-o", model, "--json") == 0
            told = json.loads(capsys.readouterr().out)
            assert (told["new_tasks"], told["tasks"]) == ([str(NEW)], N_TASKS + 1)
            assert told["labels"] == {str(NEW): 3 * n_rows}
        answers = answered(folder, model)
        capsys.readouterr()
        later = new.tail(20).reset_index(drop=True)
        errors.append(float(np.sqrt(np.mean((answers["sold"] - later["sold"]) ** 2))))
        chosen = [answers.loc[row, f"kind:p({kind})"] for row, kind in enumerate(later["kind"])]
        log_probabilities.append(float(np.mean(np.log(chosen))))
    assert errors[1] < 0.6 * errors[0] and errors[3] < errors[1]
    assert log_probabilities[0] < log_probabilities[2] and log_probabilities[0] < log_probabilities[3]


def test_an_adapted_model_is_measured_explained_and_described(folder, capsys):
    new = rows(1, 40, start=NEW)
    new.head(5).to_csv("few.csv", index=False)
    new.tail(35).to_csv("rest.csv", index=False)
    assert run("adapt", "shops", "few.csv", "-o", "measured") == 0
    assert "Learned 15 labels of 1 task, 1 of them new; the model knows 15 tasks." in capsys.readouterr().out
    figures = {}
    for model in ("shops", "measured"):
        assert run("evaluate", model, "rest.csv", "--json") == 0
        figures[model] = json.loads(capsys.readouterr().out)["targets"]
    assert set(figures["measured"]) == {"sold", "kind", "often"}
    assert figures["measured"]["kind"]["rows"] == 35 and "accuracy" in figures["measured"]["kind"]
    assert figures["measured"]["sold"]["rmse"] < 0.5 * figures["shops"]["sold"]["rmse"]
    assert run("importance", "measured", "known.csv", "--n-repeats", "2", "--json") == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert set(columns) == {"shop", "price"}
    assert columns["shop"]["sold"]["importance"] > columns["price"]["sold"]["importance"]
    assert run("export", "measured", "-o", "measured.pt2", "--json") == 0
    beside = json.loads((folder / "measured.json").read_text())
    assert beside["task_input"]["tasks"][-1] == str(NEW)
    assert run("info", "measured") == 0
    assert "15 of the column shop" in capsys.readouterr().out


def test_rows_that_are_given_again_do_not_count_unless_asked(folder, capsys):
    rows(1, 8, start=NEW).head(4).to_csv("first.csv", index=False)
    rows(1, 8, start=NEW).to_csv("grown.csv", index=False)
    assert run("adapt", "shops", "first.csv", "-o", "first") == 0
    capsys.readouterr()
    assert run("adapt", "first", "grown.csv", "-o", "grown") == 0
    said = capsys.readouterr()
    assert "Learned 12 labels of 1 task" in said.out
    assert "12 of 24 labels were learned from before" in said.err and "--again" in said.err
    assert run("adapt", "first", "first.csv", "-o", "same") == 0
    said = capsys.readouterr()
    assert "All labels were learned from before" in said.err and "Learned 0 labels of 0 tasks;" in said.out
    pd.testing.assert_frame_equal(answered(folder, "same"), answered(folder, "first"))
    assert run("adapt", "first", "first.csv", "-o", "twice", "--again", "--json") == 0
    assert json.loads(capsys.readouterr().out.partition("{")[2].join(["{", ""]))["labels"] == {str(NEW): 12}


def test_a_model_of_tasks_may_be_changed_in_place(folder, capsys):
    rows(1, 8, start=NEW).to_csv("more.csv", index=False)
    shutil.copytree("shops", "mine")
    assert run("adapt", "mine", "more.csv", "-o", "mine") == 0
    assert run("adapt", "shops", "more.csv", "-o", "other") == 0
    capsys.readouterr()
    pd.testing.assert_frame_equal(answered(folder, "mine"), answered(folder, "other"))


@pytest.mark.parametrize(
    ("change", "typed", "message"),
    [
        (lambda table: table.drop(columns="shop"), (), "no column 'shop', which tells the task"),
        (lambda table: table.drop(columns=["sold", "kind", "often"]), (), "no column of the targets"),
        (lambda table: table.assign(sold=None, kind=None, often=None), (), "No row has a label"),
        (lambda table: table.assign(kind="purple"), (), "has class 'purple'"),
        (lambda table: table.assign(shop=None), (), "is empty in 4 rows"),
    ],
)
def test_what_cannot_be_learned_ends_in_one_message_and_nothing_is_written(
    folder, capsys, change, typed, message
):
    change(rows(1, 4, start=NEW)).to_csv("bad.csv", index=False)
    capsys.readouterr()
    assert run("adapt", "shops", "bad.csv", *(typed or ("-o", "never"))) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "never").exists()
