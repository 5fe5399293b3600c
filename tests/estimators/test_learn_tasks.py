"""Tables with many small tasks: learners by name and by cross-validation over tasks, densities, new tasks."""

import json
import warnings
from inspect import signature

import numpy as np
import pandas as pd
import pytest
from tests.few_forms import few_forms

import polytask
from polytask.core import DataError, DataWarning, InputError, ResultWarning
from polytask.data.tables.targets import fit_targets
from polytask.estimators.planned_learning import plan_tasks
from polytask.estimators.task_learning import task_learning
from polytask.fitting import task_learner_table
from polytask.fitting.fit_settings import FitSettings
from polytask.fitting.mixed_candidate import Mixed
from polytask.fitting.task_learner_trials import Levels
from polytask.models import InContextModel, TaskTableModel
from polytask.models.in_context_config import OF_NUMBERS

__all__ = ["few_forms"]

SETTINGS = {"task_column": "shop", "target": "sold", "width": 16, "progress": False}


def bows(n_tasks: int = 60, n_rows: int = 10, first: int = 0) -> pd.DataFrame:
    """Tasks that are bent up or down, which no linear effect of the feature tells."""
    draw = np.random.default_rng(first)
    task = np.repeat(np.arange(n_tasks), n_rows)
    x = draw.uniform(-1, 1, len(task))
    bent = draw.choice([-60.0, 60.0], n_tasks)[task]
    sold = 50 + bent * (x**2 - 1 / 3) + 2 * draw.normal(size=len(task))
    return pd.DataFrame({"shop": [f"s{first + one}" for one in task], "x": x, "sold": sold})


def pairs(n_tasks: int, n_rows: int, first: int = 0) -> pd.DataFrame:
    """Two numbers whose levels differ by task together, which is soon learned."""
    draw = np.random.default_rng(first)
    task = np.repeat(np.arange(n_tasks), n_rows)
    x = draw.uniform(-1, 1, len(task))
    sold = 50 + 20 * draw.normal(size=n_tasks)[task] + 5 * x + 5 * draw.normal(size=len(task))
    kept = 10 - sold / 5 + draw.normal(size=len(task))
    return pd.DataFrame({"shop": [f"s{first + one}" for one in task], "x": x, "sold": sold, "kept": kept})


@pytest.fixture(scope="module")
def model() -> InContextModel:
    asked = {**SETTINGS, "target": ["sold", "kept"], "learning_rate": 5e-3, "episodes": 16}
    found = polytask.learn(pairs(40, 10), learner="tnp", steps=30, **asked)
    assert isinstance(found, InContextModel)
    return found


def test_rows_of_a_new_task_make_its_answers_better_and_figures_say_so(model):
    new = pairs(12, 20, first=1000)
    known, asked = new.groupby("shop").head(8), new.groupby("shop").tail(12)
    with pytest.warns(DataWarning, match="is not known"):
        before = model.predict(asked, log_density=True)
    after = model.adapt(known).predict(asked, log_density=True)
    for name in ("sold", "kept"):
        errors = [float((answers[name] - asked[name]).pow(2).mean() ** 0.5) for answers in (before, after)]
        assert errors[1] < 0.7 * errors[0]
        assert after[f"{name}:log_density"].mean() > before[f"{name}:log_density"].mean() + 0.2
    figures = model.evaluate(new)
    assert {"rmse:sold", "rmse:kept", "inside_90:kept", "levels_rmse:sold"} <= set(figures.columns)
    assert figures.loc[5, "rmse:kept"] < figures.loc[0, "rmse:kept"]
    assert model.results is not None
    assert {"rmse:sold", "rmse:kept"} <= set(model.results.to_frame().columns)


@pytest.mark.slow
def test_a_transformer_learns_how_tasks_are_bent_and_its_intervals_hold_their_share():
    found = polytask.learn(bows(), learner="tnp", steps=200, learning_rate=3e-3, **SETTINGS)
    new = bows(12, 20, first=1000)
    known, asked = new.groupby("shop").head(8), new.groupby("shop").tail(12)
    with pytest.warns(DataWarning, match="is not known"):
        before = found.predict(asked)
    after = found.adapt(known).predict(asked)
    errors = [float((answers["sold"] - asked["sold"]).pow(2).mean() ** 0.5) for answers in (before, after)]
    assert errors[1] < 0.7 * errors[0]
    new = bows(40, 12, first=2000)
    known, asked = new.groupby("shop").head(5), new.groupby("shop").tail(7)
    answers = found.adapt(known).predict(asked, intervals=0.8)
    assert 0.68 < asked["sold"].between(answers["sold:low"], answers["sold:high"]).mean() < 0.92


