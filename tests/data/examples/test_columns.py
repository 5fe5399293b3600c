"""Which columns are the examples and which their labels."""

import pandas as pd
import pytest

from polytask.core import DataError, InputError
from polytask.data.examples.columns import choose_columns
from polytask.data.examples.request import Request

TEXTS = ["I lost my card", "where is it now", "hello there", "hi to you"]
LABELS = ["lost", "lost", "greeting", "greeting"]
NUMBERS = ["1", "2.5", "3", "4"]


def chosen(columns, **options):
    asked = {"labelled": True, "kind": None, "item_column": None, "label_column": None, "labels": None}
    request = Request.of(**{**asked, "origin": None, **options})
    return choose_columns(pd.DataFrame(columns, dtype=object), "t.csv", request)


@pytest.mark.parametrize("text", ["text", "Utterance", "sentence", "review_text", "Query"])
@pytest.mark.parametrize("label", ["label", "Intent", "category", "true_label", "target"])
def test_columns_are_found_by_their_names(text, label):
    columns = chosen({"id": NUMBERS, label: LABELS, text: TEXTS})
    assert (columns.item, columns.label, columns.kind) == (text, label, "text")
    assert f"the texts of column {text!r}, and their labels are in {label!r}" in columns.messages[0]
    assert "Not used: 'id'" in columns.messages[0]


def test_a_whole_name_comes_before_a_name_with_the_word_in_it():
    columns = chosen({"text": TEXTS, "label": NUMBERS, "label_text": LABELS})
    assert columns.label == "label"


def test_columns_are_found_by_what_they_hold():
    columns = chosen({"was": TEXTS, "ist": LABELS})
    assert (columns.item, columns.label) == ("was", "ist")


def test_a_single_other_column_is_the_label():
    columns = chosen({"text": TEXTS, "ist": ["a", "b", "c", "d"]})
    assert columns.label == "ist"


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        (
            {"text": TEXTS, "title": TEXTS, "label": LABELS},
            r"may be the examples: 'text', 'title'.*`item_column`",
        ),
        (
            {"text": TEXTS, "label": LABELS, "class": LABELS},
            r"may be their labels: 'label', 'class'.*`label_column`",
        ),
        ({"text": TEXTS, "a": LABELS, "b": LABELS}, r"may be their labels: 'a', 'b'"),
        ({"a": TEXTS, "b": TEXTS, "label": LABELS}, r"may be the examples: 'a', 'b'"),
        ({"image": ["a.png"] * 4, "text": TEXTS, "label": LABELS}, r"'image', 'text'"),
        (
            {"a": NUMBERS, "b": NUMBERS, "sex": ["m", "f", "f", "m"], "label": LABELS},
            r"hold numbers, but 'sex' is",
        ),
        ({"label": LABELS}, r"no column holds texts"),
        ({"text": TEXTS}, r"has no column of labels\. Add one"),
        ({"text": TEXTS, "note": [None] * 4}, r"has no column of labels\. Add one"),
    ],
)
def test_what_cannot_be_told_is_an_error_that_names_the_candidates(columns, problem):
    with pytest.raises(DataError, match=problem):
        chosen(columns)


def test_a_name_that_is_given_settles_it():
    table = {"text": TEXTS, "title": TEXTS, "label": LABELS, "class": LABELS}
    columns = chosen(table, item_column="title", label_column="class")
    assert (columns.item, columns.label) == ("title", "class")


def test_a_wrong_name_is_an_error_that_says_what_may_be_meant():
    with pytest.raises(InputError, match=r"no column 'txt' \(`item_column`\); did you mean 'text'"):
        chosen({"text": TEXTS, "label": LABELS}, item_column="txt")
    with pytest.raises(InputError, match="cannot be both"):
        chosen({"text": TEXTS, "label": LABELS}, item_column="text", label_column="text")


TEXT_MODEL = {"kind": "text", "item_column": "message", "label_column": "label"}


@pytest.mark.parametrize("labelled", [True, False])
def test_a_column_that_a_model_reads_is_renamed_and_not_given_by_an_option(labelled):
    with pytest.raises(InputError, match="model reads a column called 'message'") as caught:
        chosen({"age": NUMBERS, "label": LABELS, "words": TEXTS}, labelled=labelled, origin=TEXT_MODEL)
    told = str(caught.value)
    assert (
        "`" not in told and "mean" not in told and "Rename the column of the examples to 'message'." in told
    )


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"age": NUMBERS}, "The model reads texts: give a table with a column of them."),
        ({"text": TEXTS, "title": TEXTS}, "'text', 'title'. Leave the others out of the table."),
    ],
)
def test_what_a_model_cannot_choose_is_mended_in_the_table(columns, told):
    with pytest.raises(DataError) as caught:
        chosen(columns, labelled=False, origin={"kind": "text"})
    assert str(caught.value).endswith(told)


