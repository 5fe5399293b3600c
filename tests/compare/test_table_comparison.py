"""A comparison as a whole, in Python and at the command."""

import json
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from tests.compare.small import rows, table
from typer.testing import CliRunner

import polytask
from polytask.cli import app
from polytask.compare import JointNetworks, SingleNetworks, compare, work_on
from polytask.compare import asked as asked_module
from polytask.compare.plan import open_plan
from polytask.compare.planned_comparison import plan_comparison
from polytask.compare.runner import run_cells
from polytask.core import BundleError, DataWarning, InputError, ResultWarning, TrainingError

QUICK = {"width": 8, "epochs": 3}
TARGETS = ["size", "rich"]


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        yield


def test_networks_and_others_are_compared_and_the_words_name_every_target(tmp_path):
    asked = ["constant", "linear", SingleNetworks(QUICK), JointNetworks(QUICK)]
    found = polytask.compare(
        table(), TARGETS, candidates=asked, folds=2, workers=1, directory=tmp_path / "run"
    )
    assert [one.name for one in found.candidates] == ["constant", "linear", "single", "joint:hard"]
    assert all(set(one.metrics) == set(TARGETS) for one in found.candidates)
    assert found.delta_m["joint:hard"] is not None
    assert all(target in str(found) for target in TARGETS)
    assert found.rows == {"labelled": 60, "judged": 60} and found.n_left == 0
    again = work_on(tmp_path / "run")
    assert again is not None and again.to_json()["contrasts"] == found.to_json()["contrasts"]


def test_the_same_seed_gives_the_same_cells_whoever_does_them():
    asked = {"candidates": ["linear", SingleNetworks(QUICK)], "folds": 2, "seed": 3}
    one = compare(table(), TARGETS, workers=1, **asked)
    with ThreadPoolExecutor(2) as executor:
        other = compare(table(), TARGETS, executor=executor, **asked)
    assert _figures(one) == _figures(other)
    assert _figures(one) != _figures(compare(table(), TARGETS, workers=1, **{**asked, "seed": 4}))


def _figures(found):
    return [one.metrics for one in found.candidates]


def test_networks_are_those_of_fit_on_the_training_part():
    """No row that is held out takes part in choosing the step."""
    found, (folds,) = rows(table(), TARGETS, folds=2)
    candidate, train = JointNetworks(QUICK), found.rows(folds[0].train)
    fitted = candidate.fit(train, {}, seed=1)
    again = candidate.fit(train, {}, seed=1)
    held_out = found.rows(folds[0].held_out)
    for target in TARGETS:
        np.testing.assert_array_equal(fitted.predict(held_out)[target], again.predict(held_out)[target])
        known = fitted.out_of_fold[target]
        assert len(known) == len(train) and np.isfinite(known).all()


def test_targets_are_trained_in_the_groups_that_are_given():
    found, _ = rows(table(), ["size", "rich", "rank"])
    grouped = JointNetworks(QUICK, groups=[["size", "rich"], ["rank"]])
    single = SingleNetworks(QUICK).fit(found.only(["rank"]), {}, seed=1)
    predicted = grouped.fit(found, {}, seed=1).predict(found)
    np.testing.assert_array_equal(predicted["rank"], single.predict(found)["rank"])
    assert set(predicted) == {"size", "rich", "rank"}
    with pytest.raises(InputError, match="Each target belongs in one group"):
        compare(table(), TARGETS, candidates=[grouped], workers=1)


