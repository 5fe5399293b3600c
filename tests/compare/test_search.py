"""Settings are searched inside the training part, so many for everybody, and a kill changes nothing."""

import json
import os
import signal
import sys

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor
from tests.compare.small import rows, table
from typer.testing import CliRunner

import polytask
from polytask.cli import app
from polytask.compare import Candidate, Fitted, candidates_of
from polytask.compare.cells import read_record
from polytask.compare.choice import choose
from polytask.compare.plan import open_plan, write_plan
from polytask.compare.runner import run_cells
from polytask.compare.search import searched
from polytask.compare.search_space import Span, space_of, spaces_for
from polytask.compare.trials import TrialFile
from polytask.core import BundleError, MissingPackageError, ResultWarning
from polytask.report.comparison import settings_table

optuna = pytest.importorskip("optuna")

TARGETS = ["size", "rich"]
DIES_AT: list[int] = []  # by the number of fits that were begun


class Shifted(Candidate):
    """Predicts the mean of the training rows, and something on top; writes down what it sees."""

    name = words = "shifted"
    per_target = False
    spaces = {"shift": (-1.0, 1.0)}, {}
    defaults = {"shift": 0.9}, {}

    def __init__(self, log=None):
        self.log = log

    def fit(self, rows, settings, *, seed):
        shift, n_begun = settings.get("shift", 0.9), 0
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(json.dumps([shift, sorted(rows.features[:, 0].tolist())]) + "\n")
            n_begun = len(self.log.read_text().splitlines())
        if n_begun in DIES_AT:
            os.kill(os.getpid(), signal.SIGKILL)
        if shift < -0.5:
            raise ValueError("too low")
        level = np.nanmean(rows.labels("size")) + shift

        def predict(others):
            return {"size": np.full(len(others), level), "rich": np.full((len(others), 2), 0.5)}

        return Fitted(predict=predict, out_of_fold=predict(rows))


def begun(folder, candidates, *, search=6, spaces=None, folds=2):
    found, repeats = rows(table(), TARGETS, folds=folds)
    made = candidates_of(candidates)
    return write_plan(
        folder,
        found,
        repeats,
        made,
        trials=1,
        search=search,
        spaces=spaces_for(made, spaces),
        seed=0,
        data={},
    )


def records(plan):
    return {cell: read_record(plan.folder / "cells", cell) for cell in plan.cells}


def test_the_usual_settings_come_first_and_the_lowest_loss_is_chosen():
    found, _ = rows(table(), TARGETS)
    file = TrialFile(None)
    with pytest.warns(ResultWarning, match=r"\d of 30 settings failed, first .*: ValueError: too low"):
        proposal = searched(space_of(Shifted.spaces[0]), Shifted.defaults[0], 30, seed=1)
        settings, fitted = choose(Shifted(), found, proposal, file, seed=1)
    assert file.trials[0].settings == {} and len(file.trials) == 30
    losses = [one.loss for one in file.trials if one.loss is not None]
    assert settings == next(one.settings for one in file.trials if one.loss == min(losses))
    assert abs(settings["shift"]) < 0.3 and fitted is not None
    assert {one.error for one in file.trials if one.loss is None} == {"ValueError: too low"}


def test_later_settings_are_drawn_where_earlier_ones_did_well():
    found, _ = rows(table(), TARGETS)
    file = TrialFile(None)
    choose(Shifted(), found, searched({"shift": Span(low=-0.5, high=9.0)}, {}, 40, seed=2), file, seed=1)
    shifts = [abs(one.settings["shift"]) for one in file.trials[1:]]
    assert np.median(shifts[20:]) < np.median(shifts[:9]) / 2


def test_no_row_that_is_held_out_takes_part_in_the_search(tmp_path):
    plan = begun(tmp_path / "run", [Shifted(tmp_path / "log")])
    run_cells(plan, workers=1)
    fits = [json.loads(line)[1] for line in (tmp_path / "log").read_text().splitlines()]
    training = [
        set(plan.rows.rows(fold.train).features[:, 0].tolist()) for folds in plan.repeats for fold in folds
    ]
    assert fits and all(any(set(fit) <= part for part in training) for fit in fits)


def test_everybody_has_as_many_trials_and_who_has_no_space_has_none(tmp_path):
    plan = begun(tmp_path, ["constant", "linear", Shifted()], search=4)
    run_cells(plan, workers=1)
    for cell, record in records(plan).items():
        counts = {name: sum(name in one["targets"] for one in record.trials) for name in TARGETS}
        assert set(counts.values()) == {0 if cell.candidate == "constant" else 4}


