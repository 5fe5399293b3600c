"""`polytask.adapt`: from labelled examples of any kind to a classifier."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.core import DataError, DataWarning, InputError
from polytask.encoders import encoder_of
from polytask.estimators import adapt_examples

TEXTS = {
    "money": ["pay my bill", "what do I owe the bank", "send money to the bank", "my bill is too high"],
    "weather": ["will it rain", "is it cold outside", "how warm is it today", "rain or sun today"],
}


def test_texts_are_told_apart_by_their_words_without_any_download(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path))  # no weights there
    with pytest.warns(DataWarning) as told:
        model = polytask.adapt(TEXTS)
    assert any("by their words alone" in str(one.message) for one in told)
    assert list(model.predict(["the bank and my bill", "rain today"])["class"]) == ["money", "weather"]


def test_a_table_of_texts_and_a_folder_of_texts_give_the_same_model(tmp_path: Path) -> None:
    rows = [(text, label) for label, texts in TEXTS.items() for text in texts]
    pd.DataFrame(rows, columns=["sentence", "topic"]).to_csv(tmp_path / "t.csv", index=False)
    for label, texts in TEXTS.items():
        (tmp_path / "f" / label).mkdir(parents=True)
        for number, text in enumerate(texts):
            (tmp_path / "f" / label / f"{number}.txt").write_text(text)
    with warnings.catch_warnings(action="ignore"):
        by_table = polytask.adapt(tmp_path / "t.csv", label_column="topic", encoder="hashed-text")
        by_folder = polytask.adapt(tmp_path / "f", encoder="hashed-text")
    asked = ["cold rain", "owe money"]
    assert by_table.predict(asked)["probability"].to_numpy() == pytest.approx(
        by_folder.predict(asked)["probability"].to_numpy()
    )


def test_what_was_found_is_told() -> None:
    model = polytask.adapt(
        [{"text": text, "label": label} for label, texts in TEXTS.items() for text in texts],
        encoder="hashed-text",
    )
    assert "label" in model.messages[0]


def test_one_example_of_each_class_says_where_the_rest_is_from() -> None:
    with pytest.warns(DataWarning, match="Every class has one example, so none could be left out"):
        model = polytask.adapt({"a": ["cat"], "b": ["rain"]}, encoder="hashed-text")
    assert list(model.predict(["cat", "rain"])["class"]) == ["a", "b"]
    draws = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    with pytest.warns(DataWarning, match="no example is called none of these"):
        of_vectors = polytask.adapt(draws, ["a", "b", "c"])
    assert not of_vectors.predict(100 * draws)["none"].any()


def test_one_class_an_encoder_of_another_kind_and_an_unknown_head_are_refused() -> None:
    with warnings.catch_warnings(action="ignore"):
        with pytest.raises(DataError, match="at least 2 are needed"):
            polytask.adapt({"a": ["x", "y"]})
        with pytest.raises(InputError, match="takes vectors"):
            polytask.adapt(TEXTS, encoder="vectors")
        with pytest.raises(InputError, match="no head 'nearest'"):
            polytask.adapt(TEXTS, encoder="hashed-text", head="nearest")


def test_vectors_are_told_apart() -> None:
    draws = np.random.default_rng(0)
    labels = np.repeat(["low", "high"], 10)
    rows = draws.standard_normal((20, 3)) + 4 * (labels == "high")[:, None]
    with warnings.catch_warnings(action="ignore"):
        model = polytask.adapt(rows.astype(np.float32), labels)
    assert (model.predict(rows.astype(np.float32))["class"] == labels).mean() > 0.9


def test_a_text_with_two_labels_is_pointed_out() -> None:
    with pytest.warns(DataWarning, match="1 text with more than one label, such as 'hello': a, b"):
        polytask.adapt({"a": ["hello", "cat"], "b": ["hello ", "rain"]}, encoder="hashed-text")


def test_examples_by_class_join_a_support_that_was_a_table() -> None:
    frame = pd.DataFrame(
        [(text, label) for label, texts in TEXTS.items() for text in texts], columns=["text", "label"]
    )
    more = polytask.adapt(frame, encoder="hashed-text").add({"food": ["a large pizza"]})
    assert list(more.predict(["pizza"])["class"]) == ["food"]


def test_words_weigh_more_where_what_texts_mean_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    blank = encoder_of(lambda texts: [[float(len(text) % 3), 1.0] for text in texts], kind="text")
    monkeypatch.setattr(adapt_examples, "frozen_encoder", lambda name, **_: blank)
    support = {"a": ["el gato negro", "un gato pardo", "gato"], "b": ["der Hund bellt", "ein Hund", "Hunde"]}
    model = polytask.adapt(support)
    assert [view.weight for view in model.space.views] == [1.0, 2.0]
    assert list(model.predict(["los gatos", "Hund und Katz"])["class"]) == ["a", "b"]
