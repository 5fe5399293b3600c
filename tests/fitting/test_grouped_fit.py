"""Networks for groups of targets, joined into one model."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.fitting import grouped_fit
from polytask.fitting.grouped_fit import fit_groups, group_titles
from polytask.fitting.table_columns import Columns
from polytask.fitting.table_ensemble_fit import TableFit, fit_ensemble, fit_single, fit_together
from polytask.fitting.table_preparation import PreparedTable, prepare_table
from polytask.fitting.table_surroundings import Surroundings
from polytask.models.table_config import TableConfig

pytestmark = pytest.mark.trains


def prepared(*, gaps: bool = True) -> PreparedTable:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"u": draw.normal(size=60), "v": draw.normal(size=60)})
    frame["a"], frame["b"] = frame["u"] + frame["v"], frame["u"] - frame["v"]
    frame["c"], frame["k"] = draw.normal(size=60), draw.choice(["p", "q"], 60)
    if gaps:
        frame.loc[::4, ["a", "b"]] = np.nan
    return prepare_table(frame, Columns(targets=("a", "b", "c", "k")), folds=3, seed=0)


def fitted(
    groups: Sequence[Sequence[str]] | None,
    table: PreparedTable | None = None,
    *,
    baselines: bool = False,
    folder: Path | None = None,
    deadline: float | None = None,
    **settings: Any,
) -> TableFit:
    return fit_groups(
        prepared() if table is None else table,
        None if groups is None else tuple(map(tuple, groups)),
        TableConfig(**{"epochs": 2, "width": 4, "bins": 0, **settings}),
        baselines=baselines,
        seed=0,
        where=Surroundings(resume_folder=folder, deadline=deadline),
    )


@pytest.mark.parametrize("architecture", ["hard", "mmoe"])
def test_a_group_is_trained_as_if_its_targets_were_the_table(architecture: str) -> None:
    table, inputs = prepared(), torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    first = fitted([["a", "b"], ["c", "k"]], table, architecture=architecture)
    other = fitted([["a", "b"], ["c"], ["k"]], table, architecture=architecture)
    answers = [one.model.eval().adapt(table.tasks)(inputs) for one in (first, other)]
    for name in "ab":
        assert torch.equal(answers[0][name], answers[1][name])
        assert torch.equal(first.joint[name].nan_to_num(9), other.joint[name].nan_to_num(9))
    assert not torch.equal(answers[0]["c"], answers[1]["c"])


def test_networks_of_one_group_count_for_nothing_in_others() -> None:
    model = fitted([["a", "b"], ["c", "k"]]).model
    for name, group in (("a", {"a", "b"}), ("c", {"c", "k"})):
        for share, member in zip(model.weights[name], model.members, strict=True):
            assert share == 0 or {task.name for task in member.tasks} <= group  # pyright: ignore[reportGeneralTypeIssues]
        assert sum(model.weights[name]) == pytest.approx(1)


def test_held_out_predictions_are_of_the_rows_with_a_label_in_the_group() -> None:
    found = fitted([["a", "b"], ["c", "k"]]).joint
    assert found["a"].isnan()[:, 0].tolist() == [row % 4 == 0 for row in range(60)]
    assert not bool(found["c"].isnan().any())


def test_baselines_are_those_of_the_fit_without_groups() -> None:
    table = prepared()
    config = TableConfig(epochs=2, width=4, bins=0)
    plain = fit_ensemble(table, config, baselines=True, seed=0, where=Surroundings())
    grouped = fitted([["a", "b"], ["c", "k"]], table, baselines=True)
    assert grouped.n_baseline == plain.n_baseline and grouped.single == ()
    for name, values in plain.baseline.items():
        assert torch.equal(values.nan_to_num(9), grouped.baseline[name].nan_to_num(9))


def test_a_target_that_is_alone_in_its_group_has_no_second_network(monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[list[str]] = []

    def watched(table: PreparedTable, *arguments: Any, **settings: Any) -> Any:
        trained.append([task.name for task in table.tasks])
        return fit_single(table, *arguments, **settings)

    monkeypatch.setattr(grouped_fit, "fit_single", watched)
    found = fitted([["a", "b"], ["c"], ["k"]], baselines=True)
    assert trained == [["a", "b"]]
    assert set(found.baseline) == {"a", "b"} and found.single == ("c", "k")
    assert not fitted([["a"], ["b"], ["c"], ["k"]], baselines=True).baseline


@pytest.mark.parametrize("architecture", ["hard", "soft"])
def test_every_training_has_the_title_that_was_rehearsed(tmp_path: Path, architecture: str) -> None:
    table, groups = prepared(), (("a", "b"), ("c",), ("k",))
    fitted(groups, table, baselines=True, folder=tmp_path, architecture=architecture, epochs=1)
    config = TableConfig(architecture=architecture, bins=0 if architecture == "hard" else 48)
    titles = group_titles(table, groups, config, baselines=True)
    where = Surroundings(resume_folder=tmp_path)
    folders = {path.parent for path in tmp_path.glob("*/checkpoint.pt")}
    assert folders == {where.folder(title) for title in titles} and len(folders) == len(titles)


def test_groups_that_are_to_come_get_their_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []

    def watched(*arguments: Any, where: Surroundings, **settings: Any) -> TableFit:
        assert where.deadline is not None
        left.append(where.deadline - start)
        return fit_together(*arguments, where=where, **settings)

    monkeypatch.setattr(grouped_fit, "fit_together", watched)
    start = time.monotonic()
    fitted([["a", "b"], ["c"], ["k"]], deadline=start + 3e6)
    assert left == pytest.approx([1e6, 1.5e6, 3e6], rel=1e-3)