def test_intervals_and_densities_are_of_the_units(model):
    new = pairs(40, 12, first=2000)
    known, asked = new.groupby("shop").head(5), new.groupby("shop").tail(7)
    answers = model.adapt(known).predict(asked, intervals=0.8, deviation=True, log_density=True)
    inside = asked["sold"].between(answers["sold:low"], answers["sold:high"]).mean()
    assert inside > 0.5  # of a short training; the slow test above is strict
    assert (answers["sold:high"] - answers["sold:low"]).mean() < 2 * 1.28 * new["sold"].std()
    away = (asked["sold"] - answers["sold"]) / answers["sold:sd"]
    normal = -0.5 * away**2 - np.log(answers["sold:sd"]) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(answers["sold:log_density"], normal, rtol=1e-6)


def test_other_tasks_stay_bit_for_bit_and_rows_do_not_count_twice(model):
    new = pairs(2, 6, first=3000)
    adapted = model.adapt(new)
    known = pairs(40, 10).head(30)
    pd.testing.assert_frame_equal(model.predict(known), adapted.predict(known))
    with pytest.warns(DataWarning, match="learned from before"):
        again = adapted.adapt(new)
    assert len(again.known) == len(adapted.known)
    assert len(adapted.adapt(new, again=True).known) == len(adapted.known) + len(new)
    assert adapted.tasks[-2:] == ("s3000", "s3001") and "s3000" not in model.tasks


def test_it_comes_back_from_its_folder(model, tmp_path):
    adapted = model.adapt(pairs(2, 6, first=3000))
    adapted.save(tmp_path / "m")
    asked = pairs(2, 9, first=3000)
    pd.testing.assert_frame_equal(
        adapted.predict(asked, intervals=0.5), polytask.load(tmp_path / "m").predict(asked, intervals=0.5)
    )


