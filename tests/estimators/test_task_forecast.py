"""New tasks forecast from their first rows."""

import numpy as np
import pandas as pd
import pytest
from tests.few_forms import few_forms

from polytask.core import DataError, InputError
from polytask.estimators.task_forecast import forecast_new_tasks

__all__ = ["few_forms"]


def children() -> pd.DataFrame:
    day = np.tile(np.arange(8.0), 20)
    child = np.repeat(np.arange(20), 8)
    return pd.DataFrame({"child": child, "day": day, "size": 50 + (1 + child % 7) * day})


def test_growth_is_forecast_from_the_first_days():
    found = forecast_new_tasks(
        children(), "size", task_column="child", order="day", n_first=3, epochs=20, width=8, folds=2
    )
    assert found.errors["model"] < 0.5 * found.errors["shifted"]
    assert found.errors["line"] == pytest.approx(0, abs=1e-6)  # these children grow along lines
    assert len(found.rows) == 4 * 5 and found.rows["day"].min() == 3
    assert set(found.rows["child"]) <= set(found.model.tasks) and len(found.model.tasks) == 20


def test_what_cannot_be_forecast_is_refused():
    with pytest.raises(DataError, match="more than 8 rows"):
        forecast_new_tasks(children(), "size", task_column="child", order="day", n_first=8)
    with pytest.raises(InputError, match="`n_first` must be at least 1"):
        forecast_new_tasks(children(), "size", task_column="child", order="day", n_first=0)
