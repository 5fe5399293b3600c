"""What is said of examples, against scores worked out by hand."""

import numpy as np
import pytest
import torch

from polytask.core import InputError
from polytask.models.class_predictions import AskedOfClasses, class_predictions
from polytask.models.classifier_head import ClassifierHead, HeadSettings

HEAD = ClassifierHead(
    settings=HeadSettings(asked="auto", asked_strength=None, name="class-means", strength=1.0, sharpness=2.0),
    weight=torch.eye(2),
    bias=torch.zeros(2),
    references=torch.tensor([0.0, 1.0, 5.0], dtype=torch.float64),
    losses=torch.tensor([0.1, 0.2, 0.9], dtype=torch.float64),
)
SCORES = np.log(np.array([[9.0, 1.0], [1.0, 1.5]])) / 2  # so that probabilities are 9 : 1 and 2 : 3


def asked(*, refuse: float = 0.25, sets: float | None = None, probabilities: bool = False) -> AskedOfClasses:
    return AskedOfClasses(refuse=refuse, sets=sets, probabilities=probabilities)


def test_a_class_is_told_with_how_sure_and_how_typical_it_is() -> None:
    found = class_predictions(HEAD, SCORES, ["a", "b"], asked())
    assert list(found) == ["class", "probability", "typicality", "none"]
    assert found["class"].tolist() == ["a", "b"]
    assert found["probability"].tolist() == pytest.approx([0.9, 0.6])
    assert found["typicality"].tolist() == [0.75, 0.5]  # of 3 references 2 and 1 fit no better
    assert found["none"].tolist() == [False, False]
    assert class_predictions(HEAD, SCORES, ["a", "b"], asked(refuse=0.5))["none"].tolist() == [False, True]


def test_sets_hold_the_classes_that_are_likely_enough_and_the_best_one() -> None:
    found = class_predictions(HEAD, SCORES, ["a", "b"], asked(sets=0.5, probabilities=True))
    assert found["set"] == ["a", "b"]  # the level is 0.2, the second of three losses
    assert found["p(a)"].tolist() == pytest.approx([0.9, 0.4])
    assert found["p(b)"].tolist() == pytest.approx([0.1, 0.6])
    assert class_predictions(HEAD, SCORES, ["a", "b"], asked(sets=0.75))["set"] == ["a|b", "a|b"]


@pytest.mark.parametrize("wrong", [1.0, -0.1, True, "0.1"])
def test_what_is_no_share_is_refused(wrong: float) -> None:
    for name in ("refuse", "sets"):
        with pytest.raises(InputError, match=f"`{name}` must be a share below 1"):
            asked(**{name: wrong})
    with pytest.raises(InputError, match="`sets`"):
        asked(sets=0)
    assert asked(refuse=0).refuse == 0
