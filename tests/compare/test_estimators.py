"""Candidates of estimators do what scikit-learn does by hand."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tests.compare.small import rows, table

from polytask.compare import Estimators, candidates_of
from polytask.compare.candidate import as_outputs, as_predictions
from polytask.compare.estimators import estimator_at
from polytask.core import InputError, ResultWarning, Task, TrainingError

SIZE, RICH, RANK = "size", "rich", "rank"


def halves(target):
    found, _ = rows(table(), [target])
    half = np.arange(len(found)) < len(found) // 2
    return found.rows(np.flatnonzero(half)), found.rows(np.flatnonzero(~half))


def named(name):
    (found,) = candidates_of(name)
    return found


def predicted(candidate, target, settings=None, seed=7):
    train, others = halves(target)
    return candidate.fit(train, settings or {}, seed=seed).predict(others)[target], train, others


def test_linear_is_ridge_on_encoded_features():
    values, train, others = predicted(named("linear"), SIZE)
    by_hand = Ridge().fit(train.features, train.labels(SIZE))
    np.testing.assert_allclose(values, by_hand.predict(others.features))


def test_linear_is_a_logistic_regression_of_classes():
    values, train, others = predicted(named("linear"), RANK)
    by_hand = LogisticRegression(max_iter=1000).fit(train.features, train.labels(RANK).astype(int))
    np.testing.assert_allclose(values, by_hand.predict_proba(others.features))


def test_a_random_forest_gets_its_seed():
    values, train, others = predicted(named("random-forest"), SIZE, {"n_estimators": 5})
    by_hand = RandomForestRegressor(5, random_state=7).fit(train.features, train.labels(SIZE))
    np.testing.assert_allclose(values, by_hand.predict(others.features))


def test_boosted_trees_get_gaps_and_categories_as_they_are():
    values, train, others = predicted(named("boosted-trees"), RICH, {"max_iter": 5, "min_samples_leaf": 3})
    features, categorical = train.gappy_features
    by_hand = HistGradientBoostingClassifier(
        max_iter=5, min_samples_leaf=3, categorical_features=categorical, random_state=7
    ).fit(features, train.labels(RICH).astype(int))
    np.testing.assert_allclose(values, by_hand.predict_proba(others.gappy_features[0]))


def test_gappy_features_are_those_of_the_table():
    frame = table()
    found, _ = rows(frame.drop(columns=["size", "rank"]), [RICH])
    features, categorical = found.gappy_features
    names = [encoding.name for encoding in found.encoder.encodings]
    assert [names[index] for index in categorical] == ["colour"]
    assert (np.isnan(features[:, names.index("v")]) == frame["v"].isna()).all()
    codes = frame["colour"].map({"blue": 0, "green": 1, "red": 2})
    np.testing.assert_array_equal(features[:, names.index("colour")], codes)
    assert abs(np.corrcoef(features[:, names.index("u")], frame["u"])[0, 1] - 1) < 1e-6


def test_the_classifier_beside_an_imported_regressor_is_found():
    found = named("sklearn.tree.DecisionTreeRegressor")
    assert type(found.classifier) is DecisionTreeClassifier
    assert found.name == "sklearn.tree.DecisionTreeRegressor"


def test_an_estimator_for_numbers_alone_leaves_classes_out():
    train, _ = halves(RICH)
    assert named(Ridge(alpha=2.0)).fit(train, {}, seed=0) is None


def test_a_pair_and_names_of_ones_own():
    pair, other = candidates_of({"trees": (DecisionTreeRegressor(), DecisionTreeClassifier()), "r": Ridge()})
    assert (pair.name, other.name) == ("trees", "r")
    assert pair.classifier is not None and other.classifier is None


def test_a_classifier_without_probabilities_gives_its_decisions():
    values, train, others = predicted(named(LinearSVC()), RANK)
    decided = LinearSVC(random_state=7).fit(train.features, train.labels(RANK)).predict(others.features)
    np.testing.assert_array_equal(values.argmax(1), decided)


def test_one_class_in_training_is_predicted_without_a_fit():
    train, others = halves(RICH)
    one = train.rows(np.flatnonzero(train.labels(RICH) == 1))
    fitted = named("linear").fit(one, {}, seed=0)
    np.testing.assert_array_equal(fitted.predict(others)[RICH], [[0, 1]] * len(others))


def test_weights_reach_the_estimator():
    class Noting(RegressorMixin, BaseEstimator):
        def fit(self, x, y, sample_weight=None):
            self.mean_ = np.average(y, weights=sample_weight)
            return self

        def predict(self, x):
            return np.full(len(x), self.mean_)

    train, others = halves(SIZE)
    weights = np.linspace(0, 2, len(train))
    weighted = named(Noting()).fit(_with(train, weights), {}, seed=0).predict(others)[SIZE]
    np.testing.assert_allclose(weighted, np.average(train.labels(SIZE), weights=weights))


def _with(found, weights):
    from dataclasses import replace

    return replace(found, weights=weights)


def test_an_estimator_that_takes_no_weights_says_so():
    train, _ = halves(SIZE)
    weighted = _with(train, np.ones(len(train)))
    with pytest.warns(
        ResultWarning, match="`weight_column` is not used, as KNeighborsRegressor takes no weights"
    ):
        Estimators(KNeighborsRegressor()).fit(weighted, {}, seed=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("forest", "unknown; did you mean"),
        ("joint:nothing", "architecture"),
        ("nowhere.Model", "cannot be imported"),
        ("sklearn.linear_model", "no class of scikit-learn"),
        ("numpy.linalg.norm", "no class of scikit-learn"),
        ([Ridge(), Ridge()], "Two candidates are called 'Ridge'"),
        ([], "is empty"),
        (3, "got 3"),
        ([(Ridge(), Ridge())], "a pair of a regressor"),
    ],
)
def test_what_is_no_candidate_is_refused_with_words(given, said):
    with pytest.raises(InputError, match=said):
        candidates_of(given)


def test_estimators_of_the_wrong_kind_are_refused():
    with pytest.raises(InputError, match="which is none"):
        Estimators(LogisticRegression())
    with pytest.raises(InputError, match="no class of scikit-learn"):
        estimator_at("numpy.linalg.norm")


@pytest.mark.parametrize("kind", ["regression", "binary", "multiclass"])
def test_predictions_survive_as_outputs(kind):
    task = Task(name="y", kind=kind, n_outputs=3 if kind == "multiclass" else 1)
    width = {"regression": 1, "binary": 2, "multiclass": 3}[kind]
    values = np.random.default_rng(0).dirichlet(np.ones(width), 5) if width > 1 else np.arange(5.0)
    outputs = as_outputs(task, values, 5)
    assert outputs.shape == (5, task.n_outputs)
    np.testing.assert_allclose(as_predictions(task, outputs), values, rtol=1e-5, atol=1e-6)


def test_a_prediction_of_another_form_is_refused():
    task = Task(name="y", kind="multiclass", n_outputs=3)
    with pytest.raises(TrainingError, match="5 x 3 probabilities"):
        as_outputs(task, np.ones((5, 2)), 5)
    with pytest.raises(TrainingError, match="not finite"):
        as_outputs(task, np.full((5, 3), np.nan), 5)
