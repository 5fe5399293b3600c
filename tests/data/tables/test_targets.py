import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.core import DataError, InputError
from polytask.core.doors import at_the_command
from polytask.data.tables.delimited import read_delimited
from polytask.data.tables.target_column import TargetColumn
from polytask.data.tables.targets import fit_targets, target_series


def _fit(values: object, kind: str = "", train_rows: list[int] | None = None) -> TargetColumn:
    frame = pd.DataFrame({"y": values})
    rows = np.arange(len(frame)) if train_rows is None else np.array(train_rows)
    return fit_targets(frame, ["y" + kind], train_rows=rows)[0]


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["b", "a", None], "binary", ("a", "b")),
        (["b", "a", "c"], "multiclass", ("a", "b", "c")),
        ([True, False, None], "binary", ("False", "True")),
        ([0, 1, 1], "binary", ("0", "1")),
        ([0.0, 1.0, np.nan], "binary", ("0", "1")),
        ([2.5, 3.5, 3.5], "binary", ("2.5", "3.5")),
        ([10, 9, -1], "multiclass", ("-1", "9", "10")),
        (["10", "9", "1.0"], "multiclass", ("1.0", "9", "10")),
        (["1.1", "1.10", "2.0"], "multiclass", ("1.1", "1.10", "2.0")),
        (["01", "02", "10"], "multiclass", ("01", "02", "10")),
        (["true", "false", None], "binary", ("false", "true")),
        ([*map(str, range(11)), "unknown"], "regression", ()),
        (pd.Categorical([3, 2, 1]), "multiclass", ("1", "2", "3")),
        ([0.5, 1.0, 2.0], "regression", ()),
        (list(range(11)), "regression", ()),
    ],
)
def test_the_kind_follows_from_the_values(values: list[object], kind: str, classes: tuple[str, ...]) -> None:
    target = _fit(values)
    assert (target.task.kind, target.classes, target.task.labels) == (kind, classes, classes)


def test_a_kind_that_is_given_wins() -> None:
    assert [_fit([1, 2, 4], f":{kind}").task.kind for kind in ("regression", "multiclass")] == [
        "regression",
        "multiclass",
    ]


def test_regression_is_standardized_by_the_training_rows_alone() -> None:
    target = _fit([1.0, 3.0, np.nan, 100.5], ":regression", train_rows=[0, 1, 2])
    assert (target.mean, target.scale) == (2.0, 1.0)
    values, mask = target.encode(pd.Series([1.0, 3.0, np.nan, 100.5]))
    assert values.dtype == torch.float32
    torch.testing.assert_close(values, torch.tensor([-1.0, 1.0, 0.0, 98.5]))
    assert mask.tolist() == [True, True, False, True]


def test_binary_targets_are_0_and_1_as_floats() -> None:
    values, mask = _fit(["no", "yes"]).encode(pd.Series(["yes", None, "no"]))
    assert values.dtype == torch.float32
    assert (values.tolist(), mask.tolist()) == ([1, 0, 0], [True, False, True])


def test_multiclass_targets_are_class_indices() -> None:
    values, mask = _fit(["a", "b", "c"]).encode(pd.Series(["c", None, "a"]))
    assert values.dtype == torch.long
    assert (values.tolist(), mask.tolist()) == ([2, 0, 0], [True, False, True])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20).filter(lambda v: np.ptp(v) > 1e-3))
def test_regression_decodes_to_what_was_encoded(values: list[float]) -> None:
    target = _fit(values, ":regression")
    decoded = target.decode(target.encode(pd.Series(values))[0].unsqueeze(-1))
    np.testing.assert_allclose(decoded[""], values, rtol=1e-6, atol=1e-5 * target.scale)


def test_classes_decode_to_names_and_probabilities() -> None:
    target = _fit(["a", "b", "c"])
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 0.0, 0.0]])
    decoded = target.decode(logits)
    assert list(decoded) == ["", "p(a)", "p(b)", "p(c)"]
    assert decoded[""].tolist() == ["b", "a"]
    expected = [np.exp(2) / (1 + np.exp(2) + np.exp(1)), 1 / (np.exp(5) + 2)]
    np.testing.assert_allclose(decoded["p(b)"], expected, rtol=1e-12)


