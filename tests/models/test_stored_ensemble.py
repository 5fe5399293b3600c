"""Ensembles come back from their bundles to the bit; descriptions that lie are refused."""

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.core import BundleError
from polytask.models import TableModel
from polytask.models.bundle import load_bundle, save_bundle


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
