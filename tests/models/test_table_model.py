import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import polytask
from polytask.core import DataError, DataWarning
from polytask.models import table_model
from polytask.models.table_model import TableModel


def _table() -> pd.DataFrame:
    x = np.random.default_rng(0).normal(size=(80, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x.sum(1), "flag": x[:, 0] > 0})
    return frame.assign(code=(x[:, 1] > 0) + 2 * (x[:, 1] > 1), name=np.where(x[:, 0] > 0.5, "01", "1"))


@pytest.fixture(scope="module")
def model() -> TableModel:
    return polytask.fit(
        _table(),
        ["y", "flag", "code:multiclass", "name"],
        folds=2,
        epochs=1,
        width=8,
        baselines=False,
        architecture="tabm",
    )


def test_answers_compare_with_the_labels_after_loading_too(model: TableModel, tmp_path: Path) -> None:
    table = _table()
    for one in (model, polytask.load(model.save(tmp_path / "m"))):
        answers = one.predict(table)
        assert answers["flag"].dtype == bool
        assert answers["code"].dtype == table["code"].dtype
        assert set(answers["name"]) <= {"01", "1"}
        assert_frame_equal(answers, model.predict(table))


def test_rows_are_answered_a_part_at_a_time(model: TableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, sizes = model.predict(_table()), []
    adapt = model.learner.adapt

    def counted(tasks):
        predictor = adapt(tasks)
        return lambda inputs: sizes.append(len(inputs)) or predictor(inputs)

    monkeypatch.setattr(model.learner, "adapt", counted)
    monkeypatch.setattr(table_model, "_ROWS_AT_ONCE", 30)
    assert_frame_equal(model.predict(_table()), whole, rtol=1e-4)
    assert sizes == [30, 30, 20]


def test_words_taken_for_missing_values_are_warned_about() -> None:
    table = _table().assign(
        age=[*map(str, range(79)), "unknown"], defect=["None"] * 40 + ["crack", "dent"] * 20
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = polytask.fit(table, ["defect"], folds=2, epochs=1, width=4, baselines=False)
    told = [str(one.message) for one in caught if one.category is DataWarning]
    assert len(told) == 2 and set(told) <= set(model.results.messages if model.results else ())
    assert "'None' counts as no label in 40 of 80 rows" in told[0]
    assert told[1] == "Column 'age': 'unknown' counts as missing in 1 row, as all other values are numbers."


def test_a_table_without_the_models_columns_is_refused(model: TableModel) -> None:
    with pytest.raises(DataError, match="none of the model's columns"):
        model.predict(pd.DataFrame({"invoice": [1], "y": [2]}))


def test_a_model_says_what_it_is(model: TableModel, tmp_path: Path) -> None:
    kinds = "{'y': regression, 'flag': binary, 'code': multiclass, 'name': binary}; 80 rows"
    assert repr(model).startswith(f"TableModel({kinds}; ") and repr(model).endswith(" s of training)")
    assert repr(polytask.load(model.save(tmp_path / "m"))) == f"TableModel({kinds})"
