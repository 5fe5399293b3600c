"""A person's day with a table of real voices, by the command: from comparing methods to exporting a model."""

import json
import os
import sys
from pathlib import Path

import pandas as pd
import pytest

from polytask.cli import main
from polytask.datasets import parkinsons, school

TARGETS = ("--target", "motor", "--target", "total")
PATIENTS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if "POLYTASK_DATA" not in os.environ:
        pytest.skip("POLYTASK_DATA names no folder with Parkinsons telemonitoring")
    folder = tmp_path_factory.mktemp("day")
    found = parkinsons()
    table = pd.DataFrame(found.features.numpy(), columns=list(found.feature_names))
    table["patient"] = found.patients.numpy()
    table["motor"], table["total"] = found.scores.double().numpy().T
    table = table[table["patient"] <= PATIENTS].iloc[::8]
    known = table["patient"] <= PATIENTS - 3
    table[known].to_csv(folder / "known.csv", index=False)
    table[~known].to_csv(folder / "new.csv", index=False)
    few = table[known].drop(columns=["motor", "total"])
    few["severe"] = (table[known]["total"] > table[known]["total"].median()).map({True: "yes", False: "no"})
    few.sample(30, random_state=0).to_csv(folder / "few.csv", index=False)
    return folder


def test_each_step_of_the_day(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: str) -> dict:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["polytask", *arguments, "--json"])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capsys.readouterr()
        assert stop.value.code == 0, said.err
        return json.loads(said.out)

    quick = ("--epochs", "3", "--width", "8", "--bins", "0", "--folds", "2")
    related = run("relate", "known.csv", *TARGETS, "--group", "patient", "--epochs", "2")
    assert {one["task"] for one in related["tasks"]} == {"motor", "total"}
    candidates = ("--candidate", "constant", "--candidate", "linear", "--folds", "2", "--workers", "1")
    compared = run("compare", "known.csv", *TARGETS, "--group", "patient", *candidates, "-o", "comparison")
    assert [one["name"] for one in compared["targets"]] == ["motor", "total"]
    fitted = run("fit", "known.csv", *TARGETS, "--group", "patient", *quick, "-o", "model")
    assert fitted["n_folds"] == 2 and {one["task"] for one in fitted["tasks"]} == {"motor", "total"}
    judged = run("evaluate", "model", "new.csv")
    assert set(judged["targets"]) == {"motor", "total"}
    assert run("importance", "model", "new.csv")
    run("predict", "model", "new.csv", "--keep", "patient", "--intervals", "0.9", "-o", "answers.csv")
    answers = pd.read_csv(folder / "answers.csv")
    assert {"motor", "motor:low", "motor:high", "total", "total:low", "total:high"} <= set(answers.columns)
    assert answers["patient"].tolist() == pd.read_csv(folder / "new.csv")["patient"].tolist()
    run("extend", "model", "few.csv", "--target", "severe", "-o", "extended")
    run("predict", "extended", "new.csv", "-o", "more.csv")
    more = pd.read_csv(folder / "more.csv")
    assert more["motor"].equals(answers["motor"]) and set(more["severe"]) <= {"yes", "no"}
    run("export", "extended", "-o", "model.pt2")
    assert (folder / "model.pt2").is_file() and (folder / "model.json").is_file()


def test_schools_are_related(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if "POLYTASK_DATA" not in os.environ:
        pytest.skip("POLYTASK_DATA names no folder with School")
    found = school()
    table = pd.DataFrame(found.features.numpy(), columns=list(found.feature_names))
    table["school"], table["score"] = found.schools.numpy(), found.scores.numpy()
    table[table["school"] < 12].to_csv(tmp_path / "pupils.csv", index=False)
    pupils = ("--target", "score", "--task-column", "school", "--networks", "3", "--epochs", "3")
    monkeypatch.setattr(sys, "argv", ["polytask", "relate", str(tmp_path / "pupils.csv"), *pupils, "--json"])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capsys.readouterr()
    assert stop.value.code == 0, said.err
    related = json.loads(said.out)
    assert [one["task"] for one in related["tasks"]] == [f"school={number}" for number in range(12)]
    assert len(related["groups"]) <= 3 and sum(map(len, related["groups"])) == 12
    assert len(related["affinity"]["matrix"]) == 12
