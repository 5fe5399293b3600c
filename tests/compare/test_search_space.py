"""Spaces as people write them, and those that networks have."""

import pytest
from sklearn.linear_model import Ridge

from polytask.compare import Candidate, candidates_of
from polytask.compare.search_space import Span, space_from_json, space_of, space_to_json, spaces_for
from polytask.core import InputError


def test_a_space_survives_json() -> None:
    given = {"a": ["x", None, True, 3, 0.5], "b": range(2, 20, 3), "c": (1e-3, 10.0, "log"), "d": (1, 5)}
    space = space_of(given)
    assert space["b"] == Span(low=2, high=17, step=3) and space["d"] == Span(low=1, high=5)
    assert space_from_json(space_to_json(space)) == space


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "a space names settings"),
        ([1], "a space names settings"),
        ({"a": "text"}, "a: the values are a list"),
        ({"a": []}, "a: the values are a list"),
        ({"a": [[1]]}, "a: the values are a list"),
        ({"a": (1, 2, 3)}, "a: the values are a list"),
        ({"a": (2, 1)}, "a: a span needs a lower and a higher number, got 2 and 1"),
        ({"a": ("x", "y")}, "a: a span needs a lower and a higher number"),
        ({"a": (0, 1, "log")}, "a: a span on a log scale begins above 0"),
        ({"a": range(3, 4)}, "a: a range needs two or more rising numbers"),
        ({"a": [float("nan")]}, "a: values are finite"),
    ],
)
def test_what_is_no_space_is_refused_with_words(given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        space_of(given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"liner": {"alpha": [1.0]}}, "`spaces` names the candidate 'liner'.*did you mean 'linear'"),
        (
            {"linear": {"alfa": [1.0]}},
            "`spaces` for 'linear': there is no setting 'alfa'.*did you mean 'alpha'",
        ),
        ({"joint:hard": {"width": [0]}}, "`spaces` for 'joint:hard': .*idth must be at least 1"),
        ({"joint:hard": {"epochs": [5, 9]}}, "epochs is to be searched, but it is 3 for all networks"),
        ({"constant": {"a": [1.0]}}, "`spaces` for 'constant': there is nothing to choose"),
    ],
)
def test_spaces_of_other_candidates_and_settings_are_refused(given: dict, message: str) -> None:
    made = candidates_of(["constant", "linear", "joint:hard"], {"epochs": 3})
    with pytest.raises(InputError, match=message):
        spaces_for(made, given)


def test_a_candidate_of_ones_own_says_what_is_searched() -> None:
    class Mine(Candidate):
        name = words = "mine"
        spaces = {"level": (0.0, 2.0)}, {}

        def fit(self, rows, settings, *, seed):
            return None

    assert spaces_for([Mine()], None) == {"mine": ({"level": Span(low=0.0, high=2.0)}, {})}
    given = {"any": ["thing"]}
    assert spaces_for([Mine()], {"mine": given})["mine"] == (space_of(given), space_of(given))
    Mine.spaces = {"level": (2.0, 0.0)}, {}
    with pytest.raises(InputError, match="The `spaces` of the candidate 'mine': level: a span needs"):
        spaces_for([Mine()], None)


def test_each_side_of_a_pair_gets_the_settings_that_it_has() -> None:
    (linear,) = candidates_of("linear")
    numbers, classes = spaces_for([linear], {"linear": {"alpha": (0.1, 9.0), "C": (0.1, 2.0)}})["linear"]
    assert (set(numbers), set(classes)) == ({"alpha"}, {"C"})
    alone = spaces_for([linear], {"linear": {"alpha": (0.1, 9.0)}})["linear"]
    assert alone == ({"alpha": Span(low=0.1, high=9.0)}, linear.spaces[1])
    (ridge,) = candidates_of(Ridge())
    assert spaces_for([ridge], None) == {"Ridge": ({}, {})}


def test_networks_search_what_their_architecture_has_and_nobody_has_given() -> None:
    made = candidates_of(["joint:hard", "joint:tabm", "joint:trace-norm", "single"], {"depth": 2})
    spaces = {name: set(numbers) for name, (numbers, _) in spaces_for(made, None).items()}
    usual = {"width", "dropout", "learning_rate", "weight_decay"}
    assert spaces["joint:hard"] == usual == spaces["single"]
    assert spaces["joint:tabm"] == usual | {"members"}
    assert spaces["joint:trace-norm"] == usual | {"soft_strength"}


def test_an_architecture_may_be_searched() -> None:
    made = candidates_of("joint:hard")
    space = spaces_for(made, {"joint:hard": {"architecture": ["hard", "mmoe"]}})["joint:hard"][0]
    assert space == {"architecture": ("hard", "mmoe")}
    with pytest.raises(InputError, match="rchitecture is 'nope'"):
        spaces_for(made, {"joint:hard": {"architecture": ["hard", "nope"]}})
