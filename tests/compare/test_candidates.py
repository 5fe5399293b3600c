"""Candidates as they are asked for: groups, settings of networks, few rows, and what cannot be one."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tests.compare.small import rows, table

from polytask.compare import JointNetworks, candidates_of
from polytask.compare.catalogue import candidate_of_recipe
from polytask.compare.standard import STANDARD
from polytask.core import InputError, ResultWarning

QUICK = {"epochs": 1, "width": 4, "bins": 0}


def test_settings_are_those_of_networks_that_are_given_by_name() -> None:
    found = candidates_of(["single:hard", "joint:mmoe+pcgrad", "groups", "linear"], {"epochs": 7})
    assert [one.config.epochs for one in found[:3]] == [7, 7, 7]  # pyright: ignore[reportAttributeAccessIssue]
    assert (found[1].config.architecture, found[1].config.balancing) == ("mmoe", "pcgrad")  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "`settings`: There is no setting epoch.*did you mean.*epochs"),
        ({"epochs": 0}, "`settings`: epochs must be at least 1"),
        ({"architecture": "mmoe"}, "architecture"),
    ],
)
def test_settings_that_no_network_has_are_refused(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        candidates_of("single", settings)


def test_settings_that_no_candidate_takes_are_refused() -> None:
    with pytest.raises(
        InputError, match="`settings`: epochs, width change nothing, as no candidate is a net"
    ):
        candidates_of(["constant", "linear"], {"epochs": 3, "width": 8})
    with pytest.raises(InputError, match=r"`settings`: members changes nothing.*Leave it out, or add one"):
        candidates_of(["joint:hard", "single"], {"members": 4})
    assert len(candidates_of(["joint:hard", "joint:tabm"], {"members": 4})) == 2


def test_groups_are_read_as_they_are_typed() -> None:
    (found,) = candidates_of("groups:a, b;c")
    assert isinstance(found, JointNetworks) and found.groups == (("a", "b"), ("c",))
    assert (found.name, found.words) == ("groups:a,b;c", "hard sharing in the groups a,b;c")
    with pytest.raises(InputError, match="have an empty name; write them as a,b;c"):
        candidates_of("groups:a,;c")


def test_groups_that_are_found_and_groups_that_are_given_have_names_that_can_be_typed() -> None:
    for typed in ("groups", "groups:auto"):
        (found,) = candidates_of(typed)
        assert isinstance(found, JointNetworks)
        assert (found.name, found.groups) == ("groups:auto", "auto")
    one = JointNetworks(groups=[["a", "b"]])
    assert candidates_of(one.name)[0].name == one.name == "groups:a,b"
    assert JointNetworks({"architecture": "mmoe"}, groups="auto").name == "groups:auto (mmoe)"
    many = JointNetworks(groups=[[f"target number {index}" for index in range(9)]])
    assert many.name == "groups:9 targets in 1 group"


def test_groups_that_are_no_partition_of_the_targets_say_which_name_is_wrong() -> None:
    given = JointNetworks(groups=[["a", "b"], ["a"]])
    with pytest.raises(InputError, match="'a' stands there 2 times; 'c' is in none"):
        given.check_targets(["a", "b", "c"])


@pytest.mark.parametrize("groups", ["auto", [["a"], ["b", "c"]], None])
def test_joint_networks_are_made_again_of_their_recipe(groups: object) -> None:
    made = JointNetworks({"epochs": 3}, groups=groups)  # pyright: ignore[reportArgumentType]
    assert made.recipe is not None
    again = candidate_of_recipe(made.recipe, name=made.name, words=made.words)
    assert isinstance(again, JointNetworks) and (again.groups, again.fixed) == (made.groups, made.fixed)


def test_three_estimators_or_two_of_a_kind_are_no_candidate() -> None:
    trees = DecisionTreeRegressor(), DecisionTreeClassifier()
    assert len(candidates_of([trees])) == 1 and len(candidates_of([(Ridge(),)])) == 1
    for given in ((*trees, Ridge()), (Ridge(), DecisionTreeRegressor()), ()):
        with pytest.raises(InputError, match="A candidate is a name"):
            candidates_of([given])


@pytest.mark.trains
@pytest.mark.parametrize("groups", ["auto", [["size"], ["rich", "rank"]]])
def test_networks_in_groups_predict_every_target_and_say_what_rows_they_have_not_seen(groups: object) -> None:
    found, _ = rows(table(90), ["size", "rich", "rank"])
    fitted = JointNetworks(QUICK, groups=groups).fit(found, {}, seed=0)  # pyright: ignore[reportArgumentType]
    predicted = fitted.predict(found)
    assert set(predicted) == {"size", "rich", "rank"}
    assert fitted.out_of_fold is not None
    for name in predicted:
        values = np.asarray(fitted.out_of_fold[name]).reshape(len(found), -1)
        known = found.batch.labelled(name).numpy()
        assert np.isfinite(values[known]).all()


@pytest.mark.trains
def test_networks_that_take_no_weights_of_rows_say_so() -> None:
    weighted = replace(rows(table(), ["size", "rich"])[0], weights=np.ones(60))
    with pytest.warns(ResultWarning, match="`weight_column` is not used"):
        JointNetworks({"epochs": 1, "width": 4, "architecture": "mmoe"}).fit(weighted, {}, seed=0)
    JointNetworks(QUICK).fit(weighted, {}, seed=0)


@pytest.mark.trains
def test_rows_of_a_group_are_put_where_they_are_among_all() -> None:
    found, _ = rows(table(90), ["size", "rich"])  # every fifth row has no size
    fitted = JointNetworks(QUICK, groups=[["size"], ["rich"]]).fit(found, {}, seed=0)
    assert fitted.out_of_fold is not None
    size = np.asarray(fitted.out_of_fold["size"]).ravel()
    assert np.isnan(size).tolist() == (~found.batch.labelled("size").numpy()).tolist()


def test_boosted_trees_learn_from_few_rows() -> None:
    found, _ = rows(table(45), ["size"])
    part = found.rows(np.arange(30))
    predicted = STANDARD["boosted-trees"]().fit(part, {}, seed=0).predict(found)["size"]  # pyright: ignore[reportOptionalMemberAccess]
    assert np.ptp(predicted) > 0.5
    chosen = STANDARD["boosted-trees"]().fit(part, {"min_samples_leaf": 20}, seed=0).predict(found)["size"]  # pyright: ignore[reportOptionalMemberAccess]
    assert np.ptp(chosen) == 0
