"""The estimator of scikit-learn: its checks, frames of every library, grids and pipelines."""

import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import polytask
from polytask import MultiTaskClassifier, MultiTaskEstimator, MultiTaskRegressor
from polytask.core import DataWarning, InputError
from polytask.estimators.labelled_table import _kind_of_classes

TINY: dict[str, Any] = {"epochs": 2, "width": 4, "depth": 1, "folds": 2, "bins": 0}
KINDS = {"band": "multiclass"}
QUICK = TINY | {"epochs": 6, "learning_rate": 0.04, "batch_size": 32}

WEIGHTS = (
    "a row of weight 2 is in one fold, but two equal rows may be in two; and folds are dealt by position"
)


ROUNDING = "networks have 32 bits: on some processors the seventh digit hangs on what rows stand beside a row"


def _expected(estimator: BaseEstimator) -> dict[str, str]:
    return {
        "check_sample_weight_equivalence_on_dense_data": WEIGHTS,
        "check_methods_sample_order_invariance": ROUNDING,
        "check_methods_subset_invariance": ROUNDING,
    }


@parametrize_with_checks(
    [MultiTaskClassifier(**QUICK), MultiTaskRegressor(**QUICK)],
    expected_failed_checks=_expected,
    xfail_strict=False,  # as they pass on other processors
)
def test_scikit_learn_finds_an_estimator(estimator: BaseEstimator, check: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)


@pytest.mark.slow  # the two above have all of its code
@parametrize_with_checks([MultiTaskEstimator(**TINY)], expected_failed_checks=_expected, xfail_strict=False)
def test_scikit_learn_finds_one_in_what_both_are_made_of(estimator: BaseEstimator, check: Any) -> None:
    test_scikit_learn_finds_an_estimator(estimator, check)


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(90, 2)), columns=["a", "b"])
    frame["count"] = pd.Series(draw.integers(0, 9, 90)).where(draw.random(90) > 0.2)
    frame["colour"] = draw.choice(["red", "green"], 90)
    frame.loc[::6, "colour"] = None
    frame["open"] = draw.random(90) > 0.5
    return frame


@pytest.fixture(scope="module")
def targets(features: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "size": 50 + 9 * features["a"],
            "sign": np.where(features["b"] > 0, "plus", "minus"),
            "band": (features["a"] > 0).astype(int) + (features["b"] > 0),
        }
    )
    frame.loc[::5, "size"] = np.nan
    frame.loc[::7, "sign"] = None
    return frame


@pytest.fixture(scope="module")
def fitted(features: pd.DataFrame, targets: pd.DataFrame) -> MultiTaskEstimator:
    return MultiTaskEstimator(**QUICK, kinds=KINDS).fit(features, targets)


def test_a_frame_of_mixed_targets_with_gaps_is_learned(fitted, features) -> None:
    assert [target.task.kind for target in fitted.model_.targets] == ["regression", "binary", "multiclass"]
    answers = fitted.predict(features.set_axis(range(7, 97)))
    assert list(answers.columns) == ["size", "sign", "band"] and answers.index[0] == 7
    assert answers["size"].dtype == float and set(answers["band"]) <= {0, 1, 2}
    assert fitted.results_ is fitted.model_.results and not hasattr(fitted, "classes_")


def test_probabilities_have_columns_by_target_and_class(fitted, features) -> None:
    found = fitted.predict_proba(features)
    assert found.columns.tolist() == [
        ("sign", "minus"), ("sign", "plus"), ("band", 0), ("band", 1), ("band", 2),
    ]  # fmt: skip
    np.testing.assert_allclose(found["band"].sum(axis=1), 1, atol=1e-6)
    best = found["sign"].idxmax(axis=1)
    assert (best == fitted.predict(features)["sign"]).all()


def test_it_is_the_model_of_fit(fitted, features, targets) -> None:
    table = pd.concat([features, targets], axis=1)
    model = polytask.fit(table, ["size", "sign", "band:multiclass"], baselines=False, **QUICK)
    assert model.data == fitted.model_.data
    for name, tensor in model.learner.state_dict().items():
        assert torch.equal(tensor, fitted.model_.learner.state_dict()[name])


