"""Which columns a table model needs for which target."""

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.core import DataError, DataWarning, InputError
from polytask.models import TableModel


def rows(n_rows: int = 120, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(draw.normal(size=(n_rows, 2)), columns=["a", "b"])
    frame["colour"] = draw.choice(["red", "green"], n_rows)
    frame["size"] = 5 * frame["a"]
    frame["light"] = np.where(frame["colour"] == "red", "on", "off")
    return frame


@pytest.fixture(scope="module")
def model() -> TableModel:
    settings = {"folds": 2, "width": 4, "depth": 1, "bins": 0, "epochs": 40, "learning_rate": 0.05}
    return polytask.fit(rows(), ["size", "light"], baselines=False, weight_decay=0.0, **settings)


def test_a_target_needs_the_column_that_it_is_made_of(model: TableModel) -> None:
    found = model.importance(rows(seed=1), n_repeats=20)
    assert found.columns.names == ["target", "statistic"] and set(found.index) == {"a", "b", "colour"}
    means = found.xs("importance", axis=1, level="statistic")
    assert means["size"].idxmax() == "a" and means["light"].idxmax() == "colour"
    assert abs(means.loc["b"]).max() < 0.1
    # Shuffling a target's only cause makes squared errors of two independent draws: twice the variance.
    assert means.loc["a", "size"] == pytest.approx(2, abs=0.3)
    assert found.loc["a", ("size", "spread")] > 0


def test_it_is_what_shuffling_the_table_itself_costs(model: TableModel) -> None:
    table = rows(seed=2)
    found = model.importance(table, n_repeats=60)
    draw, losses = np.random.default_rng(0), []
    for _ in range(60):
        shuffled = table.assign(a=draw.permutation(table["a"]))
        losses.append(((model.predict(shuffled)["size"] - table["size"]) ** 2).mean())
    before = ((model.predict(table)["size"] - table["size"]) ** 2).mean()
    expected = (np.mean(losses) - before) / table["size"].var(ddof=0)
    assert found.loc["a", ("size", "importance")] == pytest.approx(expected, rel=0.1)


def test_the_same_seed_deals_alike_and_the_global_generator_is_left_alone(model: TableModel) -> None:
    before = torch.get_rng_state()
    first, again, other = (model.importance(rows(), n_repeats=2, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other.loc[first.index])
    assert torch.equal(before, torch.get_rng_state())


def test_labels_that_are_all_equal_have_no_importance(model: TableModel) -> None:
    with pytest.warns(DataWarning, match="importance for 'light' is not known: all labels here are equal"):
        found = model.importance(rows().assign(light="on"), n_repeats=1)
    assert found["light"]["importance"].isna().all() and found["size"]["importance"].notna().all()


def test_one_row_is_refused(model: TableModel) -> None:
    with pytest.raises(DataError, match="The table has 1 row with a label, but importance deals"):
        model.importance(rows().head(1))


def test_settings_are_checked(model: TableModel) -> None:
    with pytest.raises(InputError, match="`n_repeats` must be at least 1, got 0; `seed` must be a whole"):
        model.importance(rows(), n_repeats=0, seed="x")


def test_a_metric_that_was_asked_in_fit_is_what_shuffling_costs(model: TableModel, tmp_path) -> None:
    settings = {"folds": 2, "width": 4, "depth": 1, "bins": 0, "epochs": 40, "learning_rate": 0.05}
    asked = {"size": "mae", "light": "auroc"}
    judged = polytask.fit(rows(), ["size", "light"], baselines=False, metrics=asked, **settings)
    assert [one.metric for one in judged.results.tasks] == ["mae", "auroc"]
    judged.save(tmp_path / "model")
    table = rows(seed=2)
    found = polytask.load(tmp_path / "model").importance(table, n_repeats=40)
    draw, errors = np.random.default_rng(0), []
    for _ in range(40):
        shuffled = table.assign(a=draw.permutation(table["a"]))
        errors.append((judged.predict(shuffled)["size"] - table["size"]).abs().mean())
    before = (judged.predict(table)["size"] - table["size"]).abs().mean()
    constant = (table["size"].mean() - table["size"]).abs().mean()
    expected = (np.mean(errors) - before) / constant
    assert found.loc["a", ("size", "importance")] == pytest.approx(expected, rel=0.1)
    # A shuffled column tells the classes apart no better than chance, which is what a constant answer does.
    assert found.loc["colour", ("light", "importance")] == pytest.approx(1, abs=0.2)
