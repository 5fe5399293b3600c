"""``polytask evaluate``, ``polytask importance`` and ``polytask export`` of a saved model."""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.cli import main
from polytask.core import DataWarning
from polytask.models import TaskTableModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    x = np.random.default_rng(0).normal(size=(60, 2))
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "size": 9 * x[:, 0], "flag": x[:, 1] > 0})
    table.to_csv(folder / "learned.csv", index=False)
    table[::-1].to_csv(folder / "rows.csv", index=False)
    table[["a", "b"]].to_csv(folder / "plain.csv", index=False)
    model = polytask.fit(table, ["size", "flag"], baselines=False, folds=2, epochs=2, width=4, bins=0)
    model.save(folder / "model")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> int:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["polytask", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


def test_metrics_are_shown_and_written(folder, monkeypatch, capsys) -> None:
    assert run(monkeypatch, folder, "evaluate", "model", "rows.csv", "-o", "metrics.csv") == 0
    shown = capsys.readouterr().out
    assert "rmse" in shown and "auroc" in shown and "Written to metrics.csv." in shown
    written = pd.read_csv(folder / "metrics.csv", index_col="target")
    expected = polytask.load(folder / "model").evaluate(folder / "rows.csv")
    pd.testing.assert_frame_equal(written, expected, check_dtype=False)


def test_metrics_are_printed_as_json(folder, monkeypatch, capsys) -> None:
    assert run(monkeypatch, folder, "evaluate", "model", "rows.csv", "--json") == 0
    found = json.loads(capsys.readouterr().out)["targets"]
    assert found["size"]["rows"] == 60 and "accuracy" not in found["size"] and "f1" in found["flag"]


def test_the_table_that_a_model_has_learned_from_is_told(folder, monkeypatch, capsys) -> None:
    told = "has learned from this table"
    assert run(monkeypatch, folder, "evaluate", "model", "learned.csv") == 0
    shown = capsys.readouterr()
    assert told in shown.err and "`polytask info` shows" in " ".join(shown.err.split())
    assert run(monkeypatch, folder, "evaluate", "model", "rows.csv") == 0
    assert told not in capsys.readouterr().err
    with pytest.warns(DataWarning, match=rf"{told}.* `model.results` has") as caught:
        polytask.load(folder / "model").evaluate(folder / "learned.csv")
    assert caught[0].filename == __file__


def test_importance_is_shown_written_and_printed(folder, monkeypatch, capsys) -> None:
    typed = ("importance", "model", "rows.csv", "--n-repeats", "2")
    assert run(monkeypatch, folder, *typed, "-o", "needs.csv") == 0
    assert "size" in capsys.readouterr().out
    written = pd.read_csv(folder / "needs.csv", index_col="column")
    assert list(written.columns) == ["size:importance", "size:spread", "flag:importance", "flag:spread"]
    assert run(monkeypatch, folder, *typed, "--json") == 0
    columns = json.loads(capsys.readouterr().out)["columns"]
    assert columns["a"]["size"]["importance"] == pytest.approx(written.loc["a", "size:importance"])


def test_networks_are_exported(folder, monkeypatch, capsys) -> None:
    assert run(monkeypatch, folder, "export", "model", "-o", "m.pt2", "--json") == 0
    assert json.loads(capsys.readouterr().out)["preprocessing"].endswith("m.json")
    assert (folder / "m.pt2").is_file() and (folder / "m.json").is_file()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (("evaluate", "model", "plain.csv"), "no label of the model's 2 targets"),
        (("evaluate", "model", "rows.csv", "-o", "rows.csv"), "is the input itself"),
        (("evaluate", "nothing", "rows.csv"), "There is no model directory"),
        (("importance", "model", "rows.csv", "--n-repeats", "0"), "--n-repeats must be at least 1"),
        (("export", "model", "-o", "m.pb"), "must end with .onnx or .pt2"),
        (("export", "model", "-o", "model/m.pt2"), "lies in the model directory model"),
    ],
)
def test_what_cannot_be_measured_ends_in_one_message(folder, monkeypatch, capsys, typed, message) -> None:
    assert run(monkeypatch, folder, *typed) == 2
    assert message in capsys.readouterr().err


