"""Targets in groups: one model of networks for each group, from the fit to all that a model can do."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from pandas.testing import assert_frame_equal
from tests.few_forms import few_forms

import polytask
from polytask.core import BundleError, DataError, DataWarning, InputError
from polytask.models import TableModel
from polytask.models.table_ensemble import TableEnsemble
from polytask.relate import table_relations

__all__ = ["few_forms"]

pytestmark = [
    pytest.mark.trains,
    pytest.mark.filterwarnings("ignore::polytask.core.ResultWarning"),
]
TARGETS = ["a", "b", "c", "k"]
GROUPS = [["a", "b"], ["c", "k"]]
SMALL: dict[str, Any] = {"folds": 3, "epochs": 2, "width": 6, "bins": 0, "baselines": False}


def table(n_rows: int = 90) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n_rows, 3))
    frame = pd.DataFrame(x, columns=["u", "v", "w"])
    frame["a"], frame["b"] = x[:, 0] + x[:, 1], x[:, 0] - x[:, 1]
    frame["c"], frame["k"] = np.abs(x[:, 2]), np.where(x[:, 2] + x[:, 0] > 0, "p", "q")
    frame.loc[::5, "a"] = np.nan
    return frame


def fit(groups: Any = None, frame: pd.DataFrame | None = None, **settings: Any) -> TableModel:
    return polytask.fit(table() if frame is None else frame, TARGETS, groups=groups, **{**SMALL, **settings})


@pytest.fixture(scope="module")
def model() -> TableModel:
    return fit(GROUPS, baselines=True)


def weights(model: TableModel) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1).float() for tensor in model.learner.state_dict().values()])


def test_one_group_is_the_fit_without_groups_bit_for_bit(tmp_path: Path) -> None:
    plain = fit(resume_folder=tmp_path)
    one = fit("k,a,c,b", resume_folder=tmp_path)  # the same folder: it is the same fit
    assert torch.equal(weights(plain), weights(one)) and plain.data == one.data
    assert plain.results is not None and one.results is not None
    assert plain.results.tasks == one.results.tasks and one.results.groups == ()


@pytest.mark.parametrize("architecture", ["hard", "mmoe"])
def test_a_saved_model_of_groups_answers_the_same_when_it_is_loaded(
    architecture: str, tmp_path: Path
) -> None:
    fitted = fit(
        [["c"], ["k", "b", "a"]],
        architecture=architecture,
        **({"bins": None} if architecture != "hard" else {}),
    )
    loaded = polytask.load(fitted.save(tmp_path / "m"))
    assert_frame_equal(loaded.predict(table()), fitted.predict(table()), check_exact=True)
    assert loaded.data["groups"] == [["a", "b", "k"], ["c"]]


def test_a_bundle_that_names_targets_without_networks_is_refused(tmp_path: Path) -> None:
    from polytask.models.bundle_folder import own_checksum

    fit(GROUPS, architecture="mmoe", bins=None).save(tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    described = json.loads(file.read_text())
    described["config"]["ensemble"]["members"][0]["targets"] = ["c"]
    described["checksum"] = own_checksum(described)
    file.write_text(json.dumps(described))
    with pytest.raises(BundleError, match="do not fit together"):
        polytask.load(tmp_path / "m")


def test_the_results_say_the_groups_and_compare_with_networks_of_each_target_alone(model: TableModel) -> None:
    results = model.results
    assert results is not None and results.groups == (("a", "b"), ("c", "k"))
    assert results.to_json()["groups"] == GROUPS and model.data["groups"] == GROUPS
    assert all(one.gain is not None and one.baseline for one in results.tasks)
    assert results.delta_m is not None and set(results.steps) == set(TARGETS)


def test_a_target_that_is_alone_is_told_so_and_counts_as_no_gain() -> None:
    results = fit("a,b;c;k", baselines=True).results
    assert results is not None and results.delta_m is not None
    by_name = {one.task: one for one in results.tasks}
    assert [by_name[name].verdict for name in ("c", "k")] == ["alone", "alone"]
    assert by_name["c"].gain is None and not by_name["c"].baseline
    gains = [one.gain.mean for one in (by_name["a"], by_name["b"]) if one.gain is not None]
    assert len(gains) == 2 and results.delta_m.mean == pytest.approx(sum(gains) / 4, rel=0.2, abs=0.5)
    nobody = fit("a;b;c;k", baselines=True).results
    assert nobody is not None and nobody.delta_m is None
    assert {one.verdict for one in nobody.tasks} == {"alone"}


def test_groups_that_are_found_are_those_of_relate_with_the_same_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def halves(gains: Any, names: Any, **_: Any) -> SimpleNamespace:
        """Part the targets by what others gave them, so that there are two groups on every processor."""
        seen.append(np.asarray(gains))
        order = [names[index] for index in np.argsort(seen[-1].sum(0), kind="stable")]
        return SimpleNamespace(groups=(tuple(order[:1]), tuple(order[1:])))

    monkeypatch.setattr(table_relations, "group_tasks", halves)
    frame, targets = table(40), ["a", "b", "k"]
    related = polytask.relate(frame, targets, seed=3).groups
    with pytest.warns(DataWarning, match="trains together .*, and alone .*flatter it a little"):
        found = polytask.fit(frame, targets, groups="auto", **SMALL, seed=3)
    assert found.data["groups"] == sorted(sorted(group) for group in related)
    assert np.array_equal(seen[0], seen[1], equal_nan=True)
    given = polytask.fit(frame, targets, groups=related, **SMALL, seed=3)
    assert_frame_equal(found.predict(frame), given.predict(frame), check_exact=True)


def test_one_target_makes_one_group() -> None:
    with pytest.warns(DataWarning, match="belong in one network"):
        one = polytask.fit(table(), "b", groups="auto", **SMALL)
    assert "groups" not in one.data


def test_a_fit_in_groups_that_was_stopped_goes_on_and_other_groups_are_refused(tmp_path: Path) -> None:
    fit(GROUPS, resume_folder=tmp_path, time_budget=1e-3, epochs=4)
    again = fit(GROUPS, resume_folder=tmp_path, epochs=4)
    assert torch.equal(weights(again), weights(fit(GROUPS, epochs=4)))
    with pytest.raises(BundleError, match="`groups` was a,b;c,k, is a;b,c,k"):
        fit("a;b,c,k", resume_folder=tmp_path, epochs=4)


def test_a_model_of_groups_does_what_every_model_does(model: TableModel, tmp_path: Path) -> None:
    frame = table()
    answers = model.predict(frame, intervals=0.8, joint=True)
    assert {"a:low", "c:high", "k:set"} <= set(answers)
    assert model.evaluate(frame[::-1]).index.tolist() == TARGETS
    found = model.importance(frame, n_repeats=1)
    assert sorted(found.index) == ["u", "v", "w"] and set(found.columns.get_level_values(0)) == set(TARGETS)
    assert model.export(tmp_path / "m.pt2").is_file()


def test_a_new_target_learns_from_the_networks_of_all_groups_and_old_answers_stay(model: TableModel) -> None:
    frame = table()
    frame["new"] = (frame["u"] + frame["v"]).where(np.arange(len(frame)) < 40)
    extended, (result,) = polytask.extend(model, frame, "new")
    assert isinstance(extended.learner, TableEnsemble) and isinstance(model.learner, TableEnsemble)
    n_old = len(model.learner.members)
    assert len(extended.learner.weights["new"]) > n_old and not any(extended.learner.weights["new"][:n_old])
    assert sum(result.parts.values()) == pytest.approx(1)
    assert_frame_equal(
        extended.predict(frame)[["a", "k"]], model.predict(frame)[["a", "k"]], check_exact=True
    )


def test_weights_and_metrics_of_targets_are_taken_in_groups(model: TableModel) -> None:
    weighted = fit(GROUPS, class_weights="balanced", target_weights={"a": 3}, metrics={"k": "auroc"})
    assert weighted.results is not None and weighted.results.tasks[3].metric == "auroc"
    first, other = (one.predict(table())["c"] for one in (fit(GROUPS, target_weights={"a": 3}), fit(GROUPS)))
    assert first.equals(other)  # in the other group nothing changes


def test_tasks_of_a_column_are_learned_from_networks_in_groups() -> None:
    frame = table(40).assign(shop=np.arange(40) % 5)
    fitted = polytask.fit(frame, ["a", "b"], task_column="shop", groups="b;a", **SMALL)
    assert fitted.pooled.data["groups"] == [["a"], ["b"]]
    assert set(fitted.predict(frame)) >= {"a", "b"}


def test_an_estimator_takes_groups_of_targets_beside_groups_of_rows() -> None:
    frame = table()
    estimator = polytask.MultiTaskEstimator(groups=[["b", "c"], ["a", "k"]], **SMALL)
    estimator.fit(frame[["u", "v", "w"]], frame[TARGETS], groups=np.arange(90) // 3)
    assert estimator.results_.groups == (("a", "k"), ("b", "c"))
    assert estimator.predict(frame[["u", "v", "w"]]).columns.tolist() == TARGETS
    with pytest.raises(InputError, match="there is no target 'y'; use one of a, b, c, k"):
        estimator.set_params(groups="a,b,c;y").fit(frame[["u", "v", "w"]], frame[TARGETS])


def test_settings_that_change_nothing_where_every_target_is_alone_are_told() -> None:
    with pytest.warns(DataWarning, match="`architecture='mmoe'` changes nothing, as each target is alone"):
        fit("a;b;c;k", architecture="mmoe", bins=None, epochs=1)


def test_a_group_whose_labels_come_too_late_to_be_judged_is_named() -> None:
    frame = table().assign(day=np.arange(90))
    frame.loc[:79, "c"] = np.nan
    with pytest.raises(DataError, match="The group c of `groups` has labels in too few folds"):
        fit("a,b,k;c", frame, time_column="day")