def test_the_kind_settles_which_of_two_columns():
    table = {"image": ["a.png"] * 4, "text": TEXTS, "label": LABELS}
    assert chosen(table, kind="image").item == "image"
    assert chosen(table, kind="text").item == "text"


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["a.PNG", "b/c.jpeg"] * 2, "image"), (["a.wav"] * 4, "sound"), (["a.txt"] * 4, "text")],
)
def test_names_of_files_tell_the_kind(values, kind):
    columns = chosen({"file": values, "label": LABELS})
    assert (columns.kind, columns.form) == (kind, f"{kind} files")


def test_texts_that_end_like_a_file_are_texts():
    columns = chosen({"text": ["please have a look at my picture.png", "hello"] * 2, "label": LABELS})
    assert columns.form == "texts"


def test_numbers_alone_are_vectors_and_what_numbers_the_rows_is_left_out():
    columns = chosen({"id": NUMBERS, "a": NUMBERS, "b": NUMBERS, "label": LABELS})
    assert (columns.kind, columns.features, columns.item) == ("vector", ("a", "b"), None)
    assert "numbers the rows: 'id'" in columns.messages[0]


def test_a_letter_within_a_name_tells_nothing():
    columns = chosen({"position_x": NUMBERS, "position_y": NUMBERS, "thing": LABELS})
    assert (columns.features, columns.label) == (("position_x", "position_y"), "thing")


def test_the_one_column_of_words_beside_numbers_is_their_label():
    columns = chosen({"a": NUMBERS, "b": NUMBERS, "wine": LABELS})
    assert (columns.kind, columns.label) == ("vector", "wine")


def test_texts_beside_numbers_that_repeat_are_the_examples():
    for numbers in ({"stars": ["1", "1", "2", "2"]}, {"stars": ["1", "1", "2", "2"], "row": NUMBERS}):
        columns = chosen({"satz": TEXTS, **numbers})
        assert (columns.kind, columns.item, columns.label) == ("text", "satz", "stars")


def test_numbers_alone_do_not_tell_which_of_them_is_the_label():
    with pytest.raises(DataError, match=r"may be their labels: 'a', 'b'.*`label_column`"):
        chosen({"a": NUMBERS, "b": NUMBERS})
    assert chosen({"a": NUMBERS, "b": NUMBERS}, label_column="b").features == ("a",)
    assert chosen({"a": NUMBERS, "b": NUMBERS}, labelled=False).features == ("a", "b")


def test_a_first_line_that_is_an_example_is_refused():
    with pytest.raises(
        DataError, match=r"the first line, 'good day to you' and 'greeting', looks like an example"
    ):
        chosen({"good day to you": TEXTS, "greeting": LABELS})


def test_what_is_to_be_predicted_needs_no_label():
    columns = chosen({"text": TEXTS, "a": LABELS, "b": LABELS}, labelled=False)
    assert (columns.item, columns.label) == ("text", None)
    assert "labels" not in columns.messages[0]


def test_vectors_are_read_from_the_columns_of_those_before():
    origin = {"kind": "vector", "item_column": None, "features": ["b", "a"]}
    columns = chosen({"a": NUMBERS, "b": NUMBERS, "c": TEXTS}, labelled=False, origin=origin)
    assert columns.features == ("b", "a")
    with pytest.raises(DataError, match=r"lacks 'b', which the examples before had"):
        chosen({"a": NUMBERS}, labelled=False, origin=origin)


def test_texts_are_read_from_the_column_of_those_before():
    origin = {"kind": "text", "item_column": "title", "features": None}
    assert chosen({"text": TEXTS, "title": TEXTS}, labelled=False, origin=origin).item == "title"


def test_a_plain_name_of_labels_wins_over_numbers_that_may_be_features():
    columns = chosen({"x": NUMBERS, "y": NUMBERS, "label": LABELS})
    assert (columns.features, columns.label) == (("x", "y"), "label")
    columns = chosen({"a": NUMBERS, "target": [1, 2, 3, 4], "class": LABELS})
    assert (columns.features, columns.label) == (("a", "target"), "class")


def test_numbers_that_repeat_the_labels_and_texts_beside_them_are_not_chosen_between():
    codes = [1 + 7 * (label == LABELS[0]) for label in LABELS]
    for other in (codes, ["p", "q", "r", "s"]):
        with pytest.raises(DataError, match="several columns may be their labels"):
            chosen({"a": NUMBERS, "target": other, "label": LABELS})
