from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.core import generator
from polytask.data import read_table
from polytask.fitting.table_calibration import calibrate, held_out_scores
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.models.calibration import class_scores
from polytask.models.score_distribution import ScoreDistribution
from polytask.models.table_regions import region_columns

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


def _drawn(n_rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Draw a table of a number and a class, and what a perfect model predicts: means and logits."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n_rows, 3))
    y = 5 * x[:, 0] + np.exp(x[:, 1]) * draw.normal(size=n_rows)
    k = np.array(["a", "b", "c"])[(2 * x + draw.gumbel(size=x.shape)).argmax(1)]
    return pd.DataFrame(x, columns=["u", "v", "w"]).assign(y=y, k=k), 5 * x[:, 0], 2 * x


@pytest.mark.parametrize("joint", [False, True])
def test_new_labels_lie_inside_as_often_as_asked(joint: bool) -> None:
    frame, means, logits = _drawn(600, seed=1)
    draw = np.random.default_rng(2)
    for name in ("y", "k"):
        frame.loc[draw.random(600) < 0.3, name] = None
    kept = frame[["y", "k"]].notna().any(axis=1).to_numpy()
    prepared = prepare_table(read_table(frame), Columns.of(["y", "k"]), folds=5, seed=0)
    number, classes = prepared.targets

    def predicted(means: np.ndarray, logits: np.ndarray) -> dict[str, torch.Tensor]:
        numbers = torch.from_numpy((means - number.mean) / number.scale)[:, None]
        return {"y": numbers, "k": torch.from_numpy(3 * logits)}  # too sure

    calibration, _ = calibrate(prepared, predicted(means[kept], logits[kept]), seed=0)
    assert calibration.targets["y"].difficulty is not None
    assert calibration.targets["k"].temperature == pytest.approx(3, rel=0.2)
    radii, _ = calibration.radii(0.8, joint=joint)
    new, means, logits = _drawn(4000, seed=3)
    inputs, _ = prepared.encoder.transform(new)
    columns = {}
    for target in (number, classes):
        name = target.task.name
        outputs = calibration.sharpen(target.task, predicted(means, logits)[name])
        columns |= region_columns(target, calibration.targets[name], radii[name], outputs, inputs)
    inside = {
        "y": (columns["low"] <= new["y"]).to_numpy() & (new["y"] <= columns["high"]).to_numpy(),
        "k": np.array([label in text for label, text in zip(new["k"], columns["set"], strict=True)]),
    }
    for part in [inside["y"] & inside["k"]] if joint else inside.values():
        assert abs(part.mean() - 0.8) < 0.045  # two standard errors of 420 labels


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
    of_y, of_k = (ScoreDistribution.of(scores[name]) for name in ("y", "k"))
    assert of_y is not None and of_k is not None
    for place, level in enumerate(levels):
        width = intervals[0, 1, place] - intervals[0, 0, place]
        assert of_y.radius(level) == pytest.approx(width / 2, rel=1e-5)
    sets = classification.SplitConformalClassifier(linear, confidence_level=levels, prefit=True)
    _, inside = sets.conformalize(x, k).predict_set(x)
    for place, level in enumerate(levels):
        np.testing.assert_array_equal(class_scores(task_k, logits) <= of_k.radius(level), inside[:, :, place])
