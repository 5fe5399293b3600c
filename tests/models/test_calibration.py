import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.models.test_score_distribution import of

from polytask.core import InputError, Task
from polytask.core.random import numpy_generator
from polytask.models.calibration import Calibration, Difficulty, TargetCalibration, class_scores


def _calibration(*, together: bool = True, n: int = 60) -> Calibration:
    scores = numpy_generator(0).exponential(size=(2, n))
    difficulty = Difficulty(weights=np.array([0.1, 0.2, 0.3]), bias=0.5, low=-1.0, high=1.0)
    targets = {
        "y": TargetCalibration(scores=of(scores[0]), difficulty=difficulty),
        "c": TargetCalibration(temperature=1.7, scores=of(scores[1])),
    }
    ranks = np.max(
        [found.scores.ranks(one) for one, found in zip(scores, targets.values()) if found.scores], 0
    )
    return Calibration(targets=targets, together=of(ranks) if together else None)


def test_labels_of_all_targets_lie_within_together_as_often_as_asked() -> None:
    draw, held = numpy_generator(5), []

    def scores(n: int) -> np.ndarray:  # dependent, and of different units
        common = draw.normal(size=n)
        return np.abs(np.stack([common + draw.normal(size=n), 100 * (common + draw.normal(size=n))]))

    for _ in range(800):
        seen, new = scores(60), scores(50)
        found = {name: TargetCalibration(scores=of(one)) for name, one in zip("ab", seen)}
        ranks = np.max([of(one).ranks(one) for one in seen], axis=0)
        radii, notes = Calibration(targets=found, together=of(ranks)).radii(0.8, joint=True)
        assert not notes
        held.append(np.all(new <= np.array(list(radii.values()))[:, None], axis=0).mean())
    assert 0.795 < np.mean(held) < 0.825


def test_without_rows_of_every_label_all_targets_share_what_may_lie_outside() -> None:
    calibration = _calibration(together=False)
    shared, notes = calibration.radii(0.9, joint=True)
    assert not notes
    assert shared == calibration.radii(0.95, joint=False)[0]


def test_a_level_that_takes_more_labels_is_told() -> None:
    radii, notes = _calibration(n=15).radii(0.95, joint=False)
    assert all(math.isfinite(radius) for radius in radii.values())
    assert notes[0].startswith(
        "A level of 0.95 takes 19 held-out rows with a label, but there are fewer of 'y' (15), 'c' (15):"
    )
    assert _calibration(n=19).radii(0.95, joint=False)[1] == []


def test_too_few_rows_with_every_label_are_told() -> None:
    radii, notes = _calibration(n=8).radii(0.9, joint=True)
    alone, _ = _calibration(n=8).radii(0.9, joint=False)
    assert "fewer of all targets together (8):" in notes[0]
    assert all(radii[name] >= alone[name] for name in radii)


def test_a_target_without_held_out_labels_has_no_interval() -> None:
    with pytest.raises(InputError, match="no interval for 'y': no held-out row"):
        Calibration(targets={"y": TargetCalibration()}).radii(0.9, joint=False)


@given(st.lists(st.floats(-30, 30, width=32), min_size=3, max_size=3), st.floats(0.11, 9.9))
def test_a_temperature_never_changes_the_answer(logits: list[float], temperature: float) -> None:
    task = Task(name="c", kind="multiclass", n_outputs=3)
    calibration = Calibration(targets={"c": TargetCalibration(temperature=temperature)})
    first = torch.tensor([logits])
    close = torch.nextafter(first, first.roll(1, -1))  # neighbours, which 32 bits could make equal
    for one in (first, close):
        assert int(calibration.sharpen(task, one).argmax()) == int(one.argmax())


def test_numbers_have_no_temperature() -> None:
    values = torch.randn(3, 1, generator=torch.Generator().manual_seed(0))
    calibration = Calibration(targets={"y": TargetCalibration(temperature=2.0)})
    assert calibration.sharpen(Task(name="y", kind="regression"), values) is values


def test_the_score_of_a_class_is_one_minus_its_probability() -> None:
    scores = class_scores(Task(name="b", kind="binary"), torch.tensor([[math.log(3.0)]]))
    np.testing.assert_allclose(scores, [[0.75, 0.25]], atol=1e-7)


def test_difficulty_stays_within_what_was_seen() -> None:
    difficulty = Difficulty(weights=np.array([1.0, 0.0, 0.0]), bias=0.5, low=0.0, high=2.0)
    inputs = torch.tensor([[-3.0], [1.0], [1e6]])
    found = difficulty(inputs, torch.zeros(3))
    np.testing.assert_allclose(found, np.exp([0.0, 1.5, 2.0]))


def _read(calibration: Calibration, n_features: int = 1, **changed: Any) -> Calibration:
    data = {**calibration.to_json(), **changed}
    return Calibration.read(data, calibration.tensors(), names=["y", "c"], n_features=n_features)


@pytest.mark.parametrize("together", [True, False])
def test_what_is_written_is_read(together: bool) -> None:
    calibration = _calibration(together=together)
    read = _read(calibration)
    for joint in (False, True):
        assert read.radii(0.9, joint=joint) == calibration.radii(0.9, joint=joint)
    assert read.targets["c"].temperature == 1.7
    inputs = torch.ones(2, 1)
    ours, theirs = (one.targets["y"].difficulty for one in (calibration, read))
    assert ours is not None and theirs is not None
    np.testing.assert_array_equal(ours(inputs, inputs[:, 0]), theirs(inputs, inputs[:, 0]))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"version": 2}, "version 2, but 1 is read"),
        ({"targets": []}, "other targets"),
        ({"n_features": 4}, "weights for other features"),
    ],
)
def test_another_calibration_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _read(_calibration(), **changed)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"1.scores": torch.zeros(60, dtype=torch.float64)},
        {"1.shares": torch.ones(3, dtype=torch.float64)},
        {"1.scores": torch.arange(60.0)},
        {"7.scores": torch.zeros(1, dtype=torch.float64)},
    ],
)
def test_other_numbers_are_refused(spoilt: dict[str, torch.Tensor]) -> None:
    calibration = _calibration()
    with pytest.raises(InputError, match="calibration"):
        Calibration.read(
            calibration.to_json(), calibration.tensors() | spoilt, names=["y", "c"], n_features=1
        )