def _arrow(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("pyarrow").Table.from_pandas(frame, preserve_index=False)


def _polars(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("polars").from_pandas(frame)


def _duckdb(frame: pd.DataFrame) -> Any:
    return pytest.importorskip("duckdb").from_df(frame)


@pytest.mark.parametrize("other", [_arrow, _polars, _duckdb])
def test_frames_of_other_libraries_give_the_same_model(fitted, features, targets, other) -> None:
    same = MultiTaskEstimator(**QUICK, kinds=KINDS).fit(other(features), other(targets))
    for name, tensor in fitted.model_.learner.state_dict().items():
        assert torch.equal(tensor, same.model_.learner.state_dict()[name])
    assert same.feature_names_in_.tolist() == fitted.feature_names_in_.tolist()
    pd.testing.assert_frame_equal(same.predict(other(features)), fitted.predict(features))
    assert same.score(other(features), other(targets)) == fitted.score(features, targets)


def test_a_series_of_another_library_is_one_target(features, targets) -> None:
    pl = pytest.importorskip("polars")
    series = pl.Series("band", targets["band"].to_numpy())
    ours = MultiTaskEstimator(**TINY, kinds="multiclass").fit(features, targets["band"])
    theirs = MultiTaskEstimator(**TINY, kinds="multiclass").fit(features, series)
    assert theirs.targets_ == ("band",) and (theirs.predict(features) == ours.predict(features)).all()


def test_the_score_is_the_mean_of_r2_and_accuracies(fitted, features, targets) -> None:
    answers, size, sign = fitted.predict(features), targets["size"].notna(), targets["sign"].notna()
    expected = [
        r2_score(targets["size"][size], answers["size"][size]),
        accuracy_score(targets["sign"][sign], answers["sign"][sign]),
        accuracy_score(targets["band"], answers["band"]),
    ]
    assert fitted.score(features, targets) == pytest.approx(np.mean(expected), abs=1e-12)


def test_a_class_that_was_never_seen_counts_as_wrong(features) -> None:
    labels = np.where(features["a"] > 0, "up", "down")
    estimator = MultiTaskEstimator(**QUICK).fit(features, labels)
    strange = np.where(np.arange(90) % 2, labels, "sideways")
    assert estimator.score(features, strange) == pytest.approx(
        accuracy_score(strange, estimator.predict(features))
    )


def test_an_array_of_targets_is_answered_by_an_array(features) -> None:
    x = features[["a", "b"]].to_numpy()
    numbers = MultiTaskRegressor(**TINY).fit(x, x @ [[1.0, 2], [3, 4]])
    assert numbers.predict(x).shape == (90, 2) and not hasattr(numbers, "predict_proba")
    classes = MultiTaskClassifier(**TINY).fit(x, np.column_stack([x[:, 0] > 0, x[:, 1] > 1]))
    assert [found.shape for found in classes.predict_proba(x)] == [(90, 2), (90, 2)]
    assert [found.tolist() for found in classes.classes_] == [[False, True]] * 2


def test_a_frame_of_one_target_has_probabilities_as_scorers_take_them(features, targets) -> None:
    estimator = MultiTaskClassifier(**TINY).fit(features, targets[["band"]])
    assert estimator.predict(features).columns.tolist() == ["band"]
    assert estimator.classes_.tolist() == [0, 1, 2]
    probabilities = estimator.predict_proba(features)
    assert isinstance(probabilities, np.ndarray) and probabilities.shape == (90, 3)


def test_classes_are_sorted_as_scikit_learn_sorts_them(features) -> None:
    labels = np.array(["9", "10", "b"])[np.arange(90) % 3]
    estimator = MultiTaskClassifier(**TINY).fit(features, labels)
    assert estimator.classes_.tolist() == np.unique(labels).tolist() == ["10", "9", "b"]
    best = estimator.classes_[estimator.predict_proba(features).argmax(axis=1)]
    assert (best == estimator.predict(features)).all()


def test_groups_are_routed_through_a_pipeline(features, targets) -> None:
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        estimator = MultiTaskEstimator(**TINY, kinds=KINDS).set_fit_request(groups=True)
        pipeline = make_pipeline(StandardScaler(), estimator)
        pipeline.fit(features[["a", "b"]], targets, groups=np.arange(90) // 3)
    assert pipeline[-1].model_.data["group"] == "group"


def test_a_remedy_names_what_the_estimator_takes(features, targets) -> None:
    with pytest.raises(InputError, match="`sample_weight` is not used with `architecture='mmoe'`"):
        MultiTaskEstimator(**{**TINY, "bins": None}, kinds=KINDS, architecture="mmoe").fit(
            features, targets, sample_weight=np.ones(90)
        )
    with pytest.raises(InputError, match="leave out `groups`"):
        MultiTaskEstimator(**TINY, kinds=KINDS).fit(features, targets, groups=np.zeros(90))


def test_kinds_are_asked_by_name(features, targets) -> None:
    estimator = MultiTaskEstimator(**TINY, kinds={"band": "regression"}).fit(features, targets)
    assert estimator.predict(features)["band"].dtype == float
    with pytest.raises(InputError, match="`kinds` names 'brand', but the targets are 'size', 'sign', 'band'"):
        MultiTaskEstimator(**TINY, kinds={"brand": "regression"}).fit(features, targets)
    with pytest.raises(InputError, match="`kinds` asks 'y' as 'regression'; use one of binary, multiclass"):
        MultiTaskClassifier(**TINY, kinds="regression").fit(features, targets["band"].to_numpy())


def test_a_guess_is_told_with_how_to_change_it_here(features, targets) -> None:
    with pytest.warns(DataWarning, match=r"kinds=\{'band': 'regression'\} if they are amounts") as caught:
        MultiTaskEstimator(**TINY).fit(features, targets[["band"]])
    assert {warning.filename for warning in caught} == {__file__}


def test_groups_and_times_decide_the_folds(features, targets) -> None:
    groups = np.arange(90) // 3
    estimator = MultiTaskEstimator(**TINY, kinds=KINDS).fit(features, targets, groups=groups)
    assert estimator.model_.data["group"] == "group" and "group" not in estimator.model_.encoder.columns
    timed = MultiTaskEstimator(**TINY, kinds=KINDS).fit(
        features, targets, times=pd.Series(groups, index=range(5, 95))
    )
    assert timed.model_.data["time_column"] == "time"
    with pytest.raises(InputError, match="Give either `groups` or `times`"):
        MultiTaskEstimator(**TINY, kinds=KINDS).fit(features, targets, times=groups, groups=groups)


def test_weights_count(features, targets) -> None:
    plain, weighted = (
        MultiTaskEstimator(**TINY, kinds=KINDS).fit(features, targets, sample_weight=weights)
        for weights in (np.ones(90), np.arange(90))
    )
    assert not np.allclose(plain.predict(features)["size"], weighted.predict(features)["size"])


def test_a_target_among_the_features_is_refused(features) -> None:
    with pytest.raises(InputError, match="have the target 'a', too, so there is nothing to predict"):
        MultiTaskEstimator(**TINY).fit(features, features["a"])


def test_a_series_that_was_made_of_a_feature_is_another_target(features) -> None:
    estimator = MultiTaskClassifier(**QUICK).fit(features, features["a"] > 0)
    assert estimator.targets_ == ("a_",) and "a" in estimator.model_.encoder.columns
    assert estimator.score(features, features["a"] > 0) > 0.7


def test_a_lazy_frame_is_refused_with_what_to_call(features, targets) -> None:
    pl = pytest.importorskip("polars")
    with pytest.raises(InputError, match=r"Call its collect\(\) first"):
        MultiTaskEstimator(**TINY).fit(pl.from_pandas(features).lazy(), targets)


def test_a_score_needs_labels_of_the_targets(fitted, features, targets) -> None:
    with pytest.raises(InputError, match="`y` lacks the targets 'size' that were fitted"):
        fitted.score(features, targets.drop(columns="size"))
    with pytest.raises(InputError, match="`y` has no label of any target"):
        fitted.score(features, targets.assign(size=np.nan, sign=None, band=np.nan))
    assert np.isfinite(fitted.score(features, targets.assign(size=np.nan)))


def test_settings_are_checked_in_fit_and_all_named(features, targets) -> None:
    with pytest.raises(InputError, match=r"`repeats` must be at least 1.*`width` must be at least 1"):
        MultiTaskEstimator(width=0, repeats=0).fit(features, targets)


def test_it_has_every_setting_of_fit() -> None:
    import inspect

    of_fit = set(inspect.signature(polytask.fit).parameters)
    roles = {
        "table",
        "targets",
        "group",
        "time_column",
        "weight_column",
        "fold_column",
        "task_column",
        "drop",
        "others",
    }
    assert set(MultiTaskEstimator().get_params()) - {"kinds"} == of_fit - roles
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(polytask.fit).parameters.items()
    }
    for name, value in MultiTaskEstimator().get_params().items():
        if name not in ("kinds", "baselines", "progress"):  # an estimator is silent unless asked
            assert value == defaults[name], name


def test_clones_and_pickles_answer_alike(fitted, features) -> None:
    assert clone(fitted).get_params() == fitted.get_params()
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - our own
    pd.testing.assert_frame_equal(again.predict(features), fitted.predict(features))


def test_grids_and_pipelines_take_it(features, targets) -> None:
    scaled = ColumnTransformer([("scale", StandardScaler(), ["a", "b"])], remainder="passthrough")
    scaled.set_output(transform="pandas")
    grid = GridSearchCV(
        make_pipeline(scaled, MultiTaskEstimator(**TINY, kinds=KINDS)),
        {"multitaskestimator__width": [2, 3]},
        cv=2,
        error_score="raise",
    )
    grid.fit(features, targets)
    assert grid.best_params_["multitaskestimator__width"] in (2, 3) and np.isfinite(grid.best_score_)
    scores = cross_val_score(
        MultiTaskClassifier(**TINY), features, targets["band"], cv=2, scoring="neg_log_loss"
    )
    assert np.isfinite(scores).all()


def test_faces_are_what_scikit_learn_takes_them_for() -> None:
    assert is_classifier(MultiTaskClassifier()) and is_regressor(MultiTaskRegressor())
    assert not is_classifier(MultiTaskEstimator()) and not is_regressor(MultiTaskEstimator())
    assert "MultiTaskEstimator" in MultiTaskEstimator()._repr_html_()


def test_a_classifier_refuses_one_class_and_numbers_without_end(features) -> None:
    with pytest.raises(InputError, match="'y' has 1 class, but a classifier needs two"):
        MultiTaskClassifier(**TINY).fit(features, np.ones(90))
    with pytest.raises(ValueError, match="continuous"):
        MultiTaskClassifier(**TINY).fit(features, features["a"].to_numpy())


def test_a_note_on_predicted_rows_points_at_the_line_of_the_call(fitted, features) -> None:
    with pytest.warns(DataWarning, match="violet") as caught:
        fitted.predict(features.assign(colour="violet"))
    assert {warning.filename for warning in caught} == {__file__}


def test_classes_are_any_values_with_gaps() -> None:
    assert _kind_of_classes(pd.Series([True, False, None, True], name="k")) == "binary"
    assert _kind_of_classes(pd.Series([(1, 2), (3, 4), (5, 6)], name="k")) == "multiclass"


def test_targets_without_rows_are_counted_against_the_features() -> None:
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[20, 0\]"):
        MultiTaskRegressor().fit(np.zeros((20, 2)), np.array([]))


def test_rows_whose_labels_say_otherwise_are_paired_by_position_with_a_warning():
    features = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) % 3})
    target = pd.Series(np.arange(20.0), name="y")
    quick = MultiTaskEstimator(epochs=1, width=2, folds=2, bins=0)
    with pytest.warns(DataWarning, match="the index of y has the same row labels in another order"):
        quick.fit(features, target[::-1])
    with pytest.warns(DataWarning, match="the index of y has other row labels"):
        quick.fit(features, target.set_axis(range(5, 25)).to_frame())
    for fitting in (target, target.to_numpy(), target.to_frame()):
        with warnings.catch_warnings():
            warnings.simplefilter("error", DataWarning)
            quick.fit(features, fitting)


def test_columns_of_one_name_are_refused_in_our_words():
    features = pd.DataFrame(np.arange(40.0).reshape(20, 2), columns=["a", "a"])
    target = pd.Series(np.arange(20.0), name="y")
    with pytest.raises(InputError, match="The features have several columns 'a'; give each its own name"):
        MultiTaskEstimator().fit(features, target)
    with pytest.raises(InputError, match="The targets have several columns 'a'"):
        MultiTaskEstimator().fit(target.to_frame("x"), features)
