"""Small tasks of classes: a prior of one's own, classes that all tasks share or that are a task's own."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.core import DataError, DataWarning, InputError
from polytask.data import read_table
from polytask.fitting.table_columns import Columns
from polytask.fitting.task_learner_table import read_task_table
from polytask.models import InContextModel, TaskTableModel
from polytask.models.in_context_config import OF_NUMBERS, OF_OWN_CLASSES

pytestmark = pytest.mark.trains


def clouds(generator):
    """Draw two to four classes around centres of their own."""
    centres = 1.5 * torch.randn(int(torch.randint(2, 5, (), generator=generator)), 2, generator=generator)
    y = torch.randint(len(centres), (16,), generator=generator)
    return centres[y] + 0.4 * torch.randn(16, 2, generator=generator), y


@pytest.fixture(scope="module")
def model() -> InContextModel:
    return polytask.learn(clouds, steps=50, width=16, learning_rate=1e-2, episodes=48, progress=False)


def own_table(n_tasks: int, first: int = 0, n_rows: int = 12) -> pd.DataFrame:
    """Tasks of two clouds, of which one is far to the right, or now and then three; names mean nothing."""
    draw = np.random.default_rng(first)
    parts = []
    for index in range(n_tasks):
        n_classes = 3 if index % 5 == 0 else 2
        centres = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 4.0]])[:n_classes]
        codes = draw.permutation(np.arange(n_rows) % n_classes)
        x = centres[codes] + 0.4 * draw.normal(size=(n_rows, 2))
        names = draw.choice(list("abcdefghijklmnop"), n_classes, replace=False)[codes]
        task = f"t{first + index}"
        parts.append(pd.DataFrame({"task": task, "u": x[:, 0], "v": x[:, 1], "kind": names}))
    return pd.concat(parts, ignore_index=True)


def shared_table(n_tasks: int, first: int = 0, n_rows: int = 10) -> pd.DataFrame:
    """Tasks in which the same two classes lie on either side of a border that is the task's own."""
    draw = np.random.default_rng(first)
    task = np.repeat(np.arange(n_tasks), n_rows)
    x = draw.normal(size=len(task))
    bought = np.where(x > 1.2 * draw.normal(size=n_tasks)[task], "yes", "no")
    return pd.DataFrame({"shop": [f"s{first + one}" for one in task], "x": x, "bought": bought})


def test_new_tasks_of_a_prior_are_told_apart_where_one_model_of_all_could_not(model):
    draw, ours, alike = torch.Generator().manual_seed(1), [], []
    for _ in range(30):
        x, y = clouds(draw)
        names = np.array(["oak", "ash", "elm", "fir"])[y.numpy()]
        answers = model.adapt(x[:10], names[:10]).predict(x[10:])
        ours.append(answers["y"].to_numpy() == names[10:])
        values, counts = np.unique(names[:10], return_counts=True)
        alike.append(values[counts.argmax()] == names[10:])  # no feature tells anything over all tasks
        shares = answers.filter(like="y:p(").to_numpy()
        assert shares.shape[1] == len(values)
        np.testing.assert_allclose(shares.sum(1), 1)
    assert np.mean(ours) > 0.6 > np.mean(alike) + 0.2


def test_a_class_without_a_known_row_has_no_probability_and_none_at_all_is_refused(model):
    x = [[0.0, 0.0], [2.0, 2.0], [2.1, 2.0]]
    found = model.adapt(x, [7, 4, 4]).predict(x)
    assert list(found.columns) == ["y", "y:p(7)", "y:p(4)"] and found["y"].dtype.kind == "i"
    with pytest.raises(InputError, match=r"No class of 'y' is known.*Adapt the model"):
        model.predict(x)
    with pytest.raises(InputError, match="`intervals` is for numbers, and this model predicts classes"):
        model.adapt(x, [7, 4, 4]).predict(x, intervals=0.9)
    with pytest.raises(DataError, match="The rows have 5 classes, but the network was built for 4"):
        model.adapt(torch.randn(5, 2), list("abcde"))


