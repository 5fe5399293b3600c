"""Bundles that an earlier layout of the code wrote load, and answer as they did then."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import polytask
from polytask.data import LabelledExamples

FOLDER = Path(__file__).parent / "written_before"
IMAGES = torch.from_numpy(np.load(FOLDER / "images.npy"))  # [9, 1, 28, 28], the first 6 are the support


def _check(answers: pd.DataFrame, name: str) -> None:
    expected = pd.read_csv(FOLDER / f"{name}_answers.csv")
    assert list(answers.columns) == list(expected.columns)
    for column in expected:
        if expected[column].dtype.kind == "f":
            np.testing.assert_allclose(answers[column], expected[column], rtol=1e-6, atol=1e-6)
        else:
            assert list(answers[column]) == list(expected[column])


def test_a_table_model_answers_as_before():
    model = polytask.load(FOLDER / "table")
    _check(model.predict(pd.read_csv(FOLDER / "table_rows.csv")), "table")


@pytest.mark.parametrize("learner", ["prototypes", "maml"])
def test_a_few_shot_model_adapts_and_answers_as_before(learner):
    support = LabelledExamples(
        inputs=IMAGES[:6],
        labels=torch.tensor([0, 0, 1, 1, 2, 2]),
        class_names=("a", "b", "c"),
        class_groups=("g", "g", "g"),
    )
    _check(polytask.load(FOLDER / learner).adapt(support).predict(IMAGES), learner)


@pytest.mark.parametrize("learner", ["prototypes", "maml"])
def test_an_adapted_model_answers_as_before(learner):
    _check(polytask.load(FOLDER / f"{learner}_adapted").predict(IMAGES), learner)
