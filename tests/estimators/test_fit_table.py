"""Fitting a table, from data frame to saved model."""

import dataclasses
import importlib
import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

import polytask
from polytask.architectures import architecture_names
from polytask.core import DataWarning, InputError, ResultWarning, TrainingError
from polytask.datasets import penguins_table
from polytask.evaluate import gain
from polytask.models import TableModel


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(240, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["colour"] = draw.choice(["red", "green", "blue"], 240)
    frame["total"] = 100 + 20 * (x[:, 0] + x[:, 1]) + draw.normal(size=240)
    frame["sign"] = np.where(x[:, 0] - x[:, 2] > 0, "plus", "minus")
    frame["band"] = pd.cut(x[:, 1], [-9, -0.5, 0.5, 9], labels=["low", "middle", "high"]).astype(str)
    frame.loc[::7, "total"] = np.nan
    frame.loc[::5, "sign"] = None
    frame.loc[::9, "a"] = np.nan
    return frame


@pytest.fixture(scope="module")
def model(table) -> TableModel:
    targets = ["total", "sign", "band:multiclass"]
    return polytask.fit(table, targets, seeds=2, epochs=14, learning_rate=0.01, width=32)


def test_joint_training_learns_all_three_kinds(model):
    found = {result.task: result for result in model.results.tasks}
    assert {name: result.kind for name, result in found.items()} == {
        "total": "regression",
        "sign": "binary",
        "band": "multiclass",
    }
    assert 1 < found["total"].joint["rmse"].mean < 18  # the noise's standard deviation is 1
    assert 20 < found["total"].constant["rmse"].mean < 36  # the target's is about 28
    assert found["sign"].joint["accuracy"].mean > 0.75
    assert found["band"].joint["accuracy"].mean > 0.7


def test_the_comparison_is_complete(model):
    results = model.results
    assert results.n_seeds == 2 and results.delta_m is not None and results.delta_m.n == 2
    assert all(result.baseline and result.gain is not None for result in results.tasks)
    assert results.n_parameters["separate"] > results.n_parameters["joint"]


def test_predictions_are_in_units_and_names_of_the_table(model, table):
    answers = model.predict(table)
    assert answers.index.equals(table.index)
    assert set(answers["sign"]) <= {"plus", "minus"} and set(answers["band"]) <= {"low", "middle", "high"}
    assert abs(answers["total"].mean() - 100) < 15
    np.testing.assert_allclose(answers[["sign:p(minus)", "sign:p(plus)"]].sum(axis=1), 1, rtol=1e-5)


def test_a_loaded_model_predicts_the_same(model, table, tmp_path):
    model.save(tmp_path / "model")
    loaded = polytask.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(table), model.predict(table))
    assert loaded.data["fingerprint"] == model.data["fingerprint"]


def test_predicting_a_file_equals_predicting_the_frame(model, table, tmp_path):
    table.to_csv(tmp_path / "rows.csv", index=False)
    from_file = model.predict(tmp_path / "rows.csv")
    pd.testing.assert_frame_equal(from_file, model.predict(table), check_dtype=False, atol=1e-4)


def test_what_was_guessed_is_told_at_the_line_of_the_call(table):
    guessed = table.assign(age=[*map(str, range(len(table) - 1)), "unknown"])
    with pytest.warns(DataWarning, match="unknown") as caught:
        polytask.fit(guessed, ["total"], seeds=1, epochs=1, baselines=False, width=8)
    assert {warning.filename for warning in caught if warning.category is DataWarning} == {__file__}


def test_a_new_category_and_a_missing_column_are_handled_and_reported(model, table):
    strange = table.head(6).assign(colour="violet").drop(columns="b")
    with pytest.warns(DataWarning) as caught:
        answers = model.predict(strange)
    text = " ".join(str(warning.message) for warning in caught)
    assert "violet" in text and "'b'" in text
    assert {warning.filename for warning in caught} == {__file__}  # it points at the caller's line
    assert answers.notna().all(axis=None)


def test_the_same_seed_gives_the_same_model(table):
    first, second = (
        polytask.fit(table, ["total", "band"], seeds=1, epochs=3, baselines=False, seed=5) for _ in range(2)
    )
    for name, tensor in first.learner.state_dict().items():
        assert torch.equal(tensor, second.learner.state_dict()[name])
    assert first.results.tasks == second.results.tasks