def test_of_a_large_task_a_rare_class_stays_known_and_all_classes_are_counted(model):
    x = np.random.default_rng(0).normal(size=(600, 2))
    labels = np.where(np.arange(600) == 317, "rare", "usual")
    with pytest.warns(DataWarning, match="1 task has more than 256 labelled rows"):
        found = model.adapt(x, labels)
    assert len(found.known) == 256 and set(found.known.labels[:, 0].tolist()) == {0, 1}
    with pytest.raises(DataError, match="The rows have 600 classes, but the network was built for 4"):
        model.adapt(x, [f"c{row}" for row in range(600)])


def test_a_model_of_a_prior_comes_back_before_and_after_it_knows_classes(model, tmp_path):
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    for index, labels in enumerate([None, ["a"] * 6, ["b", "a", "c", "a", "b", "c"]]):
        known = model if labels is None else model.adapt(x, labels)
        known.save(tmp_path / str(index))
        again = polytask.load(tmp_path / str(index))
        if labels is None:
            again = again.adapt(x, ["b", "a"] * 3)
            known = known.adapt(x, ["b", "a"] * 3)
        pd.testing.assert_frame_equal(again.predict(x), known.predict(x))


@pytest.mark.parametrize(
    ("prior", "settings", "problem"),
    [
        (lambda draw: (torch.zeros(4, 1), torch.arange(4)), {"learner": "cnp"}, "'cnp' answers numbers"),
        (lambda draw: (torch.zeros(4, 1), torch.arange(4) - 1), {}, "drew the class -1"),
        (lambda draw: (torch.zeros(4, 1), torch.zeros(4).long()), {}, "one class alone"),
        (lambda draw: (torch.zeros(12, 1), torch.arange(12)), {}, "12 classes in a data set, but"),
        (lambda draw: (torch.zeros(4, 1), torch.rand(4)), {"most_classes": 3}, "draws classes (whole"),
        (lambda draw: (torch.zeros(4, 2), torch.rand(4)), {"learner": "convcnp"}, "one input, but"),
    ],
)
def test_what_is_no_prior_of_classes_is_refused(prior, settings, problem):
    with pytest.raises(InputError, match=re.escape(problem)):
        polytask.learn(prior, steps=1, progress=False, **settings)


def test_more_classes_than_the_first_draws_have_can_be_allowed():
    found = polytask.learn(clouds, steps=1, width=8, most_classes=12, progress=False)
    assert found.config.n_classes == 12
    assert found.adapt(torch.randn(12, 2), list("abcdefghijkl")).predict(torch.zeros(1, 2)).shape == (1, 13)