def test_figures_are_never_cut_to_fit_a_narrow_terminal(folder, monkeypatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert run(monkeypatch, folder, "evaluate", "model", "rows.csv") == 0
    shown = capsys.readouterr().out
    figures = polytask.load(folder / "model").evaluate(folder / "rows.csv")
    assert "…" not in shown
    for name in ("accuracy", "auroc", "f1"):
        assert f"{name}: {figures.loc['flag', name]:.4g}" in shown
    assert run(monkeypatch, folder, "importance", "model", "rows.csv", "--n-repeats", "1") == 0
    assert "…" not in capsys.readouterr().out


def test_a_model_with_tasks_takes_no_further_target(folder, monkeypatch, capsys) -> None:
    with_tasks = TaskTableModel.__new__(TaskTableModel)  # its kind alone matters
    monkeypatch.setattr("polytask.models.load", lambda path: with_tasks)
    assert run(monkeypatch, folder, "extend", "model", "rows.csv", "--target", "q", "-o", "q") == 2
    assert "model is a model with tasks" in capsys.readouterr().err


def test_importance_of_a_sample_says_so(folder, monkeypatch, capsys) -> None:
    assert run(monkeypatch, folder, "importance", "model", "rows.csv", "--sample-rows", "20") == 0
    assert "Measured on 20 of 60 rows." in capsys.readouterr().out
    assert run(monkeypatch, folder, "importance", "model", "rows.csv", "--sample-rows", "0") == 2
    assert "--sample-rows must be at least 2, got 0" in capsys.readouterr().err


def test_columns_are_kept_beside_the_answers(folder, monkeypatch, capsys) -> None:
    rows = pd.read_csv(folder / "plain.csv").assign(code=[f"{index:03}" for index in range(60)])
    rows.to_csv(folder / "coded.csv", index=False)
    kept = ("--keep", "code", "--keep", "a", "-o", "answers.csv")
    assert run(monkeypatch, folder, "predict", "model", "coded.csv", *kept) == 0
    written = pd.read_csv(folder / "answers.csv", dtype={"code": str})
    assert written["code"].tolist() == rows["code"].tolist()
    assert list(written.columns)[:3] == ["code", "a", "size"]
    assert run(monkeypatch, folder, "predict", "model", "coded.csv", *kept, "--row-numbers") == 0
    numbered = pd.read_csv(folder / "answers.csv", dtype={"code": str})
    assert numbered["row"].tolist() == list(range(1, 61)) and numbered.columns[0] == "row"
    pd.testing.assert_frame_equal(numbered.drop(columns="row"), written)
    assert run(monkeypatch, folder, "predict", "model", "coded.csv", "--keep", "kode", "-o", "no.csv") == 2
    assert "--keep: the table has no column 'kode'; did you mean 'code'?" in capsys.readouterr().err
    assert not (folder / "no.csv").exists()


def test_a_classifier_is_measured_class_by_class(tmp_path, monkeypatch, capsys) -> None:
    given = {"money": ["pay my bill", "what do I owe"], "weather": ["will it rain", "is it cold"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        polytask.adapt(given, encoder="hashed-text").save(tmp_path / "intents")
    (tmp_path / "t.csv").write_text("text,label\npay the bill,money\nrain today,weather\nhow cold,money\n")
    asked = ("evaluate", "intents", "t.csv", "--report", "r.html", "-o", "classes.csv")
    assert run(monkeypatch, tmp_path, *asked) == 0
    assert "calibration error" in capsys.readouterr().out
    assert "It tells 66.7\u00a0% of 3 examples right." in (tmp_path / "r.html").read_text("utf-8")
    written = pd.read_csv(tmp_path / "classes.csv", index_col="class")
    assert written["examples"].to_dict() == {"all": 3, "money": 2, "weather": 1}
    assert run(monkeypatch, tmp_path, "evaluate", "intents", "t.csv", "--json") == 0
    money = json.loads(capsys.readouterr().out)["classes"]["money"]
    assert money == {"examples": 2, "accuracy": 0.5, "none": 0.0, "mistaken_for": "weather"}
