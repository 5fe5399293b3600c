import numpy as np
import torch

from polytask.core import Task
from polytask.data.tables.target_column import TargetColumn
from polytask.models.calibration import Difficulty, TargetCalibration
from polytask.models.table_regions import region_columns

NOTHING = torch.zeros(2, 0)


def test_an_interval_lies_around_the_answer_in_units_of_the_column() -> None:
    target = TargetColumn(task=Task(name="y", kind="regression"), classes=(), mean=10.0, scale=2.0)
    predictions = torch.tensor([[0.0], [1.0]])
    plain = region_columns(target, TargetCalibration(), 3.0, predictions, NOTHING)
    np.testing.assert_allclose(plain["low"], [4.0, 6.0])
    np.testing.assert_allclose(plain["high"], [16.0, 18.0])
    difficulty = Difficulty(weights=np.array([1.0, 0.0]), bias=0.0, low=0.0, high=1.0)
    scaled = region_columns(target, TargetCalibration(difficulty=difficulty), 3.0, predictions, NOTHING)
    np.testing.assert_allclose(scaled["high"], [16.0, 12.0 + 6.0 * np.e])


def test_a_set_holds_the_likely_classes_and_in_any_case_the_answer() -> None:
    task = Task(name="c", kind="multiclass", n_outputs=3)
    target = TargetColumn(task=task, classes=("a", "b|c", "d"))
    predictions = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]).log()
    for radius, expected in ((0.75, ["a|b\\|c", "d"]), (0.1, ["a", "d"]), (1.0, ["a|b\\|c|d"] * 2)):
        found = region_columns(target, TargetCalibration(), radius, predictions, NOTHING)
        assert found["set"].tolist() == expected


def test_a_binary_target_has_sets_of_its_two_classes() -> None:
    target = TargetColumn(task=Task(name="b", kind="binary"), classes=("no", "yes"))
    found = region_columns(target, TargetCalibration(), 0.6, torch.tensor([[0.0], [4.0]]), NOTHING)
    assert found["set"].tolist() == ["no|yes", "yes"]
