"""``polytask adapt`` and ``predict`` with a few examples of texts and of numbers, by the command."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from polytask.cli import app
from polytask.encoders.pretrained.registry import MODELS
from polytask.encoders.pretrained.stored import is_stored

ROWS = [
    ("pay my bill", "money"), ("what do I owe the bank", "money"), ("send money to the bank", "money"),
    ("will it rain", "weather"), ("is it cold outside", "weather"), ("how warm is it today", "weather"),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(ROWS, columns=["text", "label"]).to_csv("requests.csv", index=False)
    pd.DataFrame({"text": ["rain or cold", "money to owe", ""]}).to_csv("new.csv", index=False)
    return tmp_path


def run(*words: object) -> object:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_table_of_texts_is_learned_and_another_predicted(folder: Path) -> None:
    ended = run("adapt", "requests.csv", "-o", "m", "--encoder", "hashed-text")
    assert ended.exit_code == 0, ended.output
    assert "Learned 2 classes from 6 texts by hashed-text" in " ".join(ended.stdout.split())
    ended = run("predict", "m", "new.csv", "-o", "p.csv", "--sets", "0.8", "--probabilities")
    assert ended.exit_code == 0, ended.output
    found = pd.read_csv("p.csv")
    assert list(found["class"][:2]) == ["weather", "money"]
    assert {"probability", "typicality", "none", "set", "p(money)", "p(weather)"} <= set(found.columns)


def test_more_examples_bring_a_new_class(folder: Path) -> None:
    run("adapt", "requests.csv", "-o", "m", "--encoder", "hashed-text")
    pd.DataFrame({"text": ["a large pizza", "pizza with ham"], "label": "food"}).to_csv(
        "more.csv", index=False
    )
    assert "Added 2 texts to the 6 that the model knew." in run("adapt", "m", "more.csv", "-o", "m3").stdout
    ended = run("adapt", "m", "more.csv", "-o", "m2", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["classes"] == ["money", "weather", "food"]
    pd.DataFrame({"text": ["ham pizza"]}).to_csv("q.csv", index=False)
    assert run("predict", "m2", "q.csv", "-o", "p.csv").exit_code == 0
    assert list(pd.read_csv("p.csv")["class"]) == ["food"]


def test_columns_of_the_table_are_kept_beside_the_classes(folder: Path) -> None:
    run("adapt", "requests.csv", "-o", "m", "--encoder", "hashed-text")
    table = pd.DataFrame({"id": ["007", "008"], "text": ["rain", "money"], "day": [3, 4]})
    table.to_csv("asked.csv", index=False)
    ended = run("predict", "m", "asked.csv", "-o", "p.csv", "--keep", "id", "--keep", "text", "--row-numbers")
    assert ended.exit_code == 0, ended.output
    found = pd.read_csv("p.csv", dtype={"id": str})
    assert list(found.columns)[:4] == ["row", "id", "text", "class"]
    assert found["id"].tolist() == ["007", "008"] and found["row"].tolist() == [1, 2]
    ended = run("predict", "m", "asked.csv", "-o", "p.csv", "--keep", "ids")
    assert ended.exit_code == 2 and "--keep: the table has no column 'ids'; did you mean 'id'" in ended.stderr
    (folder / "texts").mkdir()
    (folder / "texts" / "one.txt").write_text("rain")
    ended = run("predict", "m", "texts", "-o", "p.csv", "--keep", "id")
    assert ended.exit_code == 2 and "is in none" in " ".join(ended.stderr.split())


def test_what_would_be_learned_is_told_and_nothing_is_written(folder: Path) -> None:
    words = ["adapt", "requests.csv", "-o", "m", "--encoder", "hashed-text"]
    told = json.loads(run(*words, "--dry-run", "--json").stdout)
    assert (told["kind"], told["examples"], told["classes"]) == ("text", 6, {"money": 3, "weather": 3})
    assert told["encoders"] == ["hashed-text"] and "logistic" in told["heads"] and len(told["heads"]) > 1
    shown = " ".join(run(*words, "--head", "ridge", "--dry-run").stdout.split())
    assert "money (3), weather (3)" in shown and "head ridge" in shown and "Nothing was trained" in shown
    assert not (folder / "m").exists()
    for wrong in (["--head", "rigde"], ["--label-column", "intent"], ["--encoder", "minlm"]):
        dry, real = (run(*words[:4], *wrong, *more) for more in (["--dry-run"], []))
        assert dry.exit_code == real.exit_code == 2 and dry.stderr == real.stderr
    assert run(*words).exit_code == 0
    pd.DataFrame({"text": ["a pizza", "ham"], "label": "food"}).to_csv("more.csv", index=False)
    told = json.loads(run("adapt", "m", "more.csv", "-o", "m2", "--dry-run", "--json").stdout)
    assert (told["new_classes"], told["examples"], told["encoders"]) == (["food"], 2, ["hashed-text"])
    assert not (folder / "m2").exists()


def test_a_classifier_is_made_again_from_its_configuration(folder: Path) -> None:
    words = ["adapt", "requests.csv", "--encoder", "hashed-text", "--head", "ridge", "--strength", "0.1"]
    assert run(*words, "-o", "m").exit_code == 0
    ended = run("adapt", "--config", "m", "-o", "again", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["head"] == "ridge"
    (first,), (second,) = (list((folder / name).glob("weights-*")) for name in ("m", "again"))
    assert first.read_bytes() == second.read_bytes()


def test_learning_of_known_classes_is_told_before_it_is_done(folder: Path) -> None:
    rows = [(f"{word} {other}", word) for word in "abcdefg" for other in ("one", "two", "three")]
    pd.DataFrame(rows, columns=["text", "label"]).to_csv("known.csv", index=False)
    words = ["learn", "known.csv", "-o", "m", "--encoder", "hashed-text"]
    told = json.loads(run(*words, "--dry-run", "--json").stdout)
    assert told["examples"] == 21 and len(told["classes"]) == 7 and told["encoders"] == ["hashed-text"]
    assert not (folder / "m").exists()
    for wrong in (["--way", "3"], ["--seed", "-1"], ["--item-column", "words"]):
        dry, real = (run(*words, *wrong, *more) for more in (["--dry-run"], []))
        assert dry.exit_code == real.exit_code == 2 and dry.stderr == real.stderr, wrong
    assert run(*words).exit_code == 0
    pd.DataFrame(ROWS, columns=["text", "label"]).to_csv("new.csv", index=False)
    told = json.loads(run("adapt", "m", "new.csv", "-o", "m2", "--dry-run", "--json").stdout)
    assert told["classes"] == {"money": 3, "weather": 3} and not (folder / "m2").exists()
    ended = run("evaluate", "m", "new.csv", "--report", "page.html")
    assert ended.exit_code == 0, ended.output
    assert "new classes, in episodes" in " ".join(ended.stdout.split()) and "accuracy" in ended.stdout
    assert "accuracy" in (folder / "page.html").read_text()
    assert "points of accuracy on held-out classes" in (folder / "m" / "report.html").read_text()


def test_a_table_of_numbers_is_learned(folder: Path) -> None:
    draws = np.random.default_rng(0)
    frame = pd.DataFrame(draws.standard_normal((20, 2)), columns=["width", "height"])
    frame.iloc[10:] += 5
    frame.assign(label=["low"] * 10 + ["high"] * 10).to_csv("n.csv", index=False)
    frame.to_csv("q.csv", index=False)
    assert run("adapt", "n.csv", "-o", "m").exit_code == 0
    assert run("predict", "m", "q.csv", "-o", "p.csv").exit_code == 0
    assert list(pd.read_csv("p.csv")["class"]) == ["low"] * 10 + ["high"] * 10


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["adapt", "requests.csv", "-o", "m2", "--encoder", "nothing"], "no encoder 'nothing'"),
        (["adapt", "requests.csv", "-o", "m2", "--head", "logistik"], "did you mean 'logistic'"),
        (["adapt", "requests.csv", "-o", "m2", "--strength", "1"], "--strength belongs to one head"),
        (["adapt", "requests.csv", "-o", "m2", "--kind", "film"], "--kind is 'film'"),
        (["adapt", "requests.csv", "-o", "m2", "--again"], "--again is for models"),
        (["adapt", "m", "-o", "m2"], "is a model"),
        (["adapt", "m", "requests.csv", "-o", "m2", "--head", "ridge"], "Leave out --head"),
        (["predict", "m", "new.csv", "-o", "p.csv", "--refuse", "2"], "--refuse must be a share"),
        (["predict", "m", "new.csv", "-o", "p.csv", "--intervals", "0.9"], "for models of tables"),
    ],
)
def test_what_cannot_be_is_said_in_the_words_of_the_command(
    folder: Path, words: list[str], said: str
) -> None:
    assert run("adapt", "requests.csv", "-o", "m", "--encoder", "hashed-text").exit_code == 0
    ended = run(*words)
    assert ended.exit_code == 2
    assert said in " ".join(ended.output.split())
    assert not (folder / "m2").exists() and not (folder / "p.csv").exists()


def test_texts_of_any_script_and_length_and_empty_ones_are_told(folder: Path) -> None:
    rows = [
        ("wie wird das Wetter heute", "Wetter ☔"), ("今日の天気はどうですか", "Wetter ☔"),
        ("какая погода", "Wetter ☔"),
        ("ich möchte Geld überweisen", "Geld"), ("お金を送りたい", "Geld"), ("перевести деньги", "Geld"),
    ]  # fmt: skip
    pd.DataFrame(rows, columns=["text", "label"]).to_csv("many.csv", index=False)
    asked = ["Wetter heute", "今日の天気", "деньги", "", "Geld überweisen " * 20_000, "👩‍👩‍👧 ‮abc"]
    pd.DataFrame({"text": asked}).to_csv("asked.csv", index=False)
    assert run("adapt", "many.csv", "-o", "m", "--encoder", "hashed-text").exit_code == 0
    ended = run("predict", "m", "asked.csv", "-o", "p.csv")
    assert ended.exit_code == 0, ended.output
    found = pd.read_csv("p.csv")
    assert len(found) == len(asked) and found["probability"].between(0.5, 1).all()
    assert list(found["class"][[0, 1, 2, 4]]) == ["Wetter ☔", "Wetter ☔", "Geld", "Geld"]


def test_an_empty_text_to_learn_from_is_refused_with_its_row(folder: Path) -> None:
    pd.DataFrame({"text": ["rain", ""], "label": ["weather", "money"]}).to_csv("gap.csv", index=False)
    ended = run("adapt", "gap.csv", "-o", "m")
    assert ended.exit_code == 2 and "the text is empty in row 2" in " ".join(ended.output.split())
    assert not (folder / "m").exists()


def test_a_table_of_coordinates_beside_labels_is_learned(folder: Path) -> None:
    pd.DataFrame({"x": [0, 1, 9, 8], "y": [0, 1, 9, 8], "label": ["low", "low", "high", "high"]}).to_csv(
        "xy.csv", index=False
    )
    assert run("adapt", "xy.csv", "-o", "m").exit_code == 0
    pd.DataFrame({"y": [9, 0], "x": [8, 1]}).to_csv("q.csv", index=False)
    assert run("predict", "m", "q.csv", "-o", "p.csv").exit_code == 0
    assert list(pd.read_csv("p.csv")["class"]) == ["high", "low"]


def test_the_pretrained_encoder_and_the_words_are_taken_where_it_is_there(folder: Path) -> None:
    pytest.importorskip("tokenizers")
    if not is_stored(MODELS["minilm"]):
        pytest.skip("needs the pretrained model minilm")
    ended = run("adapt", "requests.csv", "-o", "m", "--json")
    assert ended.exit_code == 0, ended.output
    assert json.loads(ended.stdout)["encoders"] == ["minilm-3-layers", "hashed-text"]
    asked = ["my rent is due", "sunshine and wind", "", "🌧️", "snow " * 5000]
    pd.DataFrame({"text": asked}).to_csv("asked.csv", index=False)
    assert run("predict", "m", "asked.csv", "-o", "p.csv").exit_code == 0
    found = pd.read_csv("p.csv")
    assert len(found) == 5 and list(found["class"][[0, 1, 4]]) == ["money", "weather", "weather"]
