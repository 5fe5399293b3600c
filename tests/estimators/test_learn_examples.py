"""Learning from known classes of texts and vectors: from the source to a classifier of new classes."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

import polytask
from polytask.cli import app
from polytask.core import BundleError, DataError, DataWarning, InputError
from polytask.core.doors import at_the_command
from polytask.models import FewShotClassifier, LearnedFeatures

SCATTER = np.resize([0.4, 0.4, 0.4, 4.0], 12)
MEANS = np.random.default_rng(0).normal(size=(60, 12))


def vectors(classes: range, n_rows: int, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    labels = np.repeat(list(classes), n_rows)
    rows = MEANS[labels] + draw.normal(size=(len(labels), 12)) * SCATTER
    return pd.DataFrame(rows, columns=[f"x{index}" for index in range(12)]).assign(
        label=[f"c{label}" for label in labels]
    )


@pytest.fixture(scope="module")
def model() -> LearnedFeatures:
    return polytask.learn(vectors(range(40), 12), kind="vector", progress=False)


@pytest.mark.filterwarnings("ignore:Every class has one example")
def test_it_tells_new_classes_better_than_adapt_alone(model):
    support, asked = vectors(range(40, 60), 1, 1), vectors(range(40, 60), 10, 2)
    right = [
        float((made.predict(asked.drop(columns="label"))["class"].to_numpy() == asked["label"]).mean())
        for made in (model.adapt(support), polytask.adapt(support))
    ]
    assert model.results is not None and model.results.learned
    assert right[0] > right[1] + 0.05


def test_one_example_a_class_is_as_sure_as_known_classes_were(model):
    support, asked = vectors(range(40, 60), 1, 1), vectors(range(40, 60), 20, 2)
    made = model.adapt(support)
    found = made.predict(asked.drop(columns="label"))
    right = found["class"].to_numpy() == asked["label"].to_numpy()
    assert abs(found["probability"].mean() - right.mean()) < 0.1
    assert 0.005 < found["none"].mean() < 0.15  # a twentieth, on average over supports


def test_what_it_adapts_to_lives_and_comes_back(model, tmp_path):
    model.save(tmp_path / "m")
    again = polytask.load(tmp_path / "m")
    assert isinstance(again, LearnedFeatures)
    support, asked = vectors(range(40, 45), 3, 1), vectors(range(40, 45), 4, 2).drop(columns="label")
    first, second = model.adapt(support), again.adapt(support)
    pd.testing.assert_frame_equal(first.predict(asked), second.predict(asked))
    more = second.add(vectors(range(45, 46), 3, 3)).refit()
    more.save(tmp_path / "c")
    loaded = polytask.load(tmp_path / "c")
    assert isinstance(loaded, FewShotClassifier) and loaded.classes[-1] == "c45"
    pd.testing.assert_frame_equal(more.predict(asked, sets=0.8), loaded.predict(asked, sets=0.8))


def test_features_that_are_good_as_they_are_are_kept_with_a_word():
    texts = {f"class {n}": [f"word{n} {more}" for more in ("a", "b", "c")] for n in range(8)}
    with pytest.warns(DataWarning, match="No learned map is clearly better"):
        found = polytask.learn(texts, kind="text", encoder="hashed-text", progress=False)
    assert found.space.map is None and found.results is not None and found.results.chosen == "none"
    json.dumps(found.results.to_json(), allow_nan=False)
    made = found.adapt({"new": ["word9 a", "word9 b"], "other": ["word10 a", "word10 b"]})
    assert list(made.predict(["word9 z"])["class"]) == ["new"]


def test_a_damaged_map_or_what_is_known_is_refused(model, tmp_path):
    from polytask.models.bundle import Bundle, load_bundle

    model.save(tmp_path / "m")
    held = load_bundle(tmp_path / "m")
    tensors = {name: tensor.clone() for name, tensor in held.tensors.items()}
    for change, problem in (
        ({"tensors": {**tensors, "space/map": torch.zeros(3, 3)}}, "map of the features has shape (3, 3)"),
        ({"data": {**held.data, "known_tasks": {"sharpness": 0}}}, "known classes"),
    ):
        parts = {"tensors": tensors, "data": held.data, **change}
        spoilt = Bundle(kind=held.kind, config=held.config, files={}, **parts)
        with pytest.raises(BundleError, match=re.escape(problem)):
            LearnedFeatures.from_bundle(spoilt)


def test_few_classes_and_settings_of_other_sources_are_refused():
    with pytest.raises(DataError, match="3 classes have two examples or more; at least 6"):
        polytask.learn(vectors(range(3), 4), kind="vector", progress=False)
    with pytest.raises(InputError, match="`way` is for images, not for examples of a frozen encoder"):
        polytask.learn(vectors(range(8), 4), kind="vector", way=3)
    with pytest.raises(
        InputError, match="`steps` is for images, a table with a task column and a prior, not"
    ):
        polytask.learn(vectors(range(8), 4), kind="vector", steps=3)
    with (
        at_the_command(),
        pytest.raises(InputError, match="`steps` is for images and a table with a task column, not for exam"),
    ):
        polytask.learn(vectors(range(8), 4), kind="vector", steps=3)
    with pytest.raises(InputError, match="`kind` is for classes of examples"):
        polytask.learn(vectors(range(8), 4), kind="vector", task_column="label", target="x0")


def test_the_command_learns_adapts_and_predicts(tmp_path):
    def run(*words: str):
        return CliRunner().invoke(
            app, [str(tmp_path / word) if ".csv" in word or word[:1] == "m" else word for word in words]
        )

    vectors(range(30), 8).to_csv(tmp_path / "known.csv", index=False)
    vectors(range(40, 45), 3, 1).to_csv(tmp_path / "new.csv", index=False)
    vectors(range(40, 45), 2, 2).drop(columns="label").to_csv(tmp_path / "asked.csv", index=False)
    done = run("learn", "known.csv", "--label-column", "label", "-o", "m1")
    assert done.exit_code == 0, done.stderr
    assert "none (frozen features)" in done.stdout and "yes" in done.stdout
    done = run("adapt", "m1", "new.csv", "-o", "m2")
    assert done.exit_code == 0 and "5 classes from 15 vectors" in done.stdout, done.stderr
    done = run("predict", "m2", "asked.csv", "-o", "out.csv", "--sets", "0.9")
    assert done.exit_code == 0, done.stderr
    assert set(pd.read_csv(tmp_path / "out.csv")["class"]) <= {f"c{n}" for n in range(40, 45)}
    assert "knows no classes yet" in run("predict", "m1", "asked.csv", "-o", "out2.csv").stderr
    assert "Leave out" in run("adapt", "m1", "new.csv", "--kind", "text", "-o", "m3").stderr
    assert "features learned from known classes" in run("info", "m1").stdout
