"""``polytask label`` writes what to label next, and ``adapt`` reads it when it is filled in."""

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from polytask.cli import app

ROWS = [
    ("pay my bill", "money"), ("what do I owe the bank", "money"), ("will it rain", "weather"),
    ("is it cold outside", "weather"),
]  # fmt: skip
POOL = ["pay the bank", "rain today", "pizza with ham", 'a "large"\npizza, please', "the bill", "NA", ""]


def run(*words: object) -> object:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(ROWS, columns=["text", "intent"]).to_csv("requests.csv", index=False)
    pd.DataFrame({"text": POOL}).to_csv("pool.csv", index=False)
    assert run("adapt", "requests.csv", "-o", "m", "--encoder", "hashed-text").exit_code == 0
    return tmp_path


def test_texts_are_proposed_labelled_and_learned(folder: Path) -> None:
    shown = run("label", "m", "pool.csv", "-n", "20", "-o", "to-label.csv").stdout
    assert 'a "large" pizza, please' in shown and "rain today" in shown and "weather" in shown
    ended = run("label", "m", "pool.csv", "-n", "20", "-o", "to-label.csv", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["label_column"] == "intent"
    table = pd.read_csv("to-label.csv", keep_default_na=False)
    assert list(table.columns) == ["text", "proposal", "probability", "intent"]
    assert set(table["text"]) == set(POOL) - {""}
    assert table["probability"].between(0.5, 1).all()
    assert run("adapt", "m", "to-label.csv", "-o", "m2").exit_code == 2  # nothing was filled in
    table.loc[table["text"].str.contains("pizza"), "intent"] = "food"
    table.to_csv("to-label.csv", index=False)
    ended = run("adapt", "m", "to-label.csv", "-o", "m2")
    assert ended.exit_code == 0, ended.output
    assert "Left out: 4 rows without a label" in " ".join(ended.output.split())
    assert run("predict", "m2", "pool.csv", "-o", "answers.csv").exit_code == 0
    found = pd.read_csv("answers.csv")["class"]
    assert len(found) == len(POOL) and found[2] == found[3] == "food"


def test_files_are_named_from_the_folder_of_the_table(folder: Path) -> None:
    for name, colour in (("a/1", "red"), ("a/2", "red"), ("b/1", "blue"), ("b/2", "blue"), ("p/x", "lime")):
        path = folder / "photos" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), colour).save(path)
    (folder / "photos" / "p").rename(folder / "pool")
    assert run("adapt", "photos", "-o", "p", "--encoder", "colour-gradients").exit_code == 0
    (folder / "lists").mkdir()
    ended = run("label", "p", "pool", "-o", "lists/next.csv")
    assert ended.exit_code == 0 and "x.png" in ended.stdout
    table = pd.read_csv("lists/next.csv", keep_default_na=False)
    assert list(table["path"]) == ["../pool/x.png"] and list(table["label"]) == [""]
    table.assign(label="green").to_csv("lists/next.csv", index=False)
    ended = run("adapt", "p", "lists/next.csv", "-o", "p2", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["classes"] == ["a", "b", "green"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["m", "pool.csv", "-o", "t.csv", "-n", "0"], "-n must be a whole number above 0"),
        (["m", "pool.csv", "-o", "t.txt"], "must end with .csv or .parquet"),
        (["m", "pool.csv", "-o", "pool.csv"], "is the input itself"),
        (["m", "pool.csv", "-o", "m/t.csv"], "lies in the model directory"),
        (["m", "nowhere", "-o", "t.csv"], "There is no file or folder nowhere"),
        (["nowhere", "pool.csv", "-o", "t.csv"], "nowhere"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(folder: Path, words: list[str], said: str) -> None:
    before = (folder / "pool.csv").read_bytes()
    ended = run("label", *words)
    assert ended.exit_code == 2, ended.output
    assert said in " ".join(ended.output.split())
    assert not (folder / "t.csv").exists() and (folder / "pool.csv").read_bytes() == before
