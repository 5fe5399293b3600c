"""Plans of ensembles come back from JSON; those that lie are refused."""

from typing import Any

import pytest
from tests.models.small import PLAN

from polytask.core import InputError
from polytask.models.stack_plan import StackPlan


def test_a_plan_comes_back_from_json() -> None:
    assert StackPlan.from_json(PLAN.to_json()) == PLAN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_networks": 0}, "a network, a unit and a stage at least"),
        ({"width": 0}, "a unit"),
        ({"depth": -1}, "a stage at least"),
        ({"stages": []}, "a stage at least"),
        ({"n_bins": [1, -1, 0]}, "negative number of bins"),
        ({"n_networks": 2**40}, "more than 16777216 networks"),
        ({"width": 2**40}, "units of a layer"),
        ({"width": 2.5}, "'width' must be"),
        ({"width": True}, "'width' must be"),
        ({"extra": 1}, "'extra' is unknown"),
        ({"stages": [{"step": 1}]}, "'targets' is missing"),
        ({"stages": [3]}, "'stages' must be"),
        ({"n_bins": 3}, "'n_bins' must be"),
    ],
)
def test_a_plan_that_lies_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        StackPlan.from_json({**PLAN.to_json(), **change})
