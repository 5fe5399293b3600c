"""What a report keeps of a fit tells the truth about held-out rows, and stays small."""

import json

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.models.report_details import ReportDetails

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def fitted():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(240, 4))
    frame = pd.DataFrame(x, columns=["much", "some", "none", "also none"])
    frame["number"] = 3 * x[:, 0] + 0.3 * draw.normal(size=240)
    frame["kind"] = np.array(["low", "high"])[(x[:, 1] + 0.1 * draw.normal(size=240) > 0).astype(int)]
    frame.loc[:39, "kind"] = None
    frame["colour"] = [None, *["red", "blue"] * 119, "red"]
    frame.loc[7, "number"] = 500.0
    model = polytask.fit(
        frame,
        ["number", "kind"],
        drop="also none",
        epochs=20,
        learning_rate=0.01,
        width=16,
        depth=1,
        folds=4,
        progress=False,
    )
    return frame, model


def details(fitted, name):
    return next(one for one in fitted[1].details.targets if one.target == name)


def test_labels_are_counted(fitted):
    assert (details(fitted, "number").labels, details(fitted, "kind").labels) == (240, 200)
    assert details(fitted, "kind").judged == 200


def test_points_are_labels_of_the_table_in_its_units(fitted):
    found = details(fitted, "number")
    assert len(found.truth) == len(found.predicted) == 240
    known = {float(f"{value:.5g}") for value in fitted[0]["number"]}
    assert (
        sum(any(abs(value - one) < 1e-3 * max(1, abs(one)) for one in known) for value in found.truth) == 240
    )


def test_the_confusion_matrix_counts_every_judged_row_and_agrees_with_the_accuracy(fitted):
    found = details(fitted, "kind")
    matrix = np.array(found.confusion)
    result = next(one for one in fitted[1].results.tasks if one.task == "kind")
    assert matrix.sum() == 200 and found.classes == ("high", "low")
    assert matrix.trace() / 200 == pytest.approx(result.joint["accuracy"].mean, abs=1e-6)
    assert sum(one.rows for one in found.reliability) == 200
    right = sum(one.right * one.rows for one in found.reliability) / 200
    assert right == pytest.approx(matrix.trace() / 200, abs=1e-3)


def test_the_column_that_decides_is_the_most_important_one(fitted):
    assert next(iter(details(fitted, "kind").importance)) == "some"
    importance = details(fitted, "kind").importance
    assert importance["some"] > 0.5 > 0.1 > abs(importance["none"])
    assert not details(fitted, "kind").seen and details(fitted, "kind").importance_rows == 240


def test_the_worst_row_is_the_one_that_is_off_most_with_what_it_has(fitted):
    worst = details(fitted, "number").misses[0]
    assert worst.row == 7 and float(worst.truth) == 500.0 and worst.size > 400
    frame = fitted[0]
    assert worst.features["much"] == f"{frame['much'].iloc[7]:.6g}"
    sizes = [one.size for one in details(fitted, "number").misses]
    assert sizes == sorted(sizes, reverse=True)


def test_intervals_hold_about_as_many_labels_as_asked(fitted):
    coverage = details(fitted, "number").coverage
    assert list(coverage) == ["0.5", "0.8", "0.9", "0.95"]
    for level, share in coverage.items():
        assert abs(share - float(level)) < 0.08


def test_gains_are_over_every_baseline(fitted):
    gains = details(fitted, "kind").gains
    assert set(gains) == {"separate model", "constant answer"} and gains["constant answer"][0] > 20
    result = next(one for one in fitted[1].results.tasks if one.task == "kind")
    assert gains["separate model"][0] == pytest.approx(result.gain.mean, abs=1e-3)


def test_losses_of_the_training_and_columns_are_kept(fitted):
    found = fitted[1].details
    curve = next(one for one in found.curves if one.title == "networks joint")
    assert set(curve.lines) == {"number", "kind"} and curve.unit == "epoch" and curve.at[0] == 1
    assert found.columns == {"number": ("much", "some", "none"), "category": ("colour",)}


def test_they_come_back_from_json_as_they_were_and_are_small(fitted):
    text = json.dumps(fitted[1].details.to_json())
    assert ReportDetails.from_json(json.loads(text)) == fitted[1].details
    assert len(text) < 40_000