@pytest.fixture(scope="module")
def own() -> InContextModel:
    asked = {
        "task_column": "task",
        "target": "kind",
        "own_classes": True,
        "learner": "pfn",
        "progress": False,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = polytask.learn(own_table(20), steps=20, width=16, learning_rate=1e-2, episodes=32, **asked)
    assert isinstance(found, InContextModel)
    return found


def test_tasks_with_classes_of_their_own_are_told_by_their_rows(own):
    new = own_table(20, first=500)
    known, asked = new.groupby("task").head(8), new.groupby("task").tail(4)
    answers = own.adapt(known).predict(asked)
    usual = known.groupby("task")["kind"].agg(lambda rows: rows.mode().iloc[0])
    by_most = (asked["task"].map(usual) == asked["kind"]).mean()
    assert (answers["kind"] == asked["kind"]).mean() > by_most + 0.15
    classes = known.groupby("task")["kind"].agg(set)
    for task, rows in answers.groupby(asked["task"]):
        shares = rows.drop(columns="kind")
        possible = {f"kind:p({name})" for name in classes[task]}
        assert set(shares.columns[(shares > 0).any()]) == possible
        np.testing.assert_allclose(shares.sum(axis=1), 1)


def halves(n_tasks: int, first: int = 0, n_rows: int = 24) -> pd.DataFrame:
    """Tasks whose two classes lie on either side of a border through 0 that is the task's own."""
    draw = np.random.default_rng(first)
    parts = []
    for index in range(n_tasks):
        x, slopes = draw.integers(-3, 4, size=(n_rows, 4)), draw.normal(size=4)
        kind = np.where(x @ slopes > 0, f"a{draw.integers(99)}", f"b{draw.integers(99)}")
        parts.append(pd.DataFrame(x, columns=list("uvwx")).assign(kind=kind, task=f"t{first + index}"))
    return pd.concat(parts, ignore_index=True)


def test_auto_takes_logistic_regression_where_borders_are_straight_lines(tmp_path):
    asked = {"task_column": "task", "target": "kind", "own_classes": True, "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = polytask.learn(halves(9), steps=4, width=8, **asked)
    assert isinstance(found, InContextModel) and found.config.learner == "logistic"
    assert found.results is not None
    assert [trial.learner for trial in found.results.trials] == ["levels", "logistic", "pfn"]
    best = max(found.results.trials, key=lambda trial: trial.log_density.mean)
    assert best.learner == "logistic"
    new = halves(6, first=500, n_rows=40)
    known, rest = new.groupby("task").head(24), new.groupby("task").tail(16)
    adapted = found.adapt(known)
    answers = adapted.predict(rest)
    assert (answers["kind"] == rest["kind"]).mean() > 0.75
    adapted.save(tmp_path / "m")
    pd.testing.assert_frame_equal(polytask.load(tmp_path / "m").predict(rest), answers, check_exact=True)


def test_every_option_changes_a_logistic_regression():
    table = halves(7, n_rows=8)

    def answers(**changed):
        asked = {"task_column": "task", "target": "kind", "own_classes": True, "progress": False, **changed}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = polytask.learn(table, learner="logistic", **{"steps": 2, **asked})
            return found.predict(table).filter(like="kind:p(").to_numpy()

    usual = answers()
    for name, value in {"steps": 3, "learning_rate": 0.02, "episodes": 2, "drop": "u", "seed": 1}.items():
        assert not np.array_equal(answers(**{name: value}), usual, equal_nan=True), name


def test_logistic_regression_learns_from_a_prior_of_classes_and_not_of_numbers():
    found = polytask.learn(clouds, learner="logistic", steps=2, progress=False)
    answers = found.adapt([[0.0, 1.0], [2.0, 0.0]], ["oak", "ash"]).predict([[0.1, 0.9]])
    assert answers["y"].tolist() == ["oak"]
    with pytest.raises(InputError, match=r"draws numbers \(floats\), but 'logistic' answers classes"):
        polytask.learn(lambda draw: (torch.zeros(4, 1), torch.rand(4, generator=draw)), learner="logistic")


def test_a_setting_that_a_learner_does_not_use_is_refused_for_a_prior_too():
    with pytest.raises(InputError, match="`width` is not used with `learner='logistic'`"):
        polytask.learn(clouds, learner="logistic", width=64, steps=1)


@pytest.mark.parametrize("learner", sorted({*OF_NUMBERS} - {*OF_OWN_CLASSES}))
def test_a_number_of_classes_is_refused_by_learners_of_numbers(learner):
    problem = f"`most_classes` is not used with `learner='{learner}'`"
    with pytest.raises(InputError, match=problem):
        polytask.learn(shared_table(8), task_column="shop", target="x", learner=learner, most_classes=3)
    with pytest.raises(InputError, match=problem):
        polytask.learn(clouds, learner=learner, most_classes=3)


def test_rows_of_unknown_tasks_are_left_empty_with_a_word(own):
    mixed = pd.concat([own_table(20).head(2), own_table(1, first=900).head(1)], ignore_index=True)
    with pytest.warns(DataWarning, match="task of 1 row is not known: their answers are left empty"):
        found = own.predict(mixed)
    assert found["kind"].isna().tolist() == [False, False, True] and found.iloc[2].isna().all()


def test_it_is_measured_on_rows_whose_class_is_known_and_comes_back(own, tmp_path):
    figures = own.evaluate(own_table(10, first=700, n_rows=30))
    assert list(figures.index) == [5, 20] and "levels_log_density" not in figures
    assert figures["error_rate"].between(0, 0.7).all() and (figures["log_density"] < 0).all()
    assert own.results is not None
    errors = own.results.to_frame()["error_rate"]
    assert {"levels", "pfn"} == set(errors.index.get_level_values(0))
    own.save(tmp_path / "m")
    pd.testing.assert_frame_equal(
        own.predict(own_table(3)), polytask.load(tmp_path / "m").predict(own_table(3))
    )


def test_classes_that_all_tasks_share_are_answered_without_rows_too():
    asked = {"task_column": "shop", "target": "bought", "learner": "pfn", "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = polytask.learn(shared_table(24), steps=25, width=16, learning_rate=1e-2, episodes=16, **asked)
        assert isinstance(found, InContextModel)
        new = shared_table(30, first=500, n_rows=12)
        known, rest = new.groupby("shop").head(8), new.groupby("shop").tail(4)
        before, after = found.predict(rest), found.adapt(known).predict(rest)
    right = [float((one["bought"] == rest["bought"]).mean()) for one in (before, after)]
    assert right[1] > max(0.75, right[0])
    np.testing.assert_allclose(before.filter(like="bought:p(").sum(axis=1), 1)
    assert set(before["bought"]) <= {"yes", "no"}
    assert list(after.columns) == ["bought", "bought:p(no)", "bought:p(yes)"]
    with pytest.raises(DataError, match="has class 'maybe'"):
        found.adapt(known.assign(bought="maybe"))


def test_auto_compares_the_mixed_model_with_a_network_by_held_out_tasks(monkeypatch):
    asked = {"task_column": "shop", "target": "bought", "progress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = polytask.learn(shared_table(12), steps=2, width=8, **asked)
    assert found.results is not None
    trials = found.results.trials
    assert [trial.learner for trial in trials] == ["levels", "mixed", "pfn"]
    best = max(trials[1:], key=lambda trial: trial.log_density.mean)
    chosen = next(trial for trial in trials if trial.chosen)
    assert chosen is best or chosen.learner == "mixed"  # the first that is not clearly behind
    assert isinstance(found, TaskTableModel) == (chosen.learner == "mixed")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"learner": "tnp"}, "'bought' holds classes, but 'tnp' answers numbers. Choose 'pfn' or 'mixed'"),
        ({"learner": "pfn", "target": ["bought", "x"]}, "'bought' holds classes: a network of rows"),
        ({"learner": "logistic"}, "'bought' holds classes that mean the same in every task, but 'logistic'"),
        ({"learner": "logistic", "target": "x:regression"}, "'x' holds numbers, but 'logistic' answers"),
        ({"learner": "logistic", "own_classes": True, "width": 8}, "`width` is not used with `learner='log"),
        (
            {"learner": "mixed", "own_classes": True},
            "`own_classes` are learned by logistic or pfn, not by 'mixed'",
        ),
        ({"own_classes": True, "target": ["bought", "x"]}, "`own_classes` take one `target`, got 2"),
        ({"own_classes": True, "target": "x:regression"}, "is asked as regression, but `own_classes`"),
        ({"learner": "mixed", "most_classes": 3}, "`most_classes` is not used with `learner='mixed'`"),
        ({"target": "x:regression", "learner": "pfn", "most_classes": 3}, "classes, but 'x' holds numbers"),
        ({"target": "x:regression", "most_classes": 3}, "`most_classes` is for a target of classes, but 'x'"),
    ],
)
def test_what_cannot_be_learned_together_is_refused(change, problem):
    table = shared_table(8).assign(z=1.0)
    with pytest.raises(InputError, match=re.escape(problem)):
        polytask.learn(table, **{"task_column": "shop", "target": "bought", "progress": False, **change})


def test_many_classes_in_all_are_refused_unless_each_task_has_few_of_its_own():
    table = own_table(10)
    asked = {"task_column": "task", "target": "kind", "learner": "pfn", "steps": 1, "progress": False}
    with pytest.raises(DataError, match=r"networks of rows are built for 10.*`own_classes=True`"):
        polytask.learn(table, **asked)
    with pytest.raises(DataError, match=r"Task 't\d' has 3 classes, but the network was built for 2"):
        polytask.learn(table, **asked, own_classes=True, most_classes=2)
    single = table.assign(kind=[f"k{row}" for row in range(len(table))])
    with pytest.raises(DataError, match="0 tasks of 'task' have two classes, one of them in two rows"):
        polytask.learn(single, **asked, own_classes=True)


def test_classes_that_look_alike_but_are_spelled_otherwise_are_pointed_out():
    table = own_table(30)
    table["kind"] = table["kind"].map(lambda name: "caf\xe9" if name < "h" else "cafe\u0301")
    found = read_task_table(read_table(table), Columns.of(["kind"]), "task", own_classes=True)
    assert any("look alike but count as different classes" in message for message in found.messages)