def test_a_checkpointed_fit_that_is_called_again_gives_the_same_model(table, tmp_path):
    arguments = {"seeds": 1, "epochs": 3, "baselines": False}
    plain = polytask.fit(table, ["total", "band"], **arguments)
    for _ in range(2):
        again = polytask.fit(table, ["total", "band"], resume_folder=tmp_path / "work", **arguments)
        for name, tensor in plain.learner.state_dict().items():
            assert torch.equal(tensor, again.learner.state_dict()[name])


@pytest.mark.parametrize("balancing", ["uncertainty", "upgrad", "auto-lambda", "famo", "moco"])
def test_a_table_is_balanced_in_any_way(table, balancing):
    model = polytask.fit(
        table, ["total", "sign"], balancing=balancing, seeds=1, epochs=2, baselines=False, width=8
    )
    assert model.predict(table.head(3)).notna().all(axis=None)


@pytest.mark.parametrize("sharing", architecture_names())
def test_a_table_is_shared_in_any_way_and_its_model_comes_back(table, sharing, tmp_path):
    model = polytask.fit(
        table, ["total", "sign", "band"], architecture=sharing, seeds=1, epochs=1, width=8, baselines=False
    )
    model.save(tmp_path / "model")
    again = polytask.load(tmp_path / "model")
    pd.testing.assert_frame_equal(again.predict(table.head(5)), model.predict(table.head(5)))


def test_progressive_sharing_needs_two_layers(table):
    with pytest.raises(InputError, match="'ple' needs a `depth` of 2 or more, got 1"):
        polytask.fit(table, ["total", "sign"], architecture="ple", depth=1)


