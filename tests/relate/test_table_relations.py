"""Relate the tasks of a table."""

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.core import DataWarning, InputError
from polytask.relate import Relations, relate


def _frame(n_rows: int = 90) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=(n_rows, 3))
    frame = pd.DataFrame(x, columns=["u", "v", "w"])
    frame["a"] = x @ [1, 1, 0] + 0.1 * draw.normal(size=n_rows)
    frame["b"] = x @ [1, 1, 0.2] + 0.1 * draw.normal(size=n_rows)
    frame["c"] = np.where(x[:, 2] > 0, "yes", "no")
    frame["shop"] = np.arange(n_rows) % 3
    return frame


def test_the_room_can_be_called_as_the_function_in_it() -> None:
    with pytest.raises(InputError, match="`affinity` is 'nope'"):
        polytask.relate(_frame(), ["a", "b"], affinity="nope")


@pytest.mark.trains
@pytest.mark.parametrize("affinity", ["transfer", "functions", "labels", "gradients", "lookahead"])
def test_every_affinity_gives_relations_of_all_targets(affinity: str) -> None:
    found = relate(_frame(), ["a", "b", "c"], affinity=affinity, epochs=1, drop="shop")
    assert isinstance(found, Relations) and found.affinity_kind == affinity
    assert [one.task for one in found.tasks] == ["a", "b", "c"]
    assert sorted(name for group in found.groups for name in group) == ["a", "b", "c"]
    assert all(one.task in found.groups[one.group] for one in found.tasks)
    assert found.affinity.matrix.shape == (3, 3)


@pytest.mark.trains
def test_targets_of_one_function_are_nearer_than_others() -> None:
    found = relate(_frame(), ["a", "b", "c"], affinity="functions", epochs=1, drop="shop")
    assert found.affinity("a", "b") > found.affinity("a", "c")


@pytest.mark.trains
def test_rows_of_a_column_are_tasks() -> None:
    found = relate(_frame(), "a", task_column="shop", epochs=1, drop=["b", "c"])
    assert [one.task for one in found.tasks] == ["shop=0", "shop=1", "shop=2"]
    assert {one.labels for one in found.tasks} == {30}


@pytest.mark.trains
def test_no_more_rows_are_used_than_asked_and_all_tasks_have_some() -> None:
    found = relate(_frame(), "a", task_column="shop", epochs=1, rows=45, drop=["b", "c"])
    assert found.rows == {"table": 90, "labelled": 90, "used": 45}
    assert [one.labels for one in found.tasks] == [15, 15, 15]


@pytest.mark.trains
def test_no_more_networks_are_proposed_than_asked() -> None:
    frame = _frame()
    assert len(relate(frame, ["a", "b", "c"], affinity="labels", epochs=1, networks=1).groups) == 1


@pytest.mark.trains
def test_the_seed_decides_everything() -> None:
    once, again = (relate(_frame(), ["a", "b"], epochs=1, seed=5).to_json() for _ in range(2))
    assert {**once, "seconds": 0} == {**again, "seconds": 0}


@pytest.mark.trains
def test_what_is_noteworthy_about_the_table_is_warned_of() -> None:
    frame = pd.concat([_frame(60)] * 2, ignore_index=True)
    with pytest.warns(DataWarning, match="equal a training row"):
        found = relate(frame, ["a", "b"], epochs=1)
    assert any("equal a training row" in message for message in found.messages)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"targets": "a"}, "`targets` names 'a' alone, but relating needs two"),
        ({"networks": 0}, "`networks` must be at least 1"),
        ({"rows": 19}, "`rows` must be at least 20"),
        ({"folds": 1}, "`folds` must be at least 2"),
        ({"epochs": 0}, "`epochs` must be at least 1"),
        ({"seed": -1}, "`seed` must be at least 0"),
        ({"targets": "a", "task_column": "shop", "affinity": "labels"}, "Choose `affinity='functions'`"),
    ],
)
def test_what_cannot_be_related_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        relate(_frame(), **({"targets": ["a", "b"]} | settings))
