"""Places of objectives by name."""

import pytest

from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import InputError, Task


def test_places_are_those_of_the_names_given_whatever_the_order_asked():
    index = ObjectiveIndex(["a", "b", "c"], "DWA")
    assert len(index) == 3 and index.of(["c", "a"]).tolist() == [2, 0] and index.of([]).tolist() == []


@pytest.mark.parametrize("names", [[], ["a", "b", "a"]])
def test_no_name_or_one_twice_is_refused(names):
    with pytest.raises(InputError, match="DWA needs the distinct names"):
        ObjectiveIndex(names, "DWA")


def test_tasks_in_place_of_their_names_are_refused():
    with pytest.raises(InputError, match="needs names, not Task objects"):
        ObjectiveIndex([Task(name="a", kind="regression")], "DWA")
