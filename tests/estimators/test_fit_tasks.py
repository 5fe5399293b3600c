"""Many tasks in one table: from the fit to new tasks, saved models and bad input."""

import warnings

import numpy as np
import pandas as pd
import pytest
from tests.large_samples import read_in_pieces, write_parts

import polytask
from polytask.core import DataError, DataWarning, InputError
from polytask.fitting.table_columns import Columns
from polytask.fitting.task_table_fit import read_tasks
from polytask.models import TaskTableModel

N_TASKS, N_ROWS = 12, 10


def shops(n_tasks: int = N_TASKS, *, start: int = 0, n_rows: int = N_ROWS) -> pd.DataFrame:
    rng = np.random.default_rng(7 + start)
    shop = start + np.repeat(np.arange(n_tasks), n_rows)
    price, size = rng.normal(size=(2, len(shop)))
    level = rng.normal(size=n_tasks).repeat(n_rows) * 5
    sold = 10 + 2 * price + level + 0.3 * rng.normal(size=len(shop))
    often = np.where(rng.random(len(shop)) < 1 / (1 + np.exp(-level)), "yes", "no")
    return pd.DataFrame({"shop": shop, "price": price, "size": size, "sold": sold, "often": often})


@pytest.fixture(scope="module")
def model() -> TaskTableModel:
    return polytask.fit(
        shops(), ["sold", "often"], task_column="shop", epochs=3, width=8, folds=2, baselines=False
    )


def rmse(answers: pd.DataFrame, table: pd.DataFrame) -> float:
    return float(np.sqrt(np.mean((answers["sold"] - table["sold"]) ** 2)))


def test_known_tasks_are_answered_better_than_by_the_pooled_model(model):
    assert rmse(model.predict(shops()), shops()) < 0.5 * rmse(model.pooled.predict(shops()), shops())


def test_the_task_column_is_no_feature(model):
    assert [encoding.name for encoding in model.pooled.encoder.encodings] == ["price", "size"]
    assert model.tasks == tuple(map(str, range(N_TASKS)))


def test_a_new_task_is_learned_from_some_rows_and_old_answers_stay_bit_for_bit(model):
    new = shops(3, start=50)
    first = new.groupby("shop").head(5)
    later = new.drop(first.index)
    adapted = model.adapt(first)
    with pytest.warns(DataWarning, match="not known"):
        before = model.predict(later)
    assert rmse(adapted.predict(later), later) < 0.6 * rmse(before, later)
    pd.testing.assert_frame_equal(adapted.predict(shops()), model.predict(shops()), check_exact=True)
    assert len(model.tasks) == N_TASKS and adapted.tasks[N_TASKS:] == ("50", "51", "52")


