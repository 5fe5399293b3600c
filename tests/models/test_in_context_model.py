"""A network that reads rows: what it refuses, and what it tells of rows unlike those of training."""

import re

import pytest
import torch
from tests.models.small import reader_bundle

from polytask.core import DataError, DataWarning, InputError
from polytask.estimators import evaluate_new_tasks
from polytask.models.bundle import Bundle
from polytask.models.in_context_config import InContextConfig
from polytask.models.in_context_model import InContextModel


@pytest.fixture
def bundle(tmp_path) -> Bundle:
    return reader_bundle(tmp_path / "m")


def test_arrays_of_other_shapes_are_refused(bundle):
    model = InContextModel.from_bundle(bundle)
    with pytest.raises(
        InputError, match=re.escape("The inputs have shape [2, 3], but the model takes [row, 1]")
    ):
        model.predict(torch.zeros(2, 3))
    with pytest.raises(InputError, match="a number for each of the 2 rows"):
        model.adapt(torch.zeros(2, 1), [1.0])


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"learner": "lstm"}, "`learner` is 'lstm'"),
        ({"learner": "cnp", "width": 6}, "multiple of 4"),
        ({"learner": "cnp", "n_bars": 10}, "has 3 bars or more, and others have none"),
        ({"learner": "tnp", "width": 10_000}, "at most 4096"),
    ],
)
def test_settings_out_of_range_are_refused(settings, problem):
    with pytest.raises(InputError, match=problem):
        InContextConfig(n_inputs=1, **settings)


def test_labels_far_from_those_of_training_are_told_and_nonsense_is_refused(bundle):
    model = InContextModel.from_bundle(bundle)
    with pytest.warns(DataWarning, match="standard deviations away from those of the training"):
        model.adapt([[0.2]], [60.0])
    with pytest.raises(DataError, match=r"it would answer nonsense\. Correct them, or learn anew"):
        model.adapt([[0.2]], [1e25])


def test_warnings_point_at_the_line_that_asked(bundle):
    model = InContextModel.from_bundle(bundle)
    table = model.reader.frame([[1e30]] * 4, [1.0] * 4)
    asked = [
        lambda: model.predict(table),
        lambda: model.adapt(table),
        lambda: model.evaluate(table),
        lambda: evaluate_new_tasks(model, table),
    ]
    for ask in asked:
        with pytest.warns(DataWarning) as caught:
            ask()
        assert {(one.filename, one.lineno) for one in caught} == {(__file__, ask.__code__.co_firstlineno)}
