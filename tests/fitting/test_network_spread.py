"""Regions around an average of networks hold as many labels as asked, though single ones are calibrated."""

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.fitting import table_fit
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.held_out_networks import HeldOutNetworks
from polytask.fitting.network_spread import NetworkSpread, network_spread
from polytask.fitting.table_calibration import calibrate
from polytask.fitting.table_columns import Columns
from polytask.models.score_distribution import ScoreDistribution

N_ROWS = 6000


def world(*, repeats: int, networks: int, apart: float, common: float, noise: float, seed: int = 0):
    """Draw errors of held-out averages with their spread, and those of the model for new rows."""
    draw = np.random.default_rng(seed)

    def errors(averaged: int) -> np.ndarray:  # [network, row]
        shared = common * draw.normal(size=N_ROWS) + noise * draw.normal(size=N_ROWS)
        return shared + apart * draw.normal(size=(averaged, N_ROWS))

    held_out, new = errors(repeats), errors(networks).mean(0)
    return np.abs(held_out.mean(0)), held_out.var(0, ddof=1) if repeats > 1 else None, np.abs(new)


def coverage(distances: np.ndarray, new: np.ndarray, factor: float) -> float:
    found = ScoreDistribution.of(factor * distances)
    assert found is not None
    return float((new <= found.radius(0.9)).mean())


@pytest.mark.parametrize("repeats", [2, 3])
@pytest.mark.parametrize(
    ("apart", "common", "noise", "too_much"),
    [(1.0, 0.3, 0.1, 0.05), (0.5, 0.5, 0.5, 0.01), (0.05, 0.3, 1.0, -0.01)],
)
def test_regions_hold_what_was_asked_in_known_worlds(repeats, apart, common, noise, too_much):
    given = {"repeats": repeats, "networks": 5 * repeats, "apart": apart, "common": common, "noise": noise}
    held = []
    for seed in range(10):
        distances, variances, new = world(**given, seed=seed)
        spread = NetworkSpread(variances={"y": variances}, n_held_out=repeats, n_networks=5 * repeats)
        factor = spread.factor("y", distances, np.ones(N_ROWS), np.ones(N_ROWS))
        held.append([coverage(distances, new, used) for used in (factor, 1.0)])
    corrected, plain = np.mean(held, axis=0)
    assert corrected == pytest.approx(0.9, abs=0.01)
    assert plain > 0.9 + too_much


@pytest.mark.parametrize("seen", [0.0, 0.4, 0.8, 1.0])
def test_with_one_repeat_a_variance_that_is_too_small_makes_regions_too_large_alone(seen):
    distances, _, new = world(repeats=1, networks=5, apart=0.5, common=0.4, noise=0.3)
    variances = np.full(N_ROWS, seen * 0.25)
    spread = NetworkSpread(variances={"y": variances}, n_held_out=1, n_networks=5)
    factor = spread.factor("y", distances, np.ones(N_ROWS), np.ones(N_ROWS))
    held = coverage(distances, new, factor)
    assert 0.885 < held <= coverage(distances, new, 1.0) + 1e-9
    if seen == 1.0:
        assert held == pytest.approx(0.9, abs=0.015)


def test_the_factor_is_in_units_of_difficulty_and_of_weighted_rows():
    rows = np.arange(200.0) % 2
    unit, weights = 1 + rows, 1 + 3 * rows
    spread = NetworkSpread(variances={"y": unit**2 * 0.5}, n_held_out=1, n_networks=4)
    distances = np.where(rows > 0, 1.0, 2.0)  # the mean square of units: (4 * 1 + 1 * 4) / 5
    assert spread.factor("y", distances, unit, weights) == pytest.approx(np.sqrt(1 - 0.5 * 0.75 / 1.6))
    assert spread.factor("unknown", distances, unit, weights) == 1
    few = np.where(np.arange(200) < 49, distances, np.nan)
    assert spread.factor("y", few, unit, weights) == 1
    vast = NetworkSpread(variances={"y": np.full(200, 9.0)}, n_held_out=1, n_networks=4)
    assert vast.factor("y", distances, unit, weights) == 0.5  # believed no further