def test_tasks_that_look_alike_but_are_spelled_otherwise_are_pointed_out():
    table = shops().assign(shop=["caf\xe9", "cafe\u0301", "tea"] * (N_TASKS * N_ROWS // 3))
    _, names, (told,) = read_tasks(table, Columns.of(["sold"]), "shop")
    assert len(names) == 3
    assert r"Task column 'shop': 'caf\xe9' and 'cafe\u0301' look alike but count as different tasks" in told


def test_an_unknown_or_empty_task_is_answered_by_what_all_have_in_common(model):
    table = shops().assign(shop=["nobody", None] * (N_TASKS * N_ROWS // 2))
    with pytest.warns(DataWarning, match=r"120 rows is not known \('nobody'\)"):
        answers = model.predict(table)
    other = table.assign(shop="nobody either")
    with pytest.warns(DataWarning):
        pd.testing.assert_frame_equal(answers, model.predict(other))


def test_numbers_written_in_another_way_are_the_same_tasks(model):
    table = shops().assign(shop=shops()["shop"].astype(float))
    pd.testing.assert_frame_equal(model.predict(table), model.predict(shops()))
    with pytest.warns(DataWarning, match="All labels were learned from before"):
        assert model.adapt(table.head(5)).tasks == model.tasks


def test_rows_that_a_model_has_learned_from_do_not_count_once_more(model):
    new = shops(1, start=50)
    once = model.adapt(new.head(4))
    with pytest.warns(DataWarning, match="8 of 20 labels were learned from before.*set `again`"):
        grown = once.adapt(new)
    at_once = model.adapt(new)
    assert grown.target_tasks[0].counts.tolist() == at_once.target_tasks[0].counts.tolist()
    pd.testing.assert_series_equal(grown.predict(new)["sold"], at_once.predict(new)["sold"])
    with pytest.warns(DataWarning, match="All labels"):
        same = once.adapt(new.head(4))
    pd.testing.assert_frame_equal(same.predict(new), once.predict(new), check_exact=True)
    twice = once.adapt(new.head(4), again=True)
    assert twice.target_tasks[0].counts.tolist()[-1] == 8
    assert (twice.predict(new)["sold"] != once.predict(new)["sold"]).all()


def test_equal_rows_of_one_table_all_count(model):
    new = pd.concat([shops(1, start=50).head(1)] * 3)
    assert model.adapt(new).target_tasks[0].counts.tolist()[-1] == 3


def test_a_label_that_comes_later_is_learned_from(model):
    new = shops(1, start=50)
    first = model.adapt(new.drop(columns="often"))
    with pytest.warns(DataWarning, match="10 of 20 labels"):
        second = first.adapt(new)
    assert [known.counts.tolist()[-1] for known in second.target_tasks] == [10, 10]


def test_a_saved_model_still_knows_its_rows(model, tmp_path):
    new = shops(1, start=50)
    model.adapt(new).save(tmp_path / "model")
    with pytest.warns(DataWarning, match="All labels"):
        polytask.load(tmp_path / "model").adapt(new)


def test_a_known_task_learns_on(model):
    more = shops().query("shop == 3").drop(columns="often").assign(sold=lambda rows: rows["sold"] + 100)
    before, after = model.predict(more), model.adapt(more).predict(more)
    assert (after["sold"] > before["sold"] + 30).all()
    others = shops().query("shop != 3")
    pd.testing.assert_frame_equal(model.adapt(more).predict(others), model.predict(others), check_exact=True)


def test_a_saved_model_answers_as_before(model, tmp_path):
    adapted = model.adapt(shops(2, start=90))
    adapted.save(tmp_path / "model")
    loaded = polytask.load(tmp_path / "model")
    assert isinstance(loaded, TaskTableModel) and loaded.tasks == adapted.tasks
    for options in ({}, {"deviation": True}, {"intervals": 0.8}):
        pd.testing.assert_frame_equal(
            loaded.predict(shops(), **options), adapted.predict(shops(), **options), check_exact=True
        )
    again = loaded.adapt(shops(1, start=99))
    pd.testing.assert_frame_equal(again.predict(shops()), adapted.predict(shops()), check_exact=True)


def test_deviations_and_intervals_are_of_numbers_and_wider_for_unknown_tasks(model):
    answers = model.predict(shops(), deviation=True, intervals=0.9)
    assert (answers["sold:low"] < answers["sold"]).all() and (answers["sold"] < answers["sold:high"]).all()
    assert not [name for name in answers if name.startswith("often:") and "p(" not in name]
    with pytest.warns(DataWarning):
        unknown = model.predict(shops().assign(shop="new"), deviation=True)
    assert unknown["sold:sd"].mean() > 1.5 * answers["sold:sd"].mean()


def test_a_model_is_measured_by_what_it_knows_of_each_task(model):
    new = shops(3, start=50)
    first = new.groupby("shop").head(5)
    adapted, later = model.adapt(first), new.drop(first.index)
    found = adapted.evaluate(later)
    assert found.loc["sold", "rows"] == 15
    assert found.loc["sold", "rmse"] == pytest.approx(rmse(adapted.predict(later), later), rel=1e-4)
    answers = adapted.predict(later)["often"]
    assert found.loc["often", "accuracy"] == pytest.approx((answers == later["often"]).mean())
    with pytest.warns(DataWarning, match="not known"):
        assert model.evaluate(later).loc["sold", "rmse"] > found.loc["sold", "rmse"]


def test_it_is_told_where_a_model_is_measured_on_what_it_learned_from(model):
    with pytest.warns(DataWarning, match="has learned from 120 rows"):
        model.evaluate(pd.concat([shops(), shops()[["shop", "price", "size"]]]))


def test_importance_tells_what_knowing_the_task_is_worth(model):
    found = model.importance(shops(), n_repeats=3)["sold"]["importance"]
    assert set(found.index) == {"shop", "price", "size"}
    assert found["shop"] > 0.5 > abs(found["size"])


def test_results_tell_of_new_tasks_by_number_of_known_rows(model):
    frame = model.results.to_frame()
    assert set(frame["verdict"]) <= {"helped", "hurt", "no clear difference"}
    sold = frame.loc["sold"]
    assert sold.index.tolist() == ["0", "1", "5", "4/5"]
    assert sold.loc["5", "joint"] < 0.6 * sold.loc["5", "pooled"]
    assert repr(model).startswith("TaskTableModel({'sold': regression, 'often': binary}; 12 tasks by 'shop'")


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({}, {"task_column": "shp"}, DataError, "no column 'shp'; did you mean 'shop'"),
        ({}, {"task_column": "sold"}, DataError, "'sold' is a target, too"),
        ({"shop": 1}, {}, DataError, "has 1 task with a label"),
        ({"shop": np.where(np.arange(120) == 4, np.nan, 1)}, {}, DataError, "empty in 1 row with a label"),
        ({}, {"group": "size"}, InputError, "`group` cannot be used together"),
        ({}, {"time_column": "size"}, InputError, "`time_column` cannot be used together"),
        ({}, {"drop": "shop"}, InputError, "'shop' is among `drop`"),
    ],
)
def test_bad_input_is_named(change, options, error, message):
    with pytest.raises(error, match=message):
        polytask.fit(shops().assign(**change), "sold", **({"task_column": "shop"} | options))


def test_tasks_with_one_row_each_are_answered_alike_and_noted():
    table = shops().assign(shop=range(N_TASKS * N_ROWS))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = polytask.fit(table, "sold", task_column="shop", epochs=2, width=8, folds=2)
    assert any("has one labelled row" in str(one.message) for one in seen)
    pd.testing.assert_series_equal(found.predict(table)["sold"], found.pooled.predict(table)["sold"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (lambda: shops(1).drop(columns="shop"), "no column 'shop', which tells the task"),
        (lambda: shops(1).assign(shop=None), "is empty in 10 rows"),
        (lambda: shops(1).drop(columns=["sold", "often"]), "no column of the targets"),
        (lambda: shops(1).assign(sold=np.nan, often=None), "No row has a label"),
        (lambda: shops(1).assign(often="perhaps"), "has class 'perhaps'"),
    ],
)
def test_rows_that_teach_nothing_are_refused(model, rows, message):
    with pytest.raises(DataError, match=message):
        model.adapt(rows())


def test_a_level_beyond_what_held_out_tasks_tell_and_blank_rows_are_told(model, tmp_path):
    blank = shops().assign(**dict.fromkeys(model.pooled.encoder.columns, None))
    with pytest.warns(DataWarning) as told:
        model.predict(blank, intervals=0.999)
    texts = [str(one.message) for one in told]
    assert any("A level of 0.999 takes 999 held-out tasks with a label" in text for text in texts)
    assert any(f"{len(blank)} of {len(blank)} rows lack a value in more than half" in text for text in texts)
    with pytest.warns(DataWarning, match="takes 999 held-out tasks"):
        model.predict_to(shops(), tmp_path / "answers.csv", intervals=0.999)


def test_what_is_asked_of_classes_alone_or_wrongly_is_refused(model):
    with pytest.raises(InputError, match="`intervals` must be above 0 and below 1"):
        model.predict(shops(), intervals=2)
    with pytest.raises(DataError, match="no column 'shop', which tells the task"):
        model.predict(shops().drop(columns="shop"))


def test_predictions_and_figures_in_pieces_are_those_at_once(model, tmp_path, monkeypatch):
    table = pd.concat([shops(), shops(60, start=100)], ignore_index=True).assign(id=lambda rows: rows.index)
    folder = write_parts(table, tmp_path / "parts")

    def answered(source):
        with pytest.warns(DataWarning) as told:
            answers = model.predict(source, deviation=True, keep="id")
            figures = model.evaluate(source)
        assert {one.filename for one in told} == {__file__}
        texts = [str(one.message) for one in told]
        assert len(texts) == 3 and all("The task of 600 rows is not known" in text for text in texts[:2])
        assert "The model has learned from 120 rows of these with a label" in texts[2]
        return answers, figures, texts

    at_once = answered(folder)
    read_in_pieces(monkeypatch)
    in_pieces = answered(folder)
    assert in_pieces[2] == at_once[2]
    for ours, theirs in zip(in_pieces[:2], at_once[:2], strict=True):
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-5)
    with pytest.warns(DataWarning):
        written = model.predict_to(folder, tmp_path / "out.parquet", deviation=True, keep="id")
    assert (written.rows, list(written.columns)) == (720, list(at_once[0].columns))
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), in_pieces[0])
    assert in_pieces[0]["id"].tolist() == list(range(720))
