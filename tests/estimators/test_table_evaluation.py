"""The metrics of a table model on new rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score, roc_auc_score

import polytask
from polytask.core import DataError, DataWarning
from polytask.models import TableModel


def rows(n_rows: int = 80, seed: int = 0) -> pd.DataFrame:
    x = np.random.default_rng(seed).normal(size=(n_rows, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["size"] = 100 + 20 * x[:, 0]
    frame["sign"] = np.where(x[:, 1] > 0, "plus", "minus")
    frame.loc[::4, "size"] = np.nan
    return frame


@pytest.fixture(scope="module")
def model() -> TableModel:
    settings = {"folds": 2, "width": 4, "depth": 1, "bins": 0, "epochs": 20, "learning_rate": 0.03}
    return polytask.fit(rows(), ["size", "sign"], baselines=False, **settings)


def test_metrics_are_those_of_scikit_learn_in_units_of_the_target(model: TableModel) -> None:
    new = rows(50, seed=1)
    found, predicted, known = model.evaluate(new), model.predict(new), new["size"].notna()
    assert found.loc["size", "rows"] == known.sum() and found.loc["sign", "rows"] == 50
    truth, guess = new["size"][known], predicted["size"][known]
    assert found.loc["size", "mae"] == pytest.approx(mean_absolute_error(truth, guess), rel=1e-5)
    assert found.loc["size", "r2"] == pytest.approx(r2_score(truth, guess), abs=1e-5)
    assert found.loc["sign", "accuracy"] == accuracy_score(new["sign"], predicted["sign"])
    area = roc_auc_score(new["sign"] == "plus", predicted["sign:p(plus)"])
    assert found.loc["sign", "auroc"] == pytest.approx(area)
    assert np.isnan(found.loc["sign", "r2"]) and np.isnan(found.loc["size", "accuracy"])


def test_a_loaded_model_is_measured_alike(model: TableModel, tmp_path) -> None:
    loaded = polytask.load(model.save(tmp_path / "model"))
    pd.testing.assert_frame_equal(loaded.evaluate(rows(seed=2)), model.evaluate(rows(seed=2)))


def test_a_target_without_labels_has_no_figures(model: TableModel) -> None:
    found = model.evaluate(rows().drop(columns="size"))
    assert found.loc["size", "rows"] == 0 and np.isnan(found.loc["size", "rmse"])
    with pytest.raises(DataError, match="no label of the model's 2 targets, 'size', 'sign'"):
        model.evaluate(rows()[["a", "b", "c"]])


def test_a_label_that_was_never_seen_is_named(model: TableModel) -> None:
    with pytest.raises(DataError, match="'sign' has class 'nought', but it was fitted with"):
        model.evaluate(rows().assign(sign="nought"))


def test_what_is_noteworthy_points_at_the_line_of_the_call(model: TableModel) -> None:
    for call in (model.evaluate, model.importance):
        with pytest.warns(DataWarning, match="'c' is missing") as caught:
            call(rows().drop(columns="c"))
        assert {warning.filename for warning in caught} == {__file__}