def test_the_same_seed_gives_the_same_model():
    table = bows(8, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = (polytask.learn(table, learner="tnp", steps=3, seed=4, **SETTINGS) for _ in range(2))
        pd.testing.assert_frame_equal(first.predict(table), second.predict(table))


@pytest.mark.parametrize("learner", ["cnp", "np", "anp", "convcnp", "tnp"])
def test_several_numbers_are_answered_together_each_with_its_distribution(learner, tmp_path):
    table = pairs(8, 6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asked = {**SETTINGS, "target": ["sold", "kept"], "width": 8, "steps": 3}
        model = polytask.learn(table, learner=learner, **asked)
        assert isinstance(model, InContextModel) and model.results is not None
        model = model.adapt(pairs(1, 4, first=800))
        model.save(tmp_path / "m")
        found, again = (
            one.predict(pairs(2, 6, first=800), intervals=0.9, deviation=True, log_density=True)
            for one in (model, polytask.load(tmp_path / "m"))
        )
    pd.testing.assert_frame_equal(found, again)
    for name in ("sold", "kept"):
        columns = [name, *(f"{name}:{part}" for part in ("sd", "low", "high", "log_density"))]
        assert np.isfinite(found[columns].to_numpy()).all()
        assert (found[f"{name}:low"] < found[f"{name}:high"]).all()


def test_rows_that_lack_one_of_several_targets_are_left_out_with_a_word():
    table = pairs(8, 6)
    table.loc[[0, 9], "kept"] = np.nan
    asked = {**SETTINGS, "target": ["sold", "kept"], "width": 8, "steps": 2}
    with pytest.warns(DataWarning, match="2 rows lack a label of some targets"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ResultWarning)
        model = polytask.learn(table, learner="cnp", **asked)
    assert len(model.known) == 46
    with pytest.warns(DataWarning, match="1 row lacks a label of some targets, and is left out"):
        model.adapt(pairs(1, 3, first=70).assign(kept=[1.0, np.nan, 2.0]))
    with pytest.raises(DataError, match="no column 'kept'"):
        model.adapt(bows(1, 3, first=70))


def test_a_prior_fitted_network_answers_with_a_distribution():
    table = bows(8, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = polytask.learn(table, learner="pfn", steps=3, **SETTINGS)
        found = model.predict(table, intervals=0.9, deviation=True, log_density=True)
    assert np.isfinite(found.to_numpy()).all() and bool((found["sold:low"] < found["sold:high"]).all())


def test_auto_takes_what_held_out_tasks_say_and_tells_all_that_was_tried(monkeypatch):
    monkeypatch.setattr("polytask.estimators.task_learning.TRIED", ("cnp", "tnp"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = polytask.learn(bows(12, 6), **{**SETTINGS, "steps": 5, "width": 8})
    assert isinstance(found, InContextModel) and found.results is not None
    frame = found.results.to_frame()
    assert set(frame.index.get_level_values(0)) == {"levels", "cnp", "tnp"}
    assert [trial.learner for trial in found.results.trials if trial.chosen] == [found.config.learner]
    json.dumps(found.results.to_json(), allow_nan=False)


def test_auto_takes_the_mixed_model_where_tasks_differ_by_their_levels(few_epochs, monkeypatch):
    monkeypatch.setattr("polytask.estimators.task_learning.TRIED", ("mixed", "cnp"))
    draw = np.random.default_rng(0)
    task = np.repeat(np.arange(18), 6)
    x = draw.normal(size=108)
    table = pd.DataFrame({"shop": task, "x": x, "sold": 5 * draw.normal(size=18)[task] + x})
    found = polytask.learn(table, **{**SETTINGS, "steps": 5, "width": 8})
    assert isinstance(found, TaskTableModel) and found.results is not None
    assert [trial.learner for trial in found.results.trials if trial.chosen] == ["mixed"]
    density = found.predict(table, log_density=True, deviation=True)
    away = (table["sold"] - density["sold"]) / density["sold:sd"]
    exact = -0.5 * away**2 - np.log(density["sold:sd"]) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(density["sold:log_density"], exact, rtol=1e-5)


def test_a_logarithmic_target_has_a_density_of_its_units():
    table = bows(8, 6).assign(sold=lambda rows: np.exp(rows["sold"] / 10))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = polytask.learn(table, learner="cnp", steps=3, **{**SETTINGS, "target": "sold:log"})
        values = np.linspace(1e-3, 40_000, 200_001)
        asked = pd.DataFrame({"shop": "s0", "x": 0.0, "sold": values})
        density = np.exp(model.predict(asked, log_density=True)["sold:log_density"])
    np.testing.assert_allclose(np.trapezoid(density, values), 1, atol=0.02)


@pytest.mark.parametrize(
    ("change", "error", "problem"),
    [
        ({"target": None}, InputError, "`target` is missing"),
        (
            {"target": ["sold", "y"], "learner": "pfn"},
            DataError,
            "'pfn' answers one target, but 2 are asked for. Choose cnp, np, anp, convcnp, tnp or 'mixed'",
        ),
        (
            {"learner": "maml"},
            InputError,
            "use one of auto, mixed, cnp, np, anp, convcnp, tnp, pfn, logistic",
        ),
        ({"way": 3}, InputError, "`way` is for images, not for a table"),
        ({"width": 10}, InputError, "multiple of 4"),
        ({"task_column": "shops"}, DataError, "no column 'shops'"),
        ({"target": "shop2"}, DataError, "shop2"),
        ({"learner": "convcnp"}, DataError, "'convcnp' takes one feature that is a number"),
    ],
)
def test_what_cannot_be_learned_is_refused(change, error, problem):
    with pytest.raises(error, match=problem):
        table = bows(8, 4).assign(y=lambda rows: rows["x"] + 1)
        polytask.learn(table, **{**SETTINGS, "learner": "cnp", "steps": 1, **change})


def test_few_tasks_and_classes_are_refused():
    with pytest.raises(DataError, match="3 tasks of 'shop' have two labelled rows or more; at least 6"):
        polytask.learn(bows(3, 4), learner="cnp", **SETTINGS)
    table = bows(8, 4).assign(sold=lambda rows: np.where(rows["sold"] > 50, "much", "little"))
    with pytest.raises(DataError, match=r"holds classes, but 'cnp' answers numbers. Choose 'pfn' or 'mixed'"):
        polytask.learn(table, learner="cnp", **SETTINGS)


def test_numbers_beside_classes_are_learned_by_the_mixed_model_alone(quick_mixed):
    table = bows(8, 5).assign(much=lambda rows: np.where(rows["sold"] > 50, "much", "little"))
    asked = {"task_column": "shop", "progress": False}
    with (
        pytest.warns(DataWarning, match="so 'mixed' was taken and nothing was tried"),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", category=ResultWarning)
        model = polytask.learn(table, target=["sold", "much"], **asked)
    assert isinstance(model, TaskTableModel) and [one.task.name for one in model.targets] == ["sold", "much"]
    assert any("nothing was tried" in message for message in model.results.messages)
    found = model.adapt(bows(1, 4, first=500).assign(much="much")).predict(table.head(2))
    assert {"sold", "much", "much:p(much)"} <= set(found.columns)
    with pytest.raises(InputError, match="'mixed' alone is left to learn it, which has no `steps`"):
        polytask.learn(table, target=["sold", "much"], steps=3, **asked)
    with (
        pytest.warns(DataWarning, match="3 tasks have two rows with labels, so 'mixed' was taken"),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", category=ResultWarning)
        polytask.learn(bows(3, 5), target="sold", **asked)
    told = plan_tasks(table, target=["sold", "much"], task_column="shop")
    assert told["learners"] == ["mixed"] and told["target"] == "sold, much" and told["tasks"] == 8


@pytest.mark.parametrize("targets", ["sold", ["sold", "much"]], ids=["networks", "mixed alone"])
def test_the_targets_of_a_table_are_read_once(targets, monkeypatch):
    table = bows(20)
    table["much"] = np.where(table["sold"] > 50, "yes", "no")
    asked = []
    monkeypatch.setattr(
        task_learner_table, "fit_targets", lambda *a, **k: asked.append(a) or fit_targets(*a, **k)
    )
    plan_tasks(table, target=targets, task_column="shop")
    assert len(asked) == 1


def test_large_tasks_are_cut_with_a_word():
    table = pd.concat([bows(7, 5), bows(1, 300, first=9000)])
    with (
        pytest.warns(DataWarning, match="has more than 256 labelled rows"),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", category=ResultWarning)
        model = polytask.learn(table, learner="cnp", steps=2, **SETTINGS)
    assert len(model.known) == 35 + 256


TASK_OPTIONS = {"steps": 3, "width": 8, "learning_rate": 0.5, "episodes": 2, "drop": "z", "seed": 1}
QUICK = {"steps": 2, "width": 4, "episodes": 3}


@pytest.fixture
def few_epochs(monkeypatch):
    """Let the mixed model train for a moment."""
    real = FitSettings.checked
    monkeypatch.setattr(FitSettings, "checked", lambda given, **more: real({"epochs": 2, **given}, **more))


@pytest.fixture
def quick_mixed(few_epochs, monkeypatch):
    """Let it be judged by levels, too, which is enough to see whether an option matters."""
    monkeypatch.setattr(Mixed, "predictions", Levels.predictions)


@pytest.mark.parametrize("learner", ["mixed", *OF_NUMBERS])
@pytest.mark.filterwarnings("ignore")
def test_every_option_changes_the_model_or_is_refused(learner, request):
    if learner == "mixed":
        request.getfixturevalue("quick_mixed")
    table = bows(8, 5).assign(z=lambda rows: np.cos(7 * rows["x"]))
    options = {name: value for name, value in TASK_OPTIONS.items() if name != "drop" or learner != "convcnp"}
    if learner == "convcnp":  # it takes one feature
        table = table.drop(columns="z")

    def answers(**changed):
        asked = {"learner": learner, "task_column": "shop", "target": "sold", "progress": False, **changed}
        return polytask.learn(table, **asked).predict(table)["sold"].to_numpy()

    of_networks = {} if learner == "mixed" else QUICK
    usual = answers(**of_networks)
    for name, value in options.items():
        if learner == "mixed" and name not in ("drop", "seed"):
            with pytest.raises(InputError, match=f"`{name}` is not used with `learner='mixed'`"):
                answers(**{name: value})
        else:
            assert not np.array_equal(answers(**{**of_networks, name: value}), usual), name


def test_the_list_of_options_is_whole():
    ours = set(signature(task_learning).parameters) - {"task_column", "target", "learner", "progress"}
    ours -= {"own_classes", "most_classes"}  # see tests/estimators/test_learn_classes.py
    assert ours == set(TASK_OPTIONS)
