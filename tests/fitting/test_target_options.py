"""What can be asked of single targets: what it becomes, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from polytask.core import DataError
from polytask.core.settings import SettingsCheck
from polytask.evaluate import metric_names
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.target_options import (
    check_class_weights,
    check_metrics,
    check_target_weights,
    with_class_weights,
    with_metrics,
    with_target_weights,
)


@pytest.fixture(scope="module")
def prepared() -> PreparedTable:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"x": draw.normal(size=40), "size": draw.normal(size=40)})
    frame["sold"] = [True] * 30 + [False] * 6 + [None] * 4
    frame["band"] = (["low"] * 20 + ["mid"] * 10 + ["high"] * 10)[::-1]
    columns = Columns.of(["size", "sold", "band"])
    return prepare_table(frame, columns, folds=3, seed=0)


def weights(prepared: PreparedTable, given: object) -> dict[str, tuple[float, ...]]:
    check = SettingsCheck()
    checked = check_class_weights(check, given)
    check.done()
    return with_class_weights(prepared, checked).class_weights


def test_balanced_classes_count_alike(prepared) -> None:
    found = weights(prepared, "balanced")
    assert found["sold"] == pytest.approx((36 / (2 * 6), 36 / (2 * 30)))  # False, True
    assert found["band"] == pytest.approx((40 / 30, 40 / 60, 40 / 30))  # high, low, mid
    assert "size" not in found


def test_weights_are_relative_and_their_mean_over_the_labels_is_1(prepared) -> None:
    found = weights(prepared, {"band": {"high": 3}})["band"]
    assert found[0] == pytest.approx(3 * found[1]) and found[1] == pytest.approx(found[2])
    assert 10 * found[0] + 20 * found[1] + 10 * found[2] == pytest.approx(40)


def test_a_class_is_named_by_its_value_or_its_text(prepared) -> None:
    assert weights(prepared, {"sold": {False: 4}}) == weights(prepared, {"sold": {"false": 4}})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sodl": "balanced"}, "no target 'sodl'; did you mean 'sold'"),
        ({"size": "balanced"}, "'size' is a number, and has no classes"),
        ({"band": {"hihg": 2}}, "'band' has no class 'hihg'; did you mean 'high'"),
    ],
)
def test_what_the_table_does_not_have_is_named(prepared, given, message) -> None:
    with pytest.raises(DataError, match=message):
        weights(prepared, given)


def test_all_that_is_no_weight_is_told_at_once() -> None:
    check = SettingsCheck()
    check_class_weights(check, {"a": {"x": 0, "y": "2", "z": float("nan"), "w": True}, "b": "even"})
    assert len(check.problems) == 5
    assert "`class_weights` of 'a': the weight of 'x' must be a number above 0, got 0" in check.problems
    other = SettingsCheck()
    check_class_weights(other, 3)
    assert "must be 'balanced'" in other.problems[0]


def test_weights_of_targets_have_mean_1_and_are_1_where_not_named(prepared) -> None:
    found = with_target_weights(prepared, {"sold": 4.0}).target_weights
    assert found == pytest.approx({"size": 0.5, "sold": 2.0, "band": 0.5})
    assert not with_target_weights(prepared, None).target_weights


def test_weights_of_other_targets_are_refused(prepared) -> None:
    with pytest.raises(DataError, match="`target_weights`: there is no target 'sizes'; did you mean 'size'"):
        with_target_weights(prepared, {"sizes": 2.0})
    check = SettingsCheck()
    check_target_weights(check, {"size": 0})
    check_target_weights(check, 2)
    assert "the weight of 'size' must be a number above 0, got 0" in check.problems[0]
    assert "by name, got 2" in check.problems[1]


def test_the_metric_that_is_asked_comes_first_and_the_usual_ones_stay(prepared) -> None:
    asked = {"size": "mae", "sold": "log_loss"}
    size, sold, band = (metric_names(task) for task in with_metrics(prepared, asked).tasks)
    assert size == ("mae", "rmse", "r2") and sold == ("log_loss", "accuracy", "auroc", "f1")
    assert band == ("accuracy", "balanced_accuracy", "f1")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sise": "mae"}, "`metrics`: there is no target 'sise'; did you mean 'size'"),
        ({"size": "auroc"}, "'size' is regression and has no metric 'auroc'; use one of rmse, mae, r2"),
        ({"sold": "auorc"}, "has no metric 'auorc'; did you mean 'auroc'"),
    ],
)
def test_a_metric_that_a_target_does_not_have_is_refused(prepared, given, message) -> None:
    with pytest.raises(DataError, match=message):
        with_metrics(prepared, given)


def test_metrics_are_names_by_name() -> None:
    check = SettingsCheck()
    assert check_metrics(check, None) is None
    check_metrics(check, "auroc")
    check_metrics(check, {"a": 3})
    assert len(check.problems) == 2 and "must be the name of a metric for each target" in check.problems[0]
