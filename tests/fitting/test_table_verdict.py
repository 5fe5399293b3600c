"""Verdicts from predictions that are made up: what is known of them, and what is not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from polytask.fitting.table_columns import Columns
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.table_verdict import constant_predictions, judge, judged_rows, mean_gain
from polytask.models.table_results import TaskResult

TARGETS = ("y", "z:regression", "k", "m")


def prepared(**columns: str) -> PreparedTable:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=200), "site": np.arange(200) // 10})
    frame["y"], frame["z"] = 5 * draw.normal(size=200), draw.normal(size=200)
    frame["k"], frame["m"] = draw.choice(["p", "q"], 200), draw.choice(["r", "s", "t"], 200)
    frame.loc[::7, "y"] = np.nan
    return prepare_table(frame, Columns(targets=TARGETS, **columns), seed=0)


@pytest.fixture(scope="module")
def table() -> PreparedTable:
    return prepared()


def guesses(table: PreparedTable, noise: float, seed: int) -> dict[str, Tensor]:
    """Predictions that are right but for some noise."""
    draw = torch.Generator().manual_seed(seed)
    found = {}
    for task in table.tasks:
        labels = table.rows.targets[task.name].nan_to_num(0.0)
        right = {
            "regression": lambda labels: labels[:, None],
            "binary": lambda labels: 4 * labels[:, None] - 2,
            "multiclass": lambda labels: 3 * torch.nn.functional.one_hot(labels.long(), 3).float(),
        }[task.kind](labels)
        found[task.name] = right + noise * torch.randn(right.shape, generator=draw)
    return found


def judged(table: PreparedTable, joint, baseline) -> dict[str, TaskResult]:
    results = judge(table, joint, baseline, constant_predictions(table), seed=0)
    return {result.task: result for result in results}


def test_smaller_errors_help_larger_ones_hurt_and_equal_ones_make_no_difference(table: PreparedTable) -> None:
    good, bad, other = guesses(table, 0.5, 1), guesses(table, 2.0, 2), guesses(table, 0.5, 3)
    found = judged(table, {**good, "z": bad["z"]}, {**bad, "z": good["z"], "k": other["k"]})
    verdicts = {name: result.verdict for name, result in found.items()}
    assert verdicts == {"y": "helped", "z": "hurt", "k": "no clear difference", "m": "helped"}
    assert found["y"].gain is not None and found["y"].gain.mean == pytest.approx(75, abs=10)


def test_metrics_are_in_units_of_the_table(table: PreparedTable) -> None:
    good = guesses(table, 0.0, 1)
    off = {**good, "y": good["y"] + 2 / table.targets[0].scale}
    result = judged(table, off, {})["y"]
    assert result.joint["rmse"].mean == pytest.approx(2, rel=1e-5)
    assert result.joint["rmse"].half_width == pytest.approx(0, abs=1e-5)
    assert result.baseline == {} and result.gain is None and result.verdict == "unknown"


def test_a_constant_is_not_better_than_itself(table: PreparedTable) -> None:
    constant = constant_predictions(table)
    found = judged(table, constant, {})
    assert not any(result.better_than_constant for result in found.values())
    assert all(result.better_than_constant for result in judged(table, guesses(table, 0.5, 1), {}).values())
    for fold in table.repeats[0]:
        labels = table.rows.targets["z"][torch.from_numpy(fold.train)]
        expected = torch.full((len(fold.held_out), 1), float(labels.mean()), dtype=torch.float64)
        torch.testing.assert_close(
            constant["z"][torch.from_numpy(fold.held_out)], expected, rtol=0, atol=1e-6
        )


def test_rows_that_were_not_judged_count_for_nothing(table: PreparedTable) -> None:
    good, bad = guesses(table, 0.5, 1), guesses(table, 2.0, 2)
    holes = {name: values.clone() for name, values in good.items()}
    for values in holes.values():
        values[:50] = torch.nan
    few = replace(table, rows=table.rows.rows(torch.arange(50, 200)), repeats=())
    some = {name: values[50:] for name, values in good.items()}
    whole, part = judged(table, holes, bad)["z"], judge(few, some, {}, some, seed=0)[1]
    assert whole.joint["rmse"].mean == pytest.approx(part.joint["rmse"].mean)
    assert judged_rows(table.rows, [holes]) == 150
    nothing = {name: torch.full_like(values, torch.nan) for name, values in good.items()}
    found = judged(table, nothing, bad)["z"]
    assert found.joint == {} and found.verdict == "unknown" and found.better_than_constant is None


def test_the_average_gain_is_that_of_the_tasks(table: PreparedTable) -> None:
    good, bad = guesses(table, 0.5, 1), guesses(table, 2.0, 2)
    found = mean_gain(table, good, bad, seed=0)
    gains = [result.gain for result in judged(table, good, bad).values()]
    assert found is not None
    assert found.mean == pytest.approx(np.mean([gain.mean for gain in gains if gain]))
    assert mean_gain(table, good, {"y": bad["y"]}, seed=0) is None


def test_verdicts_are_adjusted_for_the_number_of_tasks(table: PreparedTable) -> None:
    good, bad = guesses(table, 0.5, 1), guesses(table, 2.0, 2)
    several = judged(table, good, {**good, "y": bad["y"]})
    alone = judge(table, good, {"y": bad["y"]}, constant_predictions(table), seed=0)[0]
    assert several["y"].p_value is not None and alone.p_value is not None
    assert several["y"].p_value == pytest.approx(min(1, 4 * alone.p_value))
    assert several["z"].p_value == 1


def test_rows_of_a_group_stay_together_in_intervals() -> None:
    """An error that is common to all rows of a site says less than independent ones."""
    grouped = prepared(group="site")
    assert grouped.groups is not None
    good = guesses(grouped, 0.0, 1)
    by_site = torch.randn(20, generator=torch.Generator().manual_seed(0))[torch.from_numpy(grouped.groups)]
    common = {**good, "z": good["z"] + by_site[:, None]}
    free = replace(grouped, groups=None)
    wide, narrow = (judged(each, common, {})["z"].joint["mae"] for each in (grouped, free))
    assert wide.mean == narrow.mean and wide.half_width > 2 * narrow.half_width


def test_answers_that_know_nothing_are_not_better_than_a_constant_where_classes_are_even() -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"a": draw.normal(size=60), "k": np.repeat(["p", "q"], 30)})
    for seed in range(20):
        even = prepare_table(frame, Columns(targets=("k",)), seed=seed)
        always = {"k": torch.full((60, 1), 0.01)}
        (found,) = judge(even, always, {}, constant_predictions(even), seed=seed)
        assert found.better_than_constant is False
