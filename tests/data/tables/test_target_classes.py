"""The classes of a column in their order, with the values that stand for them."""

import numpy as np
import pandas as pd
import pytest

from polytask.core import DataError
from polytask.data.tables.column import column_categories
from polytask.data.tables.target_classes import class_names, class_values, fit_classes


@pytest.mark.parametrize(
    ("values", "names", "labels"),
    [
        (["b", None, "a"], ("a", "b"), ("a", "b")),
        ([10, 9, -1], ("-1", "9", "10"), (-1, 9, 10)),
        ([True, False, True], ("False", "True"), (False, True)),
        ([1, 2.5], ("1", "2.5"), (1.0, 2.5)),
        (["x", 10, 9], ("9", "10", "x"), ("9", "10", "x")),
        (["1", 1, 2], ("1", "2"), ("1", "2")),
    ],
)
def test_numbers_come_by_value_and_before_text(values: list, names: tuple, labels: tuple) -> None:
    column = pd.Series(values, dtype=object, name="y")
    found = class_names(column_categories(column))
    assert found == names
    assert class_values(column, found) == labels
    assert {type(label) for label in class_values(column, found)} == {type(label) for label in labels}


@pytest.mark.parametrize(("n_rows", "refused"), [(21, True), (22, False)])
def test_more_than_ten_classes_need_two_rows_each_on_average(n_rows: int, refused: bool) -> None:
    column = pd.Series([f"c{row % 11}" for row in range(n_rows)], name="y")
    rows = np.ones(n_rows, dtype=bool)
    if refused:
        with pytest.raises(DataError, match="Here has 11 classes in 21 labelled rows"):
            fit_classes(column, "Here", "multiclass", rows)
    else:
        assert len(fit_classes(column, "Here", "multiclass", rows).classes) == 11
