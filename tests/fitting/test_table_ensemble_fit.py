"""Which networks the model of a table is made of."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from polytask.core import SharedModel
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_ensemble_fit import TableFit, fit_ensemble, run_titles, stacked
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.table_surroundings import Surroundings
from polytask.models.network_stack import StackedEnsemble
from polytask.models.table_config import TableConfig


def prepared(*, numbers: bool = True, **roles: str) -> PreparedTable:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"c": draw.choice(list("uvw"), 60), "day": np.arange(60)})
    if numbers:
        frame["a"] = draw.normal(size=60)
    frame["y"], frame["k"] = draw.normal(size=60), draw.choice(["p", "q"], 60)
    columns = Columns(targets=("y", "k"), drop=() if roles else ("day",), **roles)
    return prepare_table(frame, columns, folds=3, seed=0)


def fitted(
    table: PreparedTable, *, baselines: bool = False, folder: Path | None = None, **settings: Any
) -> TableFit:
    config = TableConfig(**{"epochs": 2, "width": 4, **settings})
    return fit_ensemble(table, config, baselines=baselines, seed=0, where=Surroundings(resume_folder=folder))


@pytest.mark.parametrize(
    ("settings", "at_once"), [({}, True), ({"architecture": "soft"}, False), ({"balancing": "famo"}, False)]
)
def test_hard_sharing_with_equal_weights_is_trained_at_once(settings: dict[str, Any], at_once: bool) -> None:
    assert stacked(TableConfig(**settings)) is at_once
    members = fitted(prepared(), **settings).model.members
    kind = StackedEnsemble if at_once else SharedModel
    assert all(isinstance(member, kind) for member in members)
    assert at_once or len(members) == 3


@pytest.mark.parametrize("architecture", ["hard", "soft"])
def test_every_training_has_the_title_that_was_rehearsed(tmp_path: Path, architecture: str) -> None:
    table = prepared()
    fitted(table, baselines=True, folder=tmp_path, architecture=architecture, epochs=1)
    titles = run_titles(table, TableConfig(architecture=architecture), baselines=True)
    where = Surroundings(resume_folder=tmp_path)
    assert {path.parent for path in tmp_path.glob("*/checkpoint.pt")} == {
        where.folder(title) for title in titles
    }


def test_without_numbers_there_are_no_bins() -> None:
    titles = run_titles(prepared(numbers=False), TableConfig(), baselines=False)
    assert not any("bins" in title for title in titles)
    assert len(run_titles(prepared(), TableConfig(bins=0), baselines=False)) == len(titles)


def test_a_model_of_one_target_has_no_baseline() -> None:
    frame = pd.DataFrame({"a": np.arange(30.0) % 7, "y": np.arange(30.0)})
    table = prepare_table(frame, Columns(targets=("y",)), folds=2, seed=0)
    found = fitted(table, baselines=True)
    assert found.baseline == {} and found.n_baseline == 0
    assert not any("alone" in title for title in run_titles(table, TableConfig(), baselines=True))


def test_in_time_networks_of_all_rows_are_in_the_model_but_judge_none() -> None:
    table = prepared(time="day")
    found = fitted(table, baselines=True)
    n_folds = len(table.repeats[0])
    for member in found.model.members:
        assert isinstance(member, StackedEnsemble) and member.plan.n_networks == 2 * n_folds
    judged = np.concatenate([fold.held_out for fold in table.repeats[0]])
    for values in (*found.joint.values(), *found.baseline.values()):
        assert np.flatnonzero(~values.isnan().any(-1).numpy()).tolist() == sorted(judged.tolist())


def test_the_model_answers_by_the_members_that_count() -> None:
    found = fitted(prepared(), epochs=5)
    assert all(sum(shares) == pytest.approx(1) for shares in found.model.weights.values())
    for index, member in enumerate(found.model.members):
        names = {task.name for task in member.tasks}
        assert names == {name for name, shares in found.model.weights.items() if shares[index]}
    assert set(found.steps) == {"y", "k"}


@pytest.mark.parametrize(
    ("n_targets", "n_labels", "there"), [(10, 20, True), (9, 20, False), (10, 100, True), (10, 101, False)]
)
def test_many_targets_with_few_labels_each_get_networks_of_very_small_weights(
    n_targets: int, n_labels: int, there: bool
) -> None:
    frame = pd.DataFrame({"a": np.random.default_rng(0).normal(size=120)})
    names = [f"y{index}" for index in range(n_targets)]
    for name in names:
        frame[name] = frame["a"].where(frame.index < n_labels)
    table = prepare_table(frame, Columns(targets=tuple(names)), folds=3, seed=0)
    titles = run_titles(table, TableConfig(), baselines=False)
    assert ("networks of very small weights joint" in titles) is there
