"""Groups of targets as they are written, and what is no partition."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polytask.core import InputError
from polytask.core.settings import SettingsCheck
from polytask.fitting.target_groups import check_groups, found_message, groups_text, read_groups, settled

NAMES = ["a", "b", "c"]


@given(st.data())
def test_groups_that_are_written_are_read_as_they_were(data: st.DataObject) -> None:
    names = data.draw(
        st.lists(
            st.text("ab,; :", min_size=1).filter(lambda one: one == one.strip()), min_size=1, unique=True
        )
    )
    cuts = sorted(data.draw(st.sets(st.integers(1, len(names)))) | {len(names)})
    groups = [names[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]
    readable = all(
        not name.startswith((",", ";"))
        and not any(f"{name}{mark}" in other for other in names for mark in ",;")
        for name in names
    )
    if readable:  # else two groupings are written alike
        assert [list(group) for group in read_groups(groups_text(groups), names)] == groups


@pytest.mark.parametrize("text", ["a,;b", "a;", "", ";a", " , b"])
def test_an_empty_name_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="have an empty name; write them as a,b;c"):
        read_groups(text)


@pytest.mark.parametrize("given", ["c; b,a", [["c"], ["b", "a"]], (("a", "b"), ("c:regression",))])
def test_groups_come_in_the_order_of_the_targets_however_they_are_written(given: Any) -> None:
    assert settled(check_groups(SettingsCheck(), given), NAMES) == (("a", "b"), ("c",))


@pytest.mark.parametrize("given", [None, "a,b,c", [["c", "a", "b"]]])
def test_one_group_of_all_targets_is_none(given: Any) -> None:
    assert settled(check_groups(SettingsCheck(), given), NAMES) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("a,b", "`groups`: 'c' is in none. Each target belongs in one group: a, b, c."),
        ("a,b;b,c", "'b' stands there 2 times"),
        ("a,b;c,bb", "there is no target 'bb'; did you mean 'b'"),
        ([["a", "b", "c"], []], "a group is empty"),
        ("site", "A column whose rows stay together is given by `group`"),
        ("a,,b;c", "`groups`: the groups 'a,,b;c' have an empty name"),
    ],
)
def test_what_is_no_partition_of_the_targets_is_told_by_name(given: Any, message: str) -> None:
    with pytest.raises(InputError) as refused:
        settled(given, NAMES)
    assert message in str(refused.value)


@pytest.mark.parametrize("given", [3, [], ["a", "b"], {"a": 1}, [["a"], "b"], [{"a": 1}], [3]])
def test_what_is_neither_text_nor_names_in_groups_is_refused(given: Any) -> None:
    check = SettingsCheck()
    check_groups(check, given)
    assert check.problems and "`groups` must be 'auto'" in check.problems[0]


def test_groups_that_were_found_are_told_with_what_their_figures_are_worth() -> None:
    assert "trains together a, b, and alone c, d. Rows that chose" in found_message(
        [["a", "b"], ["c"], ["d"]]
    )
    assert "trains together a, b; c, d. Rows that chose" in found_message([["a", "b"], ["c", "d"]])
    assert "trains alone a, b. Rows that chose" in found_message([["a"], ["b"]])
    assert found_message([["a", "b"]]).endswith("all targets belong in one network, as without groups.")
