"""`polytask.estimators.evaluate_classes`: a classifier of few examples on others with labels."""

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.core import DataError, DataWarning
from polytask.meta.heads.sharpness import calibration_gap
from polytask.models import FewShotClassifier

FEW = {"left": [[-1.0, 0.1], [-1.2, 0.0]], "right": [[1.0, 0.0], [1.1, 0.2]]}
OTHERS = np.array([[-0.9, 0.0], [-1.1, 0.3], [0.9, 0.1], [1.3, 0.0], [0.8, -0.1]], dtype=np.float32)
LABELS = ["left", "left", "right", "left", "right"]


@pytest.fixture(scope="module")
def model() -> FewShotClassifier:
    model = polytask.adapt({name: np.array(rows) for name, rows in FEW.items()}, kind="vector")
    assert isinstance(model, FewShotClassifier)
    return model


def test_figures_are_those_of_the_predictions(model: FewShotClassifier) -> None:
    found = model.evaluate(OTHERS, LABELS)
    answers = model.predict(OTHERS, probabilities=True)
    right = answers["class"].to_numpy() == LABELS
    assert list(found.index) == ["all", "left", "right"]
    assert found["examples"].tolist() == [5, 3, 2]
    assert found.loc["all", "accuracy"] == right.mean() == 0.8
    assert found.loc["left", "accuracy"] == pytest.approx(2 / 3)
    assert found["mistaken_for"].tolist() == ["", "right", ""]
    assert found.loc["all", "none"] == answers["none"].mean()
    shares = answers[["p(left)", "p(right)"]].to_numpy()
    codes = np.array([model.classes.index(label) for label in LABELS])
    loss = -np.log(shares[np.arange(5), codes]).mean()
    assert found.loc["all", "log_loss"] == pytest.approx(loss, rel=1e-4)
    assert found.loc["all", "calibration_error"] == pytest.approx(calibration_gap(shares, codes), rel=1e-4)


def test_a_class_that_the_model_does_not_have_has_no_accuracy_and_is_not_of_all(
    model: FewShotClassifier,
) -> None:
    found = model.evaluate(OTHERS, [*LABELS[:4], "up"])
    assert list(found.index) == ["all", "left", "right", "up"]
    assert np.isnan(found.loc["up", "accuracy"]) and found.loc["up", "mistaken_for"] == "right"
    assert found.loc["all", "examples"] == 4


def test_a_class_may_be_called_all() -> None:
    named = {"all": np.array(FEW["left"]), "right": np.array(FEW["right"])}
    model = polytask.adapt(named, kind="vector")
    assert isinstance(model, FewShotClassifier)
    assert list(model.evaluate(OTHERS[:3], ["all", "all", "right"]).index) == ["(all)", "all", "right"]


def test_examples_that_were_learned_from_are_told(model: FewShotClassifier) -> None:
    rows = np.array([*OTHERS.tolist(), FEW["left"][0]], dtype=np.float32)
    with pytest.warns(DataWarning, match="has learned from 1 example of the 6"):
        model.evaluate(rows, [*LABELS, "left"])


def test_labels_of_other_names_are_refused(model: FewShotClassifier) -> None:
    with pytest.raises(DataError, match="No example is of a class of the model, 'left', 'right'; the labels"):
        model.evaluate(OTHERS, ["l", "l", "r", "l", "r"])


def test_rows_of_a_table_without_a_label_are_left_out() -> None:
    table = pd.DataFrame({"text": ["a bill", "rain", "snow"], "label": ["money", "weather", None]})
    few = {"money": ["pay my bill", "what I owe"], "weather": ["will it rain", "is it cold"]}
    model = polytask.adapt(few, encoder="hashed-text")
    assert isinstance(model, FewShotClassifier)
    with pytest.warns(DataWarning, match="label"):
        found = model.evaluate(table)
    assert found.loc["all", "examples"] == 2
