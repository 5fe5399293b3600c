"""Tables that are read in pieces, from fit to predictions; the size from which they are is lowered."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tests.large_samples import TARGETS, read_in_pieces, sample_table, write_parts

import polytask
from polytask.core import DataWarning, InputError
from polytask.data.tables import survey
from polytask.fitting import large_preparation, rows_in_pieces
from polytask.models import TableModel

pytestmark = [
    pytest.mark.trains,
    pytest.mark.filterwarnings("ignore::polytask.core.DataWarning"),
    pytest.mark.filterwarnings("ignore::polytask.core.ResultWarning"),
]
FEW: dict[str, Any] = {"epochs": 2, "width": 8, "baselines": False}


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    read_in_pieces(monkeypatch)


def same(one: TableModel, other: TableModel) -> bool:
    first, second = one.learner.state_dict(), other.learner.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_a_frame_and_its_parts_in_files_give_the_same_model_bit_for_bit(tmp_path: Path) -> None:
    frame = sample_table(700)
    folder = write_parts(frame, tmp_path / "parts")
    one = polytask.fit(frame, TARGETS, **FEW)
    other = polytask.fit(folder, TARGETS, **FEW)
    assert same(one, other)
    assert one.data == other.data
    assert one.encoder.to_json() == other.encoder.to_json()
    assert one.predict(frame.head(50)).equals(other.predict(frame.head(50)))


def test_a_table_beyond_sample_and_epoch_learns_all_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "N_SAMPLE", 500)
    monkeypatch.setattr(large_preparation, "MOST_JUDGED", 600)
    monkeypatch.setattr(rows_in_pieces, "MOST_ROWS_AN_EPOCH", 1500)
    frame = sample_table(3000)
    settings: dict[str, Any] = {"epochs": 6, "width": 16, "batch_size": 64, "baselines": False}
    model = polytask.fit(write_parts(frame, tmp_path / "parts"), TARGETS, **settings)
    results = model.results
    assert results is not None
    assert results.rows["labelled"] == 3000
    assert 600 <= results.rows["judged"] < 900
    by_name = {one.task: one for one in results.tasks}
    assert by_name["y"].joint["r2"].mean > 0.6
    assert all(one.better_than_constant for one in results.tasks)
    new = sample_table(600, seed=1)
    assert model.evaluate(new).loc["y", "r2"] > 0.6


@pytest.mark.parametrize(
    "role",
    [{"group": "site"}, {"time_column": "day"}, {"weight_column": "count"}, {"fold_column": "grade"}],
)
def test_roles_of_columns_work_in_pieces(role: dict[str, str]) -> None:
    frame = sample_table(700)
    frame.loc[frame.index % 3 == 0, "kind"] = None
    model = polytask.fit(frame, TARGETS, **{**FEW, "epochs": 1, "baselines": True}, **role)
    assert model.results is not None
    assert model.results.n_folds == 3
    assert next(iter(role.values())) not in model.encoder.columns or "time_column" in role


def test_a_killed_fit_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from polytask.fitting import stacked_fit, stacked_training

    frame = sample_table(700)
    expected = polytask.fit(frame, TARGETS, **{**FEW, "epochs": 3})
    monkeypatch.setattr(stacked_fit, "_SECONDS_BETWEEN_CHECKPOINTS", -1.0)
    judge = stacked_training.StackedTraining.judge

    def killed(self: Any, epoch: int) -> dict[str, float]:
        if epoch == 2:
            raise KeyboardInterrupt
        return judge(self, epoch)

    monkeypatch.setattr(stacked_training.StackedTraining, "judge", killed)
    with pytest.raises(KeyboardInterrupt):
        polytask.fit(frame, TARGETS, **{**FEW, "epochs": 3}, resume_folder=tmp_path / "resume")
    monkeypatch.setattr(stacked_training.StackedTraining, "judge", judge)
    found = polytask.fit(frame, TARGETS, **{**FEW, "epochs": 3}, resume_folder=tmp_path / "resume")
    assert same(expected, found)


def test_a_time_budget_ends_an_epoch_before_its_last_step() -> None:
    frame = sample_table(700)
    model = polytask.fit(frame, TARGETS, **{**FEW, "epochs": 100}, batch_size=1, time_budget=1e-3)
    assert model.results is not None
    assert set(model.results.steps.values()) == {1}


def test_what_cannot_be_trained_in_pieces_is_refused() -> None:
    with pytest.raises(InputError, match="1,200 rows is read in pieces"):
        polytask.fit(sample_table(1200), TARGETS, architecture="mmoe")


def test_predictions_and_figures_in_pieces_are_those_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = sample_table(700)
    model = polytask.fit(frame, TARGETS, **{**FEW, "epochs": 1})
    odd = sample_table(800, seed=2).astype({"grade": object}).drop(columns="truth")
    odd.loc[[1, 700], "grade"] = "new"
    folder = write_parts(odd, tmp_path / "parts")
    with pytest.warns(DataWarning, match="'grade', 'new': 2 rows count as none"):
        in_pieces = model.predict(folder, intervals=0.9)
    figures = model.evaluate(folder)
    written = {ending: tmp_path / f"out.{ending}" for ending in ("csv", "parquet")}
    for path in written.values():
        told = model.predict_to(folder, path, intervals=0.9)
        assert (told.rows, list(told.columns)) == (800, list(in_pieces.columns))
    monkeypatch.undo()
    at_once = model.predict(folder, intervals=0.9)
    pd.testing.assert_frame_equal(in_pieces, at_once, rtol=1e-5, atol=1e-5)
    pd.testing.assert_frame_equal(figures, model.evaluate(folder), rtol=1e-6)
    pd.testing.assert_frame_equal(pd.read_parquet(written["parquet"]), in_pieces)
    assert np.allclose(pd.read_csv(written["csv"])["y"], in_pieces["y"])


def test_nothing_is_written_where_a_later_piece_is_wrong(tmp_path: Path) -> None:
    frame = sample_table(700)
    model = polytask.fit(frame, "y", **{**FEW, "epochs": 1, "folds": 2})
    frame["size"] = frame["size"].astype(object)
    frame.loc[690, "size"] = "huge"
    with pytest.raises(polytask.InputError, match="'size' should hold numbers, but has 'huge'"):
        model.predict_to(frame, tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())


def test_weights_of_classes_and_targets_and_a_log_scale_work_in_pieces(tmp_path: Path) -> None:
    frame = sample_table(1200)
    frame["y"] = np.exp(frame["y"] / 3)
    weights: dict[str, Any] = {"class_weights": {"flag": {"True": 5.0}}, "target_weights": {"kind": 2.0}}
    model = polytask.fit(frame, ["y:log", "flag", "kind"], **FEW, **weights)
    plain = polytask.fit(frame, ["y:log", "flag", "kind"], **FEW)
    assert not same(model, plain)
    assert (model.predict(frame)["flag"]).mean() > (plain.predict(frame)["flag"]).mean()
    assert (model.predict(frame)["y"] > 0).all()
    figures = model.evaluate(frame)
    assert figures.loc["y", "rows"] == frame["y"].notna().sum()
    assert figures.loc["y", "mae"] == pytest.approx((model.predict(frame)["y"] - frame["y"]).abs().mean())


def test_a_label_that_has_no_logarithm_is_told_by_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = sample_table(1200)
    frame["y"] = np.exp(frame["y"] / 3)
    frame.loc[1000, "y"] = -2.0
    for size in (2000, 50):
        monkeypatch.setattr(survey, "N_SAMPLE", size)
        with pytest.raises(polytask.InputError, match="row 1001 has -2 "):
            polytask.fit(frame, "y:log", **FEW)


def test_targets_in_groups_learn_from_their_own_columns_in_pieces() -> None:
    model = polytask.fit(
        sample_table(1500), TARGETS, groups="kind,y;flag", epochs=6, width=16, batch_size=64, baselines=False
    )
    assert model.results is not None and model.results.groups == (("y", "kind"), ("flag",))
    by_name = {one.task: one for one in model.results.tasks}
    assert by_name["y"].joint["r2"].mean > 0.5
    assert by_name["kind"].joint["accuracy"].mean > 0.7 and by_name["flag"].joint["accuracy"].mean > 0.8
    assert by_name["flag"].verdict == "alone"


def test_a_plan_of_a_large_table_reads_it_in_pieces() -> None:
    from polytask.estimators.fit_table import plan

    found = plan(sample_table(1200), TARGETS, epochs=2)
    assert found.table["rows"] == {"table": 1200, "labelled": 1200}
    assert [one.title for one in found.trainings][:2] == ["networks joint", "linear joint"]