def table(n_rows: int = 120, *, noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.uniform(-1, 1, size=(n_rows, 3))
    y = np.sin(3 * x[:, 0]) * x[:, 1] + x[:, 2] ** 2 + noise * draw.normal(size=n_rows)
    return pd.DataFrame(x, columns=list("abc")).assign(y=y, k=np.where(x[:, 0] > 0, "p", "q"))


SMALL = {"epochs": 15, "width": 12, "depth": 1, "bins": 0, "baselines": False, "seed": 0}


@pytest.mark.trains
@pytest.mark.parametrize(("repeats", "architecture"), [(1, "hard"), (2, "hard"), (2, "mmoe")])
def test_the_variance_is_that_of_networks_of_the_right_rows(repeats, architecture):
    given = {**SMALL, "folds": 3, "repeats": repeats, "architecture": architecture}
    settings = FitSettings.checked(given | ({} if architecture == "hard" else {"bins": None}))
    trained = table_fit.train_table(table(), Columns.of(["y", "k"]), settings)
    prepared, model = trained.prepared, trained.model.learner
    found = network_spread(model, prepared, seed=0)
    assert found is not None and list(found.variances) == ["y"]
    assert (found.n_held_out, found.n_networks) == (repeats, 3 * repeats)
    networks = HeldOutNetworks(model, prepared)
    answers = networks.every(prepared.rows.inputs, ["y"])["y"].numpy()
    whole = model.adapt(list(model.tasks))(prepared.rows.inputs)["y"][:, 0]
    np.testing.assert_allclose(answers.mean(0), whole.detach().numpy(), atol=1e-5)
    own = networks.outputs(prepared.rows.inputs, torch.arange(120))["y"][:, 0].numpy()
    folds = [fold for dealt in prepared.repeats for fold in dealt]
    for row in (0, 50, 119):
        judged = [index for index, fold in enumerate(folds) if row in fold.held_out]
        assert answers[judged[0], row] == pytest.approx(own[row], abs=1e-5)
        taken = judged if repeats > 1 else sorted(set(range(3)) - set(judged))
        expected = answers[taken, row].var(ddof=1)
        assert found.variances["y"][row] == pytest.approx(expected, rel=1e-4)


@pytest.mark.trains
def test_nothing_is_known_of_two_folds_dealt_once_or_along_time():
    for settings, columns in (({"folds": 2}, {}), ({"folds": 3}, {"time": "when"})):
        frame = table().assign(when=np.arange(120))
        checked = FitSettings.checked({**SMALL, "epochs": 2, **settings})
        drop = () if columns else ("when",)
        trained = table_fit.train_table(frame, Columns.of(["y", "k"], drop=drop, **columns), checked)
        assert network_spread(trained.model.learner, trained.prepared, seed=0) is None


@pytest.mark.trains
def test_groups_count_alike():
    frame = table().assign(place=np.arange(120) // 4)
    settings = FitSettings.checked({**SMALL, "folds": 3})
    trained = table_fit.train_table(frame, Columns.of(["y", "k"], group="place"), settings)
    spread = network_spread(trained.model.learner, trained.prepared, seed=0)
    plain, _ = calibrate(trained.prepared, trained.held_out, seed=0)
    closer, _ = calibrate(trained.prepared, trained.held_out, seed=0, spread=spread)
    ratio = closer.targets["y"].scores.scores / plain.targets["y"].scores.scores
    assert np.ptp(ratio) < 1e-9 and 0.5 <= ratio[0] < 1
    np.testing.assert_array_equal(closer.targets["k"].scores.scores, plain.targets["k"].scores.scores)
    np.testing.assert_allclose(closer.together.scores, plain.together.scores)


@pytest.mark.trains
@pytest.mark.parametrize(("repeats", "noise"), [(1, 0.0), (2, 0.3)])
def test_the_factor_of_a_fit_is_what_averaging_takes_off_the_error_of_new_rows(repeats, noise):
    told, true = [], []
    for seed in range(3):
        settings = FitSettings.checked({**SMALL, "epochs": 60, "repeats": repeats})
        columns = Columns.of("y", drop="k")
        trained = table_fit.train_table(table(noise=noise, seed=seed), columns, settings)
        prepared, model = trained.prepared, trained.model
        spread = network_spread(model.learner, prepared, seed=0)
        distances = (trained.held_out["y"][:, 0] - prepared.rows.targets["y"]).abs().double().numpy()
        told.append(spread.factor("y", distances, np.ones(120), np.ones(120)) ** 2)
        new = table(2000, noise=noise, seed=100 + seed)
        inputs = model.encoder.transform(new)[0]
        labels = model.targets[0].encode(new["y"])[0].double()
        answers = HeldOutNetworks(model.learner, prepared).every(inputs, ["y"])["y"]
        some = answers.view(repeats, 5, -1).mean(0)  # averages of a network of each repeat
        true.append(float((answers.mean(0) - labels).square().mean() / (some - labels).square().mean()))
    told, true = np.mean(told), np.mean(true)
    assert true - 0.02 < told < 1
    assert told == pytest.approx(true, abs=0.06 if repeats == 1 else 0.03)


@pytest.mark.trains
def test_intervals_of_a_fit_are_made_shorter_by_the_factor(monkeypatch):
    def length(model: polytask.models.TableModel) -> pd.Series:
        answers = model.predict(table(50, seed=1), intervals=0.8)
        return answers["y:high"] - answers["y:low"]

    corrected = length(polytask.fit(table(), "y", drop="k", **SMALL))
    monkeypatch.setattr(table_fit, "network_spread", lambda *_, **__: None)
    ratio = corrected / length(polytask.fit(table(), "y", drop="k", **SMALL))
    assert ratio.std() < 1e-6 and 0.5 < ratio.mean() < 0.999