def test_a_binary_target_decodes_to_both_probabilities() -> None:
    decoded = _fit(["no", "yes"]).decode(torch.tensor([[2.0], [-1.0], [-600.0]]))
    assert decoded[""].tolist() == ["yes", "no", "no"]
    np.testing.assert_allclose(decoded["p(yes)"], 1 / (1 + np.exp([-2.0, 1.0, 600.0])), rtol=1e-12)
    np.testing.assert_allclose(decoded["p(no)"] + decoded["p(yes)"], 1.0, rtol=1e-15)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([True, False], (False, True)),
        (pd.array([True, None, False], dtype="boolean"), (False, True)),
        ([3, 1, 2], (1, 2, 3)),
        (pd.array([1, None, 0], dtype="Int64"), (0, 1)),
        ([1.0, np.nan, 0.0], (0.0, 1.0)),
        ([0.5, 1.5, 0.5], (0.5, 1.5)),
        (pd.Categorical([7, 5, None]), (5, 7)),
        (pd.Categorical(["b", "a"]), ("a", "b")),
        (["1", "0"], ("0", "1")),
        (["True", "False"], ("False", "True")),
        ([1, "b"], ("1", "b")),
        ([2**63, 1], (1, 2**63)),
    ],
)
def test_answers_are_of_the_type_of_the_labels(values: object, labels: tuple[object, ...]) -> None:
    fitted = _fit(values)
    loaded = TargetColumn.from_json(json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    logits = torch.tensor([[-1.0], [1.0]]) if fitted.task.kind == "binary" else torch.eye(len(labels))
    for target in (fitted, loaded):
        answers = target.decode(logits)[""].tolist()
        assert answers == list(labels)
        assert [type(answer) for answer in answers] == [type(label) for label in labels]


def test_labels_of_several_types_in_json_are_refused() -> None:
    data = _fit(["a", "b"]).to_json()
    for labels in ([1, "b"], ["a"], [None, None]):
        with pytest.raises(InputError, match=r"one label a class|'labels' must be"):
            TargetColumn.from_json({**data, "labels": labels})


def test_labels_are_found_again_however_they_are_stored() -> None:
    flags = _fit([True, False])
    assert flags.encode(pd.Series(["true", "False", None]))[0].tolist() == [1, 0, 0]
    codes = _fit([1, 2, 3])
    assert codes.encode(pd.Series(["3.0", "1"]))[0].tolist() == [2, 0]


def test_a_stray_word_among_labels_is_no_label_after_loading_as_well() -> None:
    target = _fit([*map(str, range(30)), "unknown"])
    again = TargetColumn.from_json(json.loads(json.dumps(target.to_json())))
    assert again.encode(pd.Series(["unknown", "3"]))[1].tolist() == [False, True]


def test_answers_of_two_targets_with_one_name_are_refused() -> None:
    frame = pd.DataFrame({"a": ["x", "y"], "a:p(x)": ["u", "v"]})
    with pytest.raises(DataError, match=r"both be called 'a:p\(x\)'"):
        fit_targets(frame, ["a", "a:p(x)"], train_rows=np.arange(2))


@pytest.mark.parametrize(
    ("labels", "ending"), [([0.5, 1.5, 2], "low"), ([0.5, 1.5, 2], "high"), ([*"xyz"], "set")]
)
def test_a_target_called_like_the_interval_or_set_of_another_is_refused(labels: list, ending: str) -> None:
    frame = pd.DataFrame({"a": labels, f"a:{ending}": [2.5, 3.5, 1]})
    with pytest.raises(DataError, match=f"both be called 'a:{ending}'"):
        fit_targets(frame, ["a", f"a:{ending}"], train_rows=np.arange(3))


def test_a_column_whose_name_ends_like_a_kind_can_be_a_target() -> None:
    frame = pd.DataFrame({"sex:binary": ["f", "m"], "x": [1, 2]})
    assert fit_targets(frame, ["sex:binary"], train_rows=np.arange(2))[0].task.name == "sex:binary"


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.7], ["ä", "b", "c"], [True, False, None]])
def test_json_gives_back_the_same_target(values: list[object]) -> None:
    target = _fit(values)
    assert TargetColumn.from_json(json.loads(json.dumps(target.to_json(), allow_nan=False))) == target