def test_a_search_goes_on_after_a_kill_as_if_nothing_had_happened(tmp_path):
    whole = begun(tmp_path / "whole", [Shifted()], search=8)
    run_cells(whole, workers=1)
    log = tmp_path / "log"
    plan = begun(tmp_path / "run", [Shifted(log)], search=8)
    process = os.fork()
    if process == 0:
        try:
            DIES_AT.append(5)
            run_cells(plan, workers=1)
        finally:
            os._exit(0)
    os.waitpid(process, 0)
    (lines,) = [path.read_bytes().splitlines() for path in (tmp_path / "run" / "trials").iterdir()]
    assert len(lines) == 4
    run_cells(begun(tmp_path / "run", [Shifted(log)], search=8), workers=1)
    for cell, record in records(plan).items():
        other = read_record(whole.folder / "cells", cell)
        assert [one["settings"] for one in record.trials] == [one["settings"] for one in other.trials]
        assert record.settings == other.settings and len(record.trials) == 8
    assert not list((tmp_path / "run" / "trials").iterdir())
    first = [json.loads(line)[0] for line in log.read_text().splitlines()][:10]
    assert len(set(first[:4])) == 4 and not set(first[:4]) & set(
        first[5:9]
    )  # the fifth was lost, and no more


def test_what_is_read_of_trials_of_another_search_is_tried_anew(tmp_path):
    found, _ = rows(table(), TARGETS)
    for seed in (1, 2):
        file = TrialFile(tmp_path / "trials")
        choose(Shifted(), found, searched({"shift": Span(low=0.0, high=1.0)}, {}, 4, seed=seed), file, seed=1)
        assert len(file.trials) == 4
    again = TrialFile(tmp_path / "trials")
    assert [one.settings for one in again.trials] == [one.settings for one in file.trials]


def test_another_space_or_another_number_is_another_comparison(tmp_path):
    begun(tmp_path, ["linear"], spaces={"linear": {"alpha": (0.1, 1.0)}})
    with pytest.raises(BundleError, match=r"spaces\.linear"):
        begun(tmp_path, ["linear"], spaces={"linear": {"alpha": (0.1, 2.0)}})
    with pytest.raises(BundleError, match="`search` was 6, is 7"):
        begun(tmp_path, ["linear"], search=7, spaces={"linear": {"alpha": (0.1, 1.0)}})
    shown = CliRunner().invoke(app, ["info", str(tmp_path)]).stdout
    assert "search 6 settings tried in each fold" in " ".join(shown.split())
    again = open_plan(tmp_path)
    assert again.search == 6 and again.spaces["linear"][0] == {"alpha": Span(low=0.1, high=1.0)}


def test_a_comparison_says_what_was_searched_and_optuna_says_nothing(capfd):
    asked = {"constant": "constant", "linear": "linear", "tree": DecisionTreeRegressor()}
    before = optuna.logging.get_verbosity()
    spaces = {"linear": {"alpha": [1.0, 30.0], "C": (0.01, 1.0, "log")}, "tree": {"max_depth": [1, 2]}}
    with pytest.warns(ResultWarning, match="'tree' does not predict rich"):
        found = polytask.compare(
            table(), TARGETS, candidates=asked, folds=2, search=3, workers=1, spaces=spaces
        )
    assert optuna.logging.get_verbosity() == before and capfd.readouterr() == ("", "")
    frame = found.to_frame().set_index(["target", "candidate"])
    assert frame.trials.to_dict() == {
        **{(target, name): n for target in TARGETS for name, n in (("constant", 1), ("linear", 3))},
        ("size", "tree"): 3,
        ("rich", "tree"): 0,  # it is a regressor
    }
    assert frame.settings["size", "constant"] == "the usual ones"
    chosen = [json.loads(text) for text in found.candidates[1].settings["rich"]]
    assert all(one == {} or 0.01 <= one["C"] <= 1.0 for one in chosen)
    shown = settings_table(found)
    assert shown is not None
    texts = [str(cell) for column in shown.columns for cell in column.cells]
    assert "its usual ones, as it has nothing to choose from" in texts


def test_without_optuna_a_search_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    begun(tmp_path / "begun", ["linear"])
    monkeypatch.setitem(sys.modules, "optuna", None)
    remedy = r'pip install "polytask\[tuning\]"'
    with pytest.raises(MissingPackageError, match=remedy):
        polytask.compare(table(), TARGETS, search=3, directory=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with pytest.raises(MissingPackageError, match=remedy):
        polytask.compare.work_on(tmp_path / "begun")
    with pytest.raises(MissingPackageError, match=remedy):
        run_cells(open_plan(tmp_path / "begun"), workers=1)
    assert not list((tmp_path / "begun" / "cells").iterdir())


@pytest.mark.trains
def test_networks_are_searched(tmp_path):
    made = candidates_of(["joint:hard"], {"epochs": 1, "bins": 0})
    found, _ = rows(table(), TARGETS)
    file = TrialFile(None)
    space = spaces_for(made, None)["joint:hard"][0]
    assert set(space) == {"width", "depth", "dropout", "learning_rate", "weight_decay"}
    small = {**space, "width": Span(low=4, high=8), "depth": (1, 2)}
    settings, fitted = choose(made[0], found, searched(small, made[0].defaults[0], 3, seed=0), file, seed=0)
    assert fitted is not None and [len(one.settings) for one in file.trials] == [0, 5, 5]
    assert settings == min(file.trials, key=lambda one: one.loss).settings