def test_groups_of_rows_stay_on_one_side_and_inside_too():
    frame = table().assign(site=np.arange(60) // 10)
    found = compare(frame, TARGETS, candidates=["linear"], folds=3, group="site", trials=2, workers=1)
    assert found.rows["judged"] == 60


def test_time_goes_forward():
    frame = table().assign(day=np.arange(60))
    found = compare(frame, TARGETS, candidates=["linear"], folds=3, time_column="day", trials=2, workers=1)
    assert 30 < found.rows["judged"] < 60


def test_a_run_that_time_has_stopped_goes_on(tmp_path):
    asked = {"candidates": ["constant", "linear"], "folds": 3, "workers": 1, "directory": tmp_path / "run"}
    with pytest.raises(TrainingError, match="0 of 6 cells are done"):
        compare(table(), TARGETS, time_budget=1e-9, **asked)
    run_cells(open_plan(tmp_path / "run"), workers=1)
    assert compare(table(), TARGETS, time_budget=1e-9, **asked).n_left == 0


def test_joint_networks_are_no_usual_candidate_of_one_target():
    names = [
        [one["name"] for one in plan_comparison(table(), targets)["candidates"]]
        for targets in (TARGETS, "size")
    ]
    assert "joint:hard" in names[0] and names[1] == [name for name in names[0] if name != "joint:hard"]


def test_another_table_is_refused(tmp_path):
    asked = {"candidates": ["constant"], "folds": 2, "workers": 1, "directory": tmp_path / "run"}
    compare(table(), TARGETS, **asked)
    with pytest.raises(BundleError, match="another comparison: `fingerprint` was"):
        compare(table(seed=1), TARGETS, **asked)
    with pytest.raises(BundleError, match="another comparison"):
        compare(table(), ["size"], **asked)


def test_a_candidate_that_fails_is_told(tmp_path):
    with pytest.warns(ResultWarning, match="'sklearn.naive_bayes.MultinomialNB' failed and is left out"):
        compare(
            table(), ["rich"], candidates=["linear", "sklearn.naive_bayes.MultinomialNB"], folds=2, workers=1
        )


def test_all_wrong_settings_come_in_one_message():
    with pytest.raises(InputError, match=r"`workers`.*`time_budget`.*`repeats`.*`trials`"):
        compare(table(), TARGETS, repeats=0, trials=0, workers=0, time_budget=0)
    with pytest.raises(InputError, match="`executor` needs a method `submit`"):
        compare(table(), TARGETS, candidates=["constant"], executor=3)


def _helping(n_rows=150):
    """Return eight targets of two hidden factors, each with a label in a third of the rows."""
    draw = np.random.default_rng(0)
    x, mixing = draw.normal(size=(n_rows, 12)), draw.normal(size=(12, 2)) / 2
    frame = pd.DataFrame(x, columns=[f"x{index}" for index in range(12)])
    for index in range(8):
        target = np.tanh(x @ mixing) @ draw.normal(size=2) + 0.3 * draw.normal(size=n_rows)
        frame[f"t{index}"] = np.where(draw.random(n_rows) < 0.35, target, np.nan)
    return frame, [f"t{index}" for index in range(8)]


def _hurting(n_rows=300):
    """Return four targets that need functions of their own, more than a small network has room for."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n_rows, 8))
    frame = pd.DataFrame(x, columns=[f"x{index}" for index in range(8)])
    for index in range(4):
        target = np.sin(3 * x[:, (index + 1) % 8]) * np.sign(x[:, (index + 2) % 8])
        frame[f"t{index}"] = target + 0.1 * draw.normal(size=n_rows)
    return frame, [f"t{index}" for index in range(4)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "settings", "word", "sign"),
    [
        (_helping, {"epochs": 60, "bins": 0, "batch_size": 32}, "Train ", 1),
        (_hurting, {"epochs": 40}, "Keep ", -1),
    ],
)
def test_what_helps_and_what_hurts_by_construction_is_told(world, settings, word, sign):
    frame, targets = world()
    asked = [SingleNetworks(settings), JointNetworks(settings)]
    found = compare(frame, targets, candidates=asked, folds=3, workers=2)
    mean = found.delta_m["joint:hard"]
    assert word in str(found)
    assert mean is not None and sign * mean.mean > mean.half_width


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table().to_csv("t.csv", index=False)
    return lambda *words: CliRunner().invoke(app, ["compare", *words])


QUICK_WORDS = ("--candidate", "constant", "--candidate", "linear", "--folds", "2", "--workers", "1")


def test_the_command_shows_a_table_and_the_words(run):
    done = run("t.csv", "--target", "size", "--target", "rich", "-o", "run", *QUICK_WORDS)
    assert done.exit_code == 0, done.output
    assert "For size and rich, nothing is clearly better than a linear model." in done.output.replace(
        "\n", " "
    )
    helped = run("run", "--worker", "--json")
    assert json.loads(helped.stdout)["targets"][0]["best"] == "linear"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("t.csv",), "needs --target and --output"),
        (("t.csv", "--worker"), "holds no comparison"),
        (("t.csv", "--worker", "--target", "size"), "leave out --target"),
        (("t.csv", "--target", "size", "-o", "run", "--candidate", "forest"), "did you mean"),
        (("t.csv", "--target", "size", "-o", "t.csv"), "t.csv"),
    ],
)
def test_the_command_ends_with_one_message(run, words, said):
    done = run(*words)
    assert done.exit_code == 2 and said in done.output, done.output
    assert "Traceback" not in done.output


def test_candidates_are_compared_by_the_metric_and_on_the_folds_that_were_asked(tmp_path):
    frame = table().assign(part=np.arange(len(table())) % 4)
    asked = {"candidates": ["constant", "linear"], "workers": 1, "fold_column": "part"}
    found = compare(frame, TARGETS, metrics={"size": "mae", "rich": "log_loss"}, directory=tmp_path, **asked)
    assert found.n_folds == 4 and (found.metric("size"), found.metric("rich")) == ("mae", "log_loss")
    assert found.best("size") == "linear"
    with pytest.raises(BundleError, match="another comparison"):
        compare(frame, TARGETS, metrics={"size": "mae"}, directory=tmp_path, **asked)
    with pytest.raises(InputError, match="`metrics` must be the name of a metric"):
        compare(frame, TARGETS, metrics=["mae"], **asked)


def test_texts_are_read_by_the_encoder_that_is_asked_for(tmp_path, monkeypatch, run):
    taken = []
    prepare = asked_module.prepare_table

    def watched(frame, columns, **others):
        taken.append(columns.text_encoder)
        return prepare(frame, columns, **others)

    monkeypatch.setattr(asked_module, "prepare_table", watched)
    asked = {"candidates": ["constant"], "folds": 2, "workers": 1, "directory": tmp_path / "run"}
    compare(table(), TARGETS, text_encoder="hashed-text", **asked)
    with pytest.raises(BundleError, match="another comparison"):
        compare(table(), TARGETS, **asked)
    planned = plan_comparison(table(), TARGETS, candidates=["constant"], text_encoder="hashed-text")
    assert planned["cells"] == 5 and taken == ["hashed-text", None, "hashed-text"]
    with pytest.raises(InputError, match="`text_encoder` is 'bert'; use one of"):
        compare(table(), TARGETS, text_encoder="bert", **asked)
    words = ("t.csv", "--target", "size", "-o", "other", "--dry-run")
    done = run(*words, "--text-encoder", "bert")
    assert done.exit_code == 2 and "'bert'" in done.output
    assert run(*words, "--text-encoder", "hashed-text").exit_code == 0 and taken[-1] == "hashed-text"
