"""``--space`` as it is typed."""

import pytest

from polytask.cli.spaces import spaces
from polytask.core import InputError


@pytest.mark.parametrize(
    ("typed", "values"),
    [
        ("knn:n_neighbors=1..30", (1, 30)),
        ("knn:a=-1.5..2e3", (-1.5, 2e3)),
        ("knn:a=1e-4..1:log", (1e-4, 1, "log")),
        ("knn:a=x,2,true,null", ["x", 2, True, None]),
        ("knn:a=only", ["only"]),
    ],
)
def test_values_are_read(typed: str, values: object) -> None:
    (found,) = (spaces([typed]) or {})["knn"].values()
    assert found == values and isinstance(found, type(values))


def test_candidates_may_have_colons_and_settings_dashes() -> None:
    assert spaces(["groups:a,b;c:weight-decay=0..1", "sk.K:p=1,2"]) == {
        "groups:a,b;c": {"weight_decay": (0, 1)},
        "sk.K": {"p": [1, 2]},
    }
    assert spaces([]) is None


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["alpha=1..2"], "takes CANDIDATE:SETTING=VALUES"),
        (["linear:alpha"], "takes CANDIDATE:SETTING=VALUES"),
        (["linear:alpha=a..b"], "'a..b' is no lower and higher number"),
        (["linear:alpha=1..2", "linear:alpha=1..3"], "gives alpha of 'linear' twice"),
    ],
)
def test_what_is_no_space_is_refused(typed: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        spaces(typed)
