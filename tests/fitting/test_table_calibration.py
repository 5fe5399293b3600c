from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.core import generator
from polytask.data import read_table
from polytask.fitting.table_calibration import calibrate, held_out_scores
from polytask.fitting.table_preparation import Columns, PreparedTable, prepare_table

PLACES = np.arange(60) // 5


def _prepared(*, group: bool = False) -> PreparedTable:
    draw = np.random.default_rng(0)
    x = draw.normal(size=60)
    frame = pd.DataFrame({"x": x, "y": 10 * x, "k": np.where(x > 0, "hi", "lo"), "place": PLACES})
    frame.loc[:9, "y"] = np.nan
    columns = Columns.of(["y", "k"], group="place" if group else None, drop=() if group else "place")
    return prepare_table(read_table(frame), columns, folds=5, seed=0)


def _answers(prepared: PreparedTable) -> dict[str, torch.Tensor]:
    return {task.name: torch.randn(60, 1, generator=generator(0, task.name)) for task in prepared.tasks}


def test_scores_are_those_of_held_out_labels() -> None:
    prepared = _prepared()
    answers = _answers(prepared)
    answers["k"][50:] = torch.nan  # not judged
    calibration, sharpness = calibrate(prepared, answers, seed=0)
    y, k = (calibration.targets[name].scores for name in ("y", "k"))
    assert y is not None and k is not None
    assert (y.n_units, k.n_units) == (50, 50)
    distances = (answers["y"][10:, 0] - prepared.rows.targets["y"][10:]).abs().double()
    np.testing.assert_allclose(y.scores, distances.sort().values)
    assert calibration.together is not None and calibration.together.n_units == 40  # with both labels
    assert set(sharpness) == {"k"} and not calibration.by_group


def test_a_group_counts_once() -> None:
    prepared = _prepared(group=True)
    calibration, _ = calibrate(prepared, _answers(prepared), seed=0)
    y, k = (calibration.targets[name].scores for name in ("y", "k"))
    assert y is not None and k is not None
    assert (y.n_units, k.n_units, calibration.by_group) == (10, 12, True)


def test_a_target_that_no_row_judges_has_no_scores() -> None:
    prepared = _prepared()
    answers = _answers(prepared)
    answers["k"][:] = torch.nan
    calibration, _ = calibrate(prepared, answers, seed=0)
    assert calibration.targets["k"].scores is None and calibration.together is None


def test_a_radius_is_that_of_mapie() -> None:
    """Cross-conformal "base": the quantile of held-out distances around one answer; and "lac" for classes."""
    regression = pytest.importorskip("mapie.regression")
    classification = pytest.importorskip("mapie.classification")
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.model_selection import PredefinedSplit

    prepared = _prepared()
    prepared = replace(prepared, rows=prepared.rows.rows(torch.arange(10, 60)))  # with both labels
    x, fold = np.random.default_rng(1).normal(size=(50, 2)), np.arange(50) % 5
    x[:, 0] += prepared.rows.targets["y"].numpy()
    y, k = (prepared.rows.targets[name].numpy().astype(float) for name in ("y", "k"))
    task_y, task_k = prepared.tasks
    levels = [0.8, 0.9]

    mapie = regression.CrossConformalRegressor(
        LinearRegression(), confidence_level=levels, method="base", cv=PredefinedSplit(fold)
    )
    _, intervals = mapie.fit_conformalize(x, y).predict_interval(x[:1])
    held_out = np.empty(50)
    for index in range(5):
        kept = fold != index
        held_out[~kept] = LinearRegression().fit(x[kept], y[kept]).predict(x[~kept])
    linear = LogisticRegression().fit(x, k)
    logits = torch.from_numpy(linear.decision_function(x))[:, None]
    scores = {
        "y": held_out_scores(task_y, torch.from_numpy(held_out)[:, None], prepared.rows),
        "k": held_out_scores(task_k, logits, prepared.rows),
    }
    from polytask.models.calibration import ScoreDistribution, class_scores

    of_y, of_k = (ScoreDistribution.of(scores[name]) for name in ("y", "k"))
    assert of_y is not None and of_k is not None
    for place, level in enumerate(levels):
        width = intervals[0, 1, place] - intervals[0, 0, place]
        assert of_y.radius(level) == pytest.approx(width / 2, rel=1e-5)
    sets = classification.SplitConformalClassifier(linear, confidence_level=levels, prefit=True)
    _, inside = sets.conformalize(x, k).predict_set(x)
    for place, level in enumerate(levels):
        np.testing.assert_array_equal(class_scores(task_k, logits) <= of_k.radius(level), inside[:, :, place])
