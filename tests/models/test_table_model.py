import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

import polytask
from polytask.core import DataError, DataWarning, InputError
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
        age=[*map(str, range(0, 237, 3)), "unknown"], defect=["None"] * 40 + ["crack", "dent"] * 20
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


def test_intervals_and_sets_stand_beside_the_answers_after_loading_too(
    model: TableModel, tmp_path: Path
) -> None:
    table = _table()
    plain, one, all_ = (
        model.predict(table),
        model.predict(table, intervals=0.8),
        model.predict(table, intervals=0.8, joint=True),
    )
    added = ["y:low", "y:high", "flag:set", "code:set", "name:set"]
    assert [column for column in one if column not in plain] == added
    assert_frame_equal(one[plain.columns], plain)
    assert (one["y:low"] < one["y"]).all() and (one["y"] < one["y:high"]).all()
    assert (all_["y:high"] > one["y:high"]).all()
    loaded = polytask.load(model.save(tmp_path / "m"))
    assert isinstance(loaded, TableModel)
    assert_frame_equal(loaded.predict(table, intervals=0.8), one)


def test_results_tell_how_right_probabilities_are(model: TableModel) -> None:
    assert model.results is not None
    for found in model.results.tasks:
        assert set(found.calibration_error) == (set() if found.task == "y" else {"before", "after"})


def test_probabilities_have_the_temperature_of_the_target(model: TableModel) -> None:
    table = _table()
    assert model.calibration is not None
    before = model.predict(table)
    hot = replace(model.calibration.targets["flag"], temperature=2.0)
    calibration = replace(model.calibration, targets={**model.calibration.targets, "flag": hot})
    warm = TableModel(
        model.learner, model.encoder, model.targets, config=model.config, data={}, calibration=calibration
    )
    after = warm.predict(table)
    assert_frame_equal(
        after.drop(columns=["flag:p(True)", "flag:p(False)"]),
        before[after.columns].drop(columns=["flag:p(True)", "flag:p(False)"]),
    )

    def logit(frame: pd.DataFrame) -> np.ndarray:
        return np.log(frame["flag:p(True)"].to_numpy() / frame["flag:p(False)"].to_numpy())

    np.testing.assert_allclose(logit(after), logit(before) / 2, atol=1e-9)


def test_a_level_that_takes_more_rows_is_warned_about(model: TableModel) -> None:
    with pytest.warns(DataWarning, match="level of 0.999 takes 999 held-out rows") as caught:
        model.predict(_table(), intervals=0.999)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"intervals": 1.0}, "`intervals` must be above 0 and below 1"),
        ({"intervals": 90}, "`intervals` must be above 0 and below 1"),
        ({"intervals": True}, "`intervals` must be a number"),
        ({"intervals": 0.9, "joint": "yes"}, "`joint` must be True or False"),
        ({"joint": True}, "ask for them by `intervals`"),
    ],
)
def test_intervals_of_an_impossible_kind_are_refused(
    model: TableModel, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        model.predict(_table(), **asked)


def test_a_model_of_an_earlier_version_has_no_intervals() -> None:
    old = polytask.load(Path(__file__).parent / "written_before" / "table")
    assert isinstance(old, TableModel)
    with pytest.raises(InputError, match=r"an earlier version saved it without\. Fit the model again"):
        old.predict(_table(), intervals=0.9)
