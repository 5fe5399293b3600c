"""The networks that did not see a row say of it what they said when it was judged."""

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.fitting import table_fit
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.held_out_networks import HeldOutNetworks
from polytask.fitting.table_columns import Columns

pytestmark = pytest.mark.trains


def trained(monkeypatch, **settings):
    """Fit a table, and return what details are made of."""
    taken = {}
    found = table_fit.table_details

    def take(frame, prepared, fitted, *others, **more):
        taken.update(prepared=prepared, fitted=fitted)
        return found(frame, prepared, fitted, *others, **more)

    monkeypatch.setattr(table_fit, "table_details", take)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(90, 3))
    frame = pd.DataFrame(x, columns=list("abc"))
    frame["y"] = x[:, 0] * 2 + 0.1 * draw.normal(size=90)
    frame["z"] = np.where(x[:, 1] > 0, "p", "q")
    frame["w"] = x[:, 2] ** 2
    settings = {"epochs": 4, "width": 8, "depth": 1, "folds": 3, "baselines": False, "seed": 0} | settings
    checked = FitSettings.checked(settings, find_groups=None)
    table_fit.train_table(frame, Columns.of(["y", "z", "w"]), checked)
    return taken["prepared"], taken["fitted"]


def distances(networks: HeldOutNetworks, prepared, fitted) -> dict[str, float]:
    found = networks.outputs(prepared.rows.inputs, torch.arange(len(prepared.rows)))
    return {
        name: float((found[name] - values.double()).abs().median() / values.std())
        for name, values in fitted.joint.items()
    }


def test_networks_trained_fold_after_fold_answer_as_when_they_were_judged(monkeypatch):
    prepared, fitted = trained(monkeypatch, architecture="mmoe")
    networks = HeldOutNetworks(fitted.model, prepared)
    assert networks.unseen
    assert max(distances(networks, prepared, fitted).values()) < 1e-6


@pytest.mark.parametrize("settings", [{"bins": 0}, {"groups": "y,z;w"}])
def test_a_stack_answers_about_as_when_it_was_judged_and_by_no_other_network(monkeypatch, settings):
    # About: the weights of the average are chosen by all folds here, and by the other folds there.
    prepared, fitted = trained(monkeypatch, epochs=40, **settings)
    networks = HeldOutNetworks(fitted.model, prepared)
    assert networks.unseen
    right = distances(networks, prepared, fitted)
    networks.networks = {fold: (network + 1) % 3 for fold, network in networks.networks.items()}
    wrong = distances(networks, prepared, fitted)
    assert all(right[name] < 0.5 * wrong[name] for name in right)


def test_a_changed_row_is_answered_by_the_networks_of_its_own_fold(monkeypatch):
    prepared, fitted = trained(monkeypatch, architecture="mmoe")
    networks = HeldOutNetworks(fitted.model, prepared)
    fold = prepared.repeats[0][1]
    rows = torch.from_numpy(fold.held_out)
    changed = prepared.rows.inputs[rows] + 1.0
    expected = fitted.model.members[1](changed)["y"]
    assert torch.allclose(networks.outputs(changed, rows)["y"], expected.double(), atol=1e-6)