def test_groups_are_never_split(table):
    grouped = table.assign(person=np.arange(len(table)) // 6)
    model = polytask.fit(grouped, ["total"], group="person", seeds=1, epochs=2)
    assert "person" not in model.encoder.columns


def test_later_rows_are_the_test_rows(table):
    timed = table.assign(day=pd.date_range("2020-01-01", periods=len(table)))
    model = polytask.fit(timed, ["total"], time_column="day", seeds=1, epochs=2)
    assert model.results.rows["test"] == 41  # a fifth of the 205 rows with a label


@pytest.mark.parametrize(
    ("targets", "settings", "message"),
    [
        (["totl"], {}, "totl.*total"),
        (["total"], {"epoch": 3}, "no setting `epoch`; did you mean 'epochs'"),
        (["total"], {"balancing": "upgard"}, "did you mean 'upgrad'"),
        (["total"], {"width": "8"}, "`width` must be a whole number, got '8'"),
        (
            ["total"],
            {"width": 2.5, "depth": True, "batch_size": None},
            "`width`.*`depth`.*True.*`batch_size`",
        ),
        (["total"], {"epochs": "5", "seeds": 2.0, "seed": -1}, "`seeds`.*2.0; `seed`.*-1; `epochs`.*'5'"),
        (
            ["total"],
            {"learning_rate": float("nan"), "dropout": "x"},
            "`dropout`.*'x'.*`learning_rate`.*finite",
        ),
        (["total"], {"learning_rate": float("inf")}, "`learning_rate` must be a finite number, got inf"),
        (["total"], {"weight_decay": -1, "nonsense": 1}, "`nonsense`.*`weight_decay` must be at least 0"),
        (["total"], {"accelerator": "tpu9", "precision": "8"}, "`accelerator`.*'tpu9'.*`precision`.*'8'"),
        (["total"], {"accelerator": 1, "baselines": "no", "seed": "x"}, "`seed`.*`baselines`.*`accelerator`"),
        (["total"], {"width": 0, "dropout": 2}, "`dropout`.*`width`"),
        (["total"], {"width": 10**9}, "`width` 1000000000, `depth` 2 make 1.0e.18 weights"),
        (["total"], {"depth": 10**9}, "`depth` 1000000000 make"),
        (["total"], {"members": 10**9, "architecture": "tabm"}, "and `members` 1000000000 make"),
        (["total"], {"seeds": 0}, "`seeds` must be at least 1"),
        ([], {}, "`targets` is empty"),
        (["total"], {"group": "nobody"}, "`group`: there is no column 'nobody'; the table has"),
        (
            ["total"],
            {"balancing": "magic"},
            r"'magic'; `polytask\.balancing\.balancer_names\(\)` lists all 48",
        ),
        (["total"], {"precision": "16-mixed"}, "`precision`"),
        (["total"], {"group": "Colou", "drop": "bnad"}, "`group`.*mean 'colour'.*\n.*`drop`.*mean 'band'"),
        (["total", "sign"], {"drop": ["a", "sign"]}, "`drop`: 'sign' is among the `targets`, too"),
        (["total"], {"architecture": np.array(["hard", "soft"]), "members": 3}, "`architecture` is array"),
        (
            ["total"],
            {"members": 16},
            "`members` is not used with `architecture='hard'`.*`architecture='tabm'`",
        ),
        (
            ["total"],
            {"architecture": "tabm", "soft_strength": 0.1},
            "`soft_strength` is not used with `architecture='tabm'`; .* `architecture='soft'` or "
            "`architecture='trace-norm'`",
        ),
        (["total"], {"balancing": "pcgrd"}, r"did you mean 'pcgrad'.*lists all 48"),
    ],
)
def test_a_wrong_setting_is_named(table, targets, settings, message):
    with pytest.raises(InputError, match=message):
        polytask.fit(table, targets, **{"seeds": 1, "epochs": 1, **settings})


def test_an_accelerator_that_is_not_there_is_named(table, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="'cuda', which this machine does not have; use cpu"):
        polytask.fit(table, ["total"], accelerator="cuda")


def test_numbers_of_numpy_are_numbers(table):
    model = polytask.fit(
        table, ["total"], seeds=np.int64(1), seed=np.uint8(3), epochs=np.int32(1), width=np.int16(4),
        learning_rate=np.float32(0.01), baselines=np.bool_(False),
    )  # fmt: skip
    settings = json.loads(json.dumps(model.config.to_json()))
    assert (settings["epochs"], settings["width"]) == (1, 4)


def test_a_rate_that_is_too_high_is_named_by_the_setting_of_fit(table):
    with pytest.raises(TrainingError, match=r"not finite.*`learning_rate`") as caught:
        polytask.fit(table, ["total"], seeds=1, epochs=30, learning_rate=1e30, baselines=False)
    assert "max_norm" not in str(caught.value)


def test_targets_that_nothing_tells_of_are_named():
    draw = np.random.default_rng(3)
    x = draw.normal(size=(160, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "noise": draw.normal(size=160), "double": 2 * x[:, 0]})
    frame["coin"] = draw.choice(["heads", "tails"], 160)
    with pytest.warns(ResultWarning, match="than a constant answer for 'noise'.*'coin'") as caught:
        model = polytask.fit(
            frame, ["noise", "double", "coin"], seeds=2, epochs=10, learning_rate=0.01, baselines=False
        )
    assert "'double'" not in str(caught[0].message)
    assert model.results.not_better_than_constant == ("noise", "coin")
    found = {entry["task"]: entry for entry in model.results.to_json()["tasks"]}
    assert found["double"]["better_than_constant"] and found["noise"]["better_than_constant"] is False
    assert found["noise"]["constant"]["rmse"]["mean"] == pytest.approx(1, abs=0.3)
    assert found["coin"]["constant"]["accuracy"]["mean"] < 0.7


def test_the_constant_is_that_of_the_training_rows():
    """Later rows are higher: the training rows' mean is far from theirs, and worse than their own, R² 0."""
    frame = pd.DataFrame({"a": np.arange(60) % 7, "day": np.arange(60), "y": np.arange(60.0)})
    model = polytask.fit(frame, ["y"], time_column="day", seeds=1, epochs=1, baselines=False, width=4)
    assert model.results.tasks[0].constant["r2"].mean < -10


def test_the_model_of_the_best_seed_is_returned(table, monkeypatch):
    module = importlib.import_module("polytask.estimators.fit_table")
    scores, plain = iter([3.0, 7.0, 5.0]), module.train_table_learner

    def scored(*arguments, **settings):
        learner, outcome = plain(*arguments, **settings)
        return learner, dataclasses.replace(outcome, best_score=next(scores))

    monkeypatch.setattr(module, "train_table_learner", scored)
    model = polytask.fit(table, ["total"], seeds=3, epochs=1, baselines=False, width=4)
    assert model.data["best_seed_index"] == 1


def test_undefined_parts_are_counted():
    """The latest rows, which are tested, have one class alone: no AUROC."""
    n = 60
    frame = pd.DataFrame({"a": np.arange(n) % 7, "day": np.arange(n), "y": ["p", "q"] * (n // 2)})
    frame.loc[frame["day"] >= 44, "y"] = "q"
    model = polytask.fit(frame, ["y"], time_column="day", seeds=2, epochs=1, baselines=False)
    (found,) = model.results.tasks
    assert found.undefined == {"auroc": 2} and "auroc" not in found.joint


@pytest.mark.parametrize("by_time", [False, True])
def test_an_interval_allows_for_the_rows_that_splits_share(table, by_time, monkeypatch):
    """Nadeau and Bengio: the variance of a mean over splits is s² (1/n + test/train); s²/n for one split."""
    seen = []
    module = importlib.import_module("polytask.estimators.fit_table")
    plain = module.summarize
    monkeypatch.setattr(module, "summarize", lambda *a, **k: [seen.append(a), plain(*a, **k)][1])
    timed, column = table.assign(day=np.arange(len(table))), "day" if by_time else None
    fitted = polytask.fit(timed, ["total", "sign"], time_column=column, seeds=3, epochs=1, width=4).results
    tasks, joint, separate = seen[0]
    shared = 0 if by_time else fitted.rows["test"] / fitted.rows["train"]
    assert by_time or 0.3 < shared < 0.4

    def half_width(values):
        return stats.t.ppf(0.975, 2) * np.std(values, ddof=1) * np.sqrt(1 / 3 + shared)

    total = fitted.tasks[0]
    for side, found in ((joint, total.joint), (separate, total.baseline)):
        assert found["rmse"].half_width == pytest.approx(half_width([one["total"]["rmse"] for one in side]))
    gains = [
        [gain(task, one[task.name], alone[task.name]) for task in tasks]
        for one, alone in zip(joint, separate, strict=True)
    ]
    assert total.gain.half_width == pytest.approx(half_width([first for first, _ in gains]))
    assert fitted.delta_m.half_width == pytest.approx(half_width([np.mean(both) for both in gains]))


def test_a_class_that_cannot_be_in_training_is_named(table):
    # Three groups, of which training gets one or none of the two that hold a class alone.
    apart = table.assign(person=np.arange(len(table)) % 3)
    apart["kind"] = apart["person"].map({0: "rare", 1: "other", 2: "common"})
    with pytest.raises(InputError, match=r"rare|other"):
        polytask.fit(apart, ["kind"], group="person", seeds=1, epochs=1, baselines=False)


def test_penguins_are_predicted_better_than_by_chance():
    model = polytask.fit(
        penguins_table(), ["species", "body_mass_g"], seeds=1, epochs=12, learning_rate=0.01, baselines=False
    )
    found = {result.task: result.joint for result in model.results.tasks}
    assert found["species"]["accuracy"].mean > 0.9
    assert found["body_mass_g"]["rmse"].mean < 500  # grams; the standard deviation is about 800


def test_what_a_single_target_does_not_use_is_told(table):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        polytask.fit(table, "total:regression", balancing="famo", seeds=1, epochs=1, baselines=False)
    told = [str(each.message) for each in caught if each.category is DataWarning]
    assert any("`balancing='famo'` changes nothing, as 'total' is the only target" in text for text in told)


def test_settings_under_their_old_names_are_taken_with_a_warning(table, tmp_path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = polytask.fit(
            table,
            ["total", "sign"],
            sharing="soft",
            checkpoint=tmp_path / "work",
            seeds=1,
            epochs=1,
            baselines=False,
        )
    told = [str(each.message) for each in caught if each.category is FutureWarning]
    assert [text.partition(";")[0] for text in sorted(told)] == [
        "`checkpoint` is now `resume_folder`",
        "`sharing` is now `architecture`",
    ]
    assert model.config.architecture == "soft"
    assert list((tmp_path / "work").iterdir())
