"""``polytask classes`` lists what a classifier knows, and changes it: all of it, in order, or nothing."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import polytask
from polytask.cli import app

ROWS = [
    ("pay my bill", "money"), ("what do I owe the bank", "money"), ("send money to the bank", "money"),
    ("will it rain", "weather"), ("is it cold outside", "weather"), ("how warm is it today", "weather"),
    ("a large pizza", "food"), ("pizza with ham", "food"),
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("classes")
    pd.DataFrame(ROWS, columns=["text", "label"]).to_csv(place / "requests.csv", index=False)
    polytask.adapt(place / "requests.csv", encoder="hashed-text", head="class-means", strength=1.0).save(
        place / "m"
    )
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made / "m", tmp_path / "m")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object) -> object:
    return CliRunner().invoke(app, ["classes", *map(str, words)])


def held(model: str) -> dict[str, list[str]]:
    return json.loads(run(model, "--json").stdout)["classes"]


def test_classes_are_listed_with_their_examples(folder: Path) -> None:
    ended = run("m")
    assert ended.exit_code == 0, ended.output
    assert "3 classes, 8 texts." in ended.stdout
    assert "food" in ended.stdout and "6: a large pizza" in ended.stdout and "7: pizza with" in ended.stdout
    assert held("m") == {"food": ["6", "7"], "money": ["0", "1", "2"], "weather": ["3", "4", "5"]}


def test_a_long_list_of_examples_is_cut(folder: Path) -> None:
    texts = [f"snow number {word}" for word in ["one", "two", "three", "four", "five", "six", "seven"]]
    polytask.load("m").add(texts, labels=["weather"] * 7).save("long")
    listed = run("long").stdout
    assert "9: snow number two" in listed and "and 5 more" in listed and "number three" not in listed


def test_changes_are_done_in_the_order_in_which_they_are_typed(folder: Path) -> None:
    words = ["--rename", "food", "meal", "--correct", "2", "meal", "--remove", "money", "--forget=3"]
    ended = run("m", *words, "--rename=meal", "dish", "-o", "m2")
    assert ended.exit_code == 0, ended.output
    assert held("m2") == {"dish": ["6", "7", "2"], "weather": ["4", "5"]}
    texts = json.loads(run("m2", "--json").stdout)["texts"]
    assert texts.pop("2") == "send money to the bank" and set(texts) == {"4", "5", "6", "7"}
    ended = run("m", "--remove", "money", "--correct", "2", "food", "-o", "m3")
    assert ended.exit_code == 2
    assert "There is no example '2'" in " ".join(ended.output.split())
    assert not (folder / "m3").exists()


def test_the_model_itself_may_be_the_output(folder: Path) -> None:
    assert run("m", "--correct", "7", "snacks", "-o", "m").exit_code == 0
    assert held("m") == {
        "food": ["6"], "money": ["0", "1", "2"], "weather": ["3", "4", "5"], "snacks": ["7"]
    }  # fmt: skip


def test_a_rename_changes_no_answer(folder: Path) -> None:
    assert run("m", "--rename", "food", "meal", "-o", "m2").exit_code == 0
    before, after = (polytask.load(name).predict(["ham", "rain"], probabilities=True) for name in ("m", "m2"))
    assert after["p(meal)"].tolist() == before["p(food)"].tolist()
    assert after["typicality"].tolist() == before["typicality"].tolist()


def test_without_refit_scores_of_the_other_classes_stay_bit_for_bit(folder: Path) -> None:
    def scores(name: str, classes: list[str]) -> list[list[float]]:
        model = polytask.load(name)
        rows = model.scores(model.space.features(["ham", "cold rain"]))
        return rows[:, [model.classes.index(one) for one in classes]].tolist()

    assert run("m", "--forget", "0", "--no-refit", "-o", "m2").exit_code == 0
    assert scores("m2", ["food", "weather"]) == scores("m", ["food", "weather"])
    assert scores("m2", ["money"]) != scores("m", ["money"])
    assert polytask.load("m2").data["left_out_accuracy"] == polytask.load("m").data["left_out_accuracy"]
    assert len(polytask.load("m2").references) == 8


def test_with_refit_what_is_typical_follows_the_examples(folder: Path) -> None:
    assert run("m", "--forget", "0", "-o", "m2").exit_code == 0
    assert len(polytask.load("m2").references) == 7


def test_a_class_that_is_called_like_an_option_s_placeholder_or_has_a_blank_is_taken(folder: Path) -> None:
    assert run("m", "--rename", "food", "ham = 'eggs'", "-o", "m").exit_code == 0
    assert "ham = 'eggs'" in held("m")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["m", "--rename", "fod", "meal", "-o", "m2"], "no class 'fod'; did you mean 'food'?"),
        (["m", "--rename", "food", "money", "-o", "m2"], "There is a class 'money' already"),
        (["m", "--remove", "food"], "With --remove an --output is needed"),
        (["m", "-o", "m2"], "Nothing is to be changed. Name a change, or leave out --output"),
        (["m", "--rename", "food", "-o", "m2"], "--rename takes OLD NEW"),
        (["m", "-o", "m2", "--correct", "3"], "--correct takes EXAMPLE CLASS"),
        (["m", "--remove", "food", "--remove", "money", "-o", "m2"], "at least 2 are needed"),
        (["m", "--forget", "6", "--forget", "7", "-o", "m2"], "the last example of class 'food'"),
        (["m", "--forget", "99", "-o", "m2"], "There is no example '99'"),
        (["m2"], "m2"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(folder: Path, words: list[str], said: str) -> None:
    before = {path.name: path.read_bytes() for path in (folder / "m").iterdir()}
    ended = run(*words)
    assert ended.exit_code == 2, ended.output
    assert said in " ".join(ended.output.split())
    assert not (folder / "m2").exists()
    assert {path.name: path.read_bytes() for path in (folder / "m").iterdir()} == before


def test_a_model_of_another_kind_is_refused_and_a_folder_of_somebody_else_is_kept(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine" / "notes.txt").write_text("keep")
    ended = run("m", "--remove", "food", "-o", "mine")
    assert ended.exit_code == 2 and "which would be lost" in " ".join(ended.output.split())
    assert [path.name for path in (folder / "mine").iterdir()] == ["notes.txt"]
    adapted = Path(__file__).parents[1] / "models" / "written_before" / "prototypes_adapted"
    ended = run(adapted)
    assert ended.exit_code == 2 and "no classifier of labelled examples" in " ".join(ended.output.split())
