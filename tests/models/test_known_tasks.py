"""What other tasks say where a support says nothing."""

import warnings

import pytest

import polytask
from polytask.core import DataWarning
from polytask.encoders.frozen_choice import FROZEN_ENCODERS
from polytask.models import known_tasks as module
from polytask.models.known_tasks import known_tasks
from polytask.models.typicality import typicality


def test_what_is_stored_is_of_encoders_that_there_are_and_in_order() -> None:
    stored = module._read()
    assert stored
    for name, known in stored.items():
        assert set(name.split("+")) <= set(FROZEN_ENCODERS)
        assert known["sharpness"] > 0
        assert known["references"] == sorted(known["references"])
        assert len(known["references"]) >= 20  # so that a twentieth can be refused


def test_nothing_is_made_up_for_other_encoders() -> None:
    assert known_tasks(("an encoder of one's own",)) is None


def test_a_support_of_one_example_each_takes_it_from_there_and_a_larger_one_does_not() -> None:
    known = known_tasks(("hashed-text",))
    assert known is not None
    with pytest.warns(DataWarning, match="as it was for tasks of CLINC150"):
        one = polytask.adapt({"a": ["cats and dogs"], "b": ["rain in may"]}, encoder="hashed-text")
    assert one.settings.sharpness == known.sharpness
    with warnings.catch_warnings(action="error"):
        two = polytask.adapt(
            {"a": ["cats and dogs", "a dog"], "b": ["rain in may", "may rain"]}, encoder="hashed-text"
        )
    assert len(two.references) == 4


def test_what_is_unlike_everything_known_is_none_of_these() -> None:
    with warnings.catch_warnings(action="ignore"):
        model = polytask.adapt({"a": ["cats and dogs"], "b": ["rain in may"]}, encoder="hashed-text")
    found = model.predict(["cats and dogs", "xylophone quartz"])
    assert found["class"].iloc[0] == "a" and not found["none"].iloc[0]
    assert found["typicality"].iloc[1] < found["typicality"].iloc[0]
    assert typicality(found["typicality"].to_numpy() * 0 - 9, model.references.numpy()).max() < 0.01