def test_a_class_never_seen_is_an_error_by_default() -> None:
    with pytest.raises(DataError, match="Target 'y' has class 'z', but it was fitted with 'a', 'b'"):
        _fit(["a", "b"]).encode(pd.Series(["a", "z"]))


def test_a_class_never_seen_can_count_as_missing() -> None:
    _, mask = _fit(["a", "b"]).encode(pd.Series(["a", "z"]), unseen="missing")
    assert mask.tolist() == [True, False]


def test_an_infinite_value_to_encode_is_refused() -> None:
    with pytest.raises(DataError, match="'y' is infinite or too large in 1 row"):
        _fit([0.5, 1.5, 2.5]).encode(pd.Series([np.inf]))


_MANY = [f"c{index}" for index in range(2002)]


@pytest.mark.parametrize(
    ("values", "kind", "train_rows", "message"),
    [
        (["a", "b"], ":multilabel", [0, 1], "one label a row. Ask for one binary target a label"),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "", [0, 1], "holds times. Turn it into a number"),
        ([1.5, 1.5, 1.5], ":regression", [0, 1], "always '1.5' in the training rows"),
        ([1.5, 1.5, 3.5, 4], "", [0, 1], "always '1.5' in the training rows"),
        ([0.1] * 11, ":regression", list(range(11)), r"always '0\.1'"),
        ([index * 1e-300 for index in range(11)], ":regression", list(range(11)), "no more than rounding"),
        (["a", "a", None], "", [0, 1], "always 'a'"),
        ([None, None], "", [0], "no label at all"),
        ([None, 1.0, 2.0], "", [0], "no label in the training rows, only 2 elsewhere"),
        ([1.0, np.inf, 2.0], "", [0, 1, 2], "infinite .* in 1 row"),
        ([1.0, -np.inf, np.inf], ":multiclass", [0, 1, 2], "infinite .* in 2 rows"),
        (["1.5", "x", "y"], ":regression", [0, 1, 2], "asked as regression. .* 'x', 'y' .* 'y:multiclass'"),
        (_MANY[:11], "", list(range(11)), "11 classes in 11 labelled rows"),
        (_MANY[:1001] * 3, "", list(range(3003)), "1001 classes .* 'y:regression' if it is a number"),
        (["a", "b", "c", "c"], "", [0, 1], "class 'c' has no row in training, but 2 elsewhere. Add rows"),
        (
            ["a", "b", "c"],
            ":binary",
            [0, 1, 2],
            "binary but has 3 classes: 'a', 'b', 'c'. Ask for 'y:multiclass'",
        ),
        ([0.0, 1e-30, 1e30], ":regression", [0, 1], "standard deviations off"),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused(
    values: list[object], kind: str, train_rows: list[int], message: str
) -> None:
    with pytest.raises(DataError, match=f"Target 'y'.*{message}"):
        _fit(values, kind, train_rows)


def test_a_class_outside_training_and_a_wrong_number_of_classes_are_told_together() -> None:
    with pytest.raises(DataError, match=r"binary but has 3 classes.* class 'c' has no row in training"):
        _fit(["a", "b", "c"], ":binary", [0, 1])


def test_all_problems_are_listed_at_once() -> None:
    frame = pd.DataFrame({"mass": [1.5, 2.5], "empty": [None, None], "site": ["p", "q"]})
    with pytest.raises(DataError) as caught:
        fit_targets(frame, ["mas", "empty", "site:regression", "mass", "mass"], train_rows=np.arange(2))
    lines = str(caught.value).splitlines()
    assert lines[0] == "There are 4 problems:"
    assert lines[1] == "- Target 'mass' is asked 2 times; name every target once."
    assert lines[2] == "- There is no column 'mas'; did you mean 'mass'?"
    assert "'empty' has no label" in lines[3] and "'site' is asked as regression" in lines[4]


def test_an_unknown_kind_is_told_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"'classification' is no kind.*'y' with regression, log, binary"):
        _fit(["a", "b"], ":classification")


