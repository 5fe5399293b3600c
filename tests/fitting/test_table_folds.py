"""How the labelled rows of a table become folds."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import StratifiedKFold

from polytask.core import DataError, InputError
from polytask.data.tables.folds import Fold
from polytask.fitting import table_folds
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table


def prepared(frame: pd.DataFrame, *targets: str, **settings: Any) -> PreparedTable:
    roles = {role: settings.pop(role) for role in ("group", "time", "fold") if role in settings}
    return prepare_table(frame, Columns(targets=targets, **roles), seed=0, **settings)


def table(n_rows: int = 120) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    y = draw.normal(size=n_rows)
    return pd.DataFrame(
        {"a": draw.normal(size=n_rows), "y": y, "k": np.where(draw.random(n_rows) < 0.9, "p", "q")}
    )


def counts(folds: tuple[Fold, ...], chosen: np.ndarray) -> list[int]:
    return [int(chosen[fold.held_out].sum()) for fold in folds]


def test_each_fold_gets_its_share_of_classes_and_of_a_range() -> None:
    frame = table()
    (folds,) = prepared(frame, "y", "k", folds=4).repeats
    highest = (frame["y"] > frame["y"].quantile(0.75)).to_numpy()
    for chosen in (highest, (frame["k"] == "q").to_numpy()):
        found = counts(folds, chosen)
        assert max(found) - min(found) <= 2, found


def test_many_rows_get_fewer_folds_unless_asked_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    few = len(prepared(table(), "y").repeats[0])
    monkeypatch.setattr(table_folds, "MANY_ROWS", 100)
    assert len(prepared(table(), "y").repeats[0]) < few
    assert len(prepared(table(), "y", folds=7).repeats[0]) == 7


def test_a_splitter_stratifies_by_the_first_target() -> None:
    frame = table()
    (folds,) = prepared(frame, "k", "y", folds=StratifiedKFold(3)).repeats
    found = counts(folds, (frame["k"] == "q").to_numpy())
    assert max(found) - min(found) <= 1


def test_folds_in_time_are_the_same_in_every_repeat() -> None:
    timed = table().assign(day=np.arange(120))
    first, second = prepared(timed, "y", time="day", repeats=2).repeats
    assert all(np.array_equal(one.held_out, two.held_out) for one, two in zip(first, second, strict=True))


def test_rows_without_labels_are_in_no_fold_of_a_caller() -> None:
    frame = table()
    frame.loc[:9, "y"] = np.nan
    pairs = [(range(30), range(30, 120))]
    found = prepared(frame, "y", folds=pairs)
    ((fold,),) = found.repeats
    assert found.indices[fold.train].tolist() == list(range(10, 30))
    with pytest.raises(DataError, match="Pair 0 of `folds` has 0 labelled rows to train on and 110 held out"):
        prepared(frame, "y", folds=[(range(10), range(10, 120))])


def test_a_fold_column_decides_the_folds_and_is_no_feature() -> None:
    frame = table().assign(part=np.repeat(["x", "y", None], 40))
    frame.loc[5, "y"] = np.nan
    found = prepared(frame, "y", fold="part", repeats=2)
    assert len(found.repeats) == 2 and [len(fold.held_out) for fold in found.repeats[1]] == [39, 40]
    parts = frame["part"].to_numpy()[found.indices]
    assert [set(parts[fold.held_out]) for fold in found.repeats[0]] == [{"x"}, {"y"}]
    trained = parts[found.repeats[0][0].train]
    assert sum(trained == "y") == 40 and pd.isna(trained).sum() == 40 and len(trained) == 80
    assert "part" not in {encoding.name for encoding in found.encoder.encodings}
    assert any("40 rows with a label have no value of 'part'" in note for note in found.messages)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"folds": 3}, "Give either `folds` or `fold_column`"),
        ({"time": "a"}, "Give either `fold_column` or `time_column`"),
        ({"group": "k"}, "Fold 0 trains on rows of .* of 'k' that it also holds out"),
        ({"fold": "prat"}, "`fold_column`: there is no column 'prat'.*'part'"),
    ],
)
def test_a_fold_column_that_does_not_fit_is_refused(settings: dict[str, Any], message: str) -> None:
    frame = table().assign(part=np.arange(120) % 3)
    with pytest.raises(InputError, match=message):
        prepared(frame, "y", **{"fold": "part", **settings})
