"""Learning to learn with the manners of scikit-learn."""

import inspect
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import polytask
from polytask import FewShotEstimator
from polytask.core import InputError
from polytask.estimators.learn_images import learn_images
from polytask.models.few_shot_config import FewShotConfig

TINY: dict[str, Any] = {"way": 3, "shot": 2, "steps": 1, "batch_size": 12, "width": 4}
TINY |= {"n_episodes": 2}


def images(n_classes: int, n_each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a pattern for each class, with noise."""
    draw = np.random.default_rng(seed)
    patterns = draw.random((n_classes, 1, 1, 16, 16)) > 0.5
    noise = draw.random((n_classes, n_each, 1, 16, 16)) > 0.9
    drawn = (patterns ^ noise).reshape(-1, 1, 16, 16).astype(np.uint8) * 255
    return drawn, np.repeat(np.arange(n_classes), n_each)


@pytest.fixture(scope="module")
def fitted() -> FewShotEstimator:
    return FewShotEstimator(**TINY).fit(*images(15, 6, seed=0))


def test_it_adapts_to_new_classes_in_the_type_of_their_labels(fitted) -> None:
    drawn, codes = images(4, 8, seed=1)
    names = np.array([30, 10, 40, 20])[codes]
    few = np.arange(len(codes)) % 8 == 0
    fitted.adapt(drawn[few], names[few])
    assert fitted.classes_.tolist() == [10, 20, 30, 40]
    probabilities = fitted.predict_proba(drawn)
    assert probabilities.shape == (32, 4)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    assert fitted.score(drawn[few], names[few]) == 1
    assert fitted.score(drawn, names) == (fitted.predict(drawn) == names).mean()
    assert fitted.predict(drawn).dtype == names.dtype


def test_adapting_anew_forgets_the_classes_but_not_what_was_learned(fitted) -> None:
    drawn, codes = images(3, 3, seed=2)
    before = {name: tensor.clone() for name, tensor in fitted.model_.learner.state_dict().items()}
    assert fitted.adapt(drawn, codes).adapt(drawn, codes + 7).classes_.tolist() == [7, 8, 9]
    for name, tensor in fitted.model_.learner.state_dict().items():
        assert tensor.equal(before[name])


def test_it_is_the_model_of_learn(fitted) -> None:
    from polytask.estimators.few_shot_estimator import _examples

    examples, _ = _examples(*images(15, 6, seed=0))
    model = polytask.learn(examples, **TINY)
    for name, tensor in model.learner.state_dict().items():
        assert tensor.equal(fitted.model_.learner.state_dict()[name])
    drawn, codes = images(3, 3, seed=2)
    theirs = model.adapt(_examples(drawn, codes)[0]).predict(drawn)
    ours = fitted.adapt(drawn, codes).predict_proba(drawn)
    np.testing.assert_array_equal(theirs.drop(columns="class").to_numpy(), ours)
    support = _examples(drawn, codes)[0]
    assert fitted.adapt(support).predict(drawn).tolist() == theirs["class"].tolist()


def test_clones_and_pickles_are_alike(fitted) -> None:
    assert clone(fitted).get_params() == fitted.get_params()
    drawn, codes = images(3, 3, seed=3)
    fitted.adapt(drawn, codes)
    again = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - our own
    np.testing.assert_array_equal(again.predict_proba(drawn), fitted.predict_proba(drawn))


def test_it_has_every_setting_of_learn() -> None:
    of_learn = set(inspect.signature(learn_images).parameters) - {"source", "settings", "stacklevel"}
    of_config = set(inspect.signature(FewShotConfig).parameters) - {"images"}
    assert set(FewShotEstimator().get_params()) == of_learn | of_config


def test_predicting_before_adapting_says_what_to_call() -> None:
    drawn, codes = images(15, 6, seed=0)
    with pytest.raises(NotFittedError):
        FewShotEstimator().adapt(drawn, codes)
    with pytest.raises(NotFittedError, match="call `adapt` with a few labelled images first"):
        FewShotEstimator(**TINY).fit(drawn, codes).predict(drawn)


def test_labels_of_another_number_are_refused(fitted) -> None:
    with pytest.raises(InputError, match=r"one class for each of the 6 images, got an array \[5\]"):
        fitted.adapt(images(3, 2, seed=0)[0], pd.Series([0, 1, 2, 0, 1]))
    with pytest.raises(InputError, match="`way` must be at least 2"):
        FewShotEstimator(way=1).fit(*images(15, 6, seed=0))