def test_no_target_at_all_is_refused() -> None:
    with pytest.raises(InputError, match="name at least one column"):
        fit_targets(pd.DataFrame({"y": [1]}), [], train_rows=np.arange(1))


def test_words_read_as_no_label_are_named_where_they_leave_one_class():
    table = read_delimited("a,grade\n" + "1,None\n2,A\n" * 3, "grades.csv")
    with pytest.raises(DataError, match=r"always 'A'.*'None' counts as no label in 3 rows"):
        fit_targets(table, ["grade"], train_rows=np.arange(6))


def test_on_a_log_scale_logarithms_are_standardized_and_come_back_as_they_were() -> None:
    values = pd.Series([1.0, 10.0, None, 1000.0])
    target = _fit(values, ":log")
    assert (target.task.kind, target.kind, target.log) == ("regression", "log", True)
    encoded, mask = target.encode(values)
    logarithms = np.log([1.0, 10.0, 1000.0])
    expected = (logarithms - logarithms.mean()) / logarithms.std()
    np.testing.assert_allclose(encoded[mask].numpy(), expected, rtol=1e-6)
    answers = target.decode(encoded[mask][:, None])[""]
    np.testing.assert_allclose(answers, [1.0, 10.0, 1000.0], rtol=1e-5)
    assert TargetColumn.from_json(json.loads(json.dumps(target.to_json()))) == target


def test_the_answer_on_a_log_scale_is_finite_whatever_a_network_gives() -> None:
    target = _fit([1.0, 10.0, 1000.0], ":log")
    answers = target.decode(torch.tensor([[1e6], [-1e6]]))[""]
    assert np.isfinite(answers).all() and answers[0] <= np.finfo(np.float32).max and answers[1] >= 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1.0, 0.0, 3.0], r"'y' is learned on a log scale.*row 2 has 0 .*ask for 'y:regression'"),
        ([-1.0, 2.0, -3.0, 0.0, -7.5], "row 1 has -1, row 3 has -3, row 4 has 0 and 1 row more have none"),
        (["a", "b"], "asked as log"),
        ([5.0, 5.0, 5.0], "always '5'"),
    ],
)
def test_what_has_no_logarithm_is_named_with_its_row(values: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        _fit(values, ":log")


def test_new_labels_need_a_logarithm_too() -> None:
    with pytest.raises(DataError, match=r"'y' is learned on a log scale.*row 2 has -4"):
        _fit([1.0, 10.0, 1000.0], ":log").encode(pd.Series([1.0, -4.0]))


def test_classes_have_no_logarithm() -> None:
    described = _fit(["a", "b"]).to_json()
    with pytest.raises(InputError, match="'y' has classes, which have no logarithm"):
        TargetColumn.from_json({**described, "log": True})


def test_names_with_commas_between_them_are_several_targets() -> None:
    table = pd.DataFrame({"a": [1.0, 2.5, 3.0], "b": [0.5, 1.0, 2.0]})
    for names in ("a,b", "a, b"):
        with pytest.raises(DataError, match=r"there are 'a', 'b'\. Give a list of names"):
            target_series(table, names)
        with at_the_command(), pytest.raises(DataError, match="Repeat `targets` for each of them"):
            target_series(table, names)
    whole = table.assign(**{"a,b": [7.0, 8.0, 9.0]})
    assert target_series(whole, "a,b").tolist() == [7, 8, 9]
