"""The average of models: what it answers, what it refuses, and its bundle."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import polytask
from polytask.architectures import HardSharing
from polytask.core import BundleError, InputError, SharedModel, Task
from polytask.models import TableModel
from polytask.models.bundle import load_bundle, save_bundle
from polytask.models.network_stack import StackedEnsemble, StackPlan, Stage
from polytask.models.table_ensemble import TableEnsemble

Y, K = Task(name="y", kind="regression"), Task(name="k", kind="binary")


def shared() -> SharedModel:
    heads = {"y": nn.Linear(4, 1), "k": nn.Linear(4, 1)}
    return SharedModel([Y, K], HardSharing(nn.Linear(3, 4)), heads=heads)


def stacked(*tasks: Task) -> StackedEnsemble:
    stages = (Stage(step=1, targets=tuple(task.name for task in tasks)),)
    return StackedEnsemble(
        tasks, 3, StackPlan(n_networks=2, width=3, depth=1, n_bins=(0, 0, 0), stages=stages)
    )


def test_each_target_has_its_own_weights_and_members_may_lack_targets() -> None:
    members = [shared(), stacked(K), stacked(Y)]
    model = TableEnsemble([Y, K], members, {"y": (0.25, 0, 0.75), "k": (0.5, 0.5, 0)})
    inputs = torch.randn(5, 3)
    found = model.adapt([Y, K])(inputs)
    first = members[0].adapt([Y, K])(inputs)
    torch.testing.assert_close(found["y"], 0.25 * first["y"] + 0.75 * members[2](inputs)["y"])
    probability = (first["k"].sigmoid() + members[1](inputs)["k"].sigmoid()) / 2
    torch.testing.assert_close(found["k"].sigmoid(), probability)
    assert list(model.adapt([K])(inputs)) == ["k"]


@pytest.mark.parametrize(
    ("members", "weights", "message"),
    [
        ([], {"y": ()}, "no member"),
        ([stacked(Y)], {}, "'y' needs 1 weights of 0 or more with sum 1"),
        ([stacked(Y)], {"y": (0.9,)}, "with sum 1"),
        ([stacked(Y), stacked(Y)], {"y": (1.5, -0.5)}, "0 or more"),
        ([stacked(Y)], {"y": (float("nan"),)}, "with sum 1"),
        ([stacked(Y)], {"y": (0.5, 0.5)}, "needs 1 weights"),
        ([stacked(K)], {"y": (1.0,)}, "member 0 lacks 'y'"),
    ],
)
def test_weights_that_are_no_average_of_the_members_are_refused(
    members: Any, weights: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        TableEnsemble([Y], members, weights)


def test_it_is_asked_for_its_targets_and_not_trained() -> None:
    model = TableEnsemble([Y], [stacked(Y)], {"y": (1.0,)})
    with pytest.raises(InputError, match="knows no task 'k'; it has y"):
        model.adapt([K])
    with pytest.raises(InputError, match="not trained further"):
        model.objectives([])


def table() -> pd.DataFrame:
    x = np.random.default_rng(0).normal(size=(60, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "colour": np.where(x[:, 0] > 0.3, "red", "blue")})
    return frame.assign(y=x.sum(1), k=np.where(x[:, 1] > 0, "p", "q"), m=np.arange(60) % 3)


def fitted(**settings: Any) -> TableModel:
    given = {"folds": 2, "epochs": 3, "width": 4, "baselines": False, **settings}
    return polytask.fit(table(), ["y", "k", "m:multiclass"], **given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fitted().save(tmp_path_factory.mktemp("model") / "m")


@pytest.mark.parametrize(
    "settings", [{}, {"bins": 0}, {"architecture": "mmoe"}, {"group": "a", "repeats": 2}]
)
def test_a_bundle_comes_back_to_the_bit(tmp_path: Path, settings: dict[str, Any]) -> None:
    model = fitted(**settings)
    again = polytask.load(model.save(tmp_path / "m"))
    assert isinstance(again, TableModel)
    for one in (again, polytask.load(again.save(tmp_path / "n"))):
        pd.testing.assert_frame_equal(one.predict(table()), model.predict(table()), check_exact=True)
    state = model.learner.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in again.learner.state_dict().items())


def member(config: dict[str, Any]) -> dict[str, Any]:
    return config["ensemble"]["members"][0]


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a billion bins": lambda config: member(config).update(n_bins=[10**9] * len(member(config)["n_bins"])),
    "a billion layers": lambda config: member(config).update(depth=10**9),
    "a billion networks": lambda config: member(config).update(n_networks=10**9),
    "wider": lambda config: member(config).update(width=10**7),
    "no stage": lambda config: member(config).update(stages=[]),
    "another target": lambda config: member(config)["stages"][0].update(targets=["z"]),
    "a target twice": lambda config: member(config)["stages"][0].update(targets=["y", "y"]),
    "no member": lambda config: config["ensemble"].update(members=[]),
    "a thousand members": lambda config: config["ensemble"].update(members=[member(config)] * 1000),
    "members of no plan": lambda config: config["ensemble"].update(members=[None]),
    "no weights": lambda config: config["ensemble"].update(weights={}),
    "weights of nothing": lambda config: config["ensemble"]["weights"].update(y=[0.0] * 9),
    "weights in words": lambda config: config["ensemble"]["weights"].update(y="all"),
    "no ensemble": lambda config: config.update(ensemble=[]),
    "forgotten": lambda config: config.pop("ensemble"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_description_that_lies_is_refused_in_no_time_and_space(
    tmp_path: Path, folder: Path, change: str
) -> None:
    bundle = load_bundle(folder)
    config = copy.deepcopy(bundle.config)
    CHANGES[change](config)
    save_bundle(tmp_path / "m", replace(bundle, config=config))
    with pytest.raises(BundleError):
        polytask.load(tmp_path / "m")
