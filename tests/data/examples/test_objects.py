"""Examples in memory: lists, pairs, classes, arrays, images, sounds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from polytask.core import DataError, InputError
from polytask.data import Examples, LabelledExamples, Sound, read_examples
from polytask.datasets import glyphs

Image = pytest.importorskip("PIL.Image")
TEXTS = ["a cat", "a dog", "bread"]
WANTED = ("pet", "pet", "food")


class Dataset:
    """What torch calls a dataset of the map style."""

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return TEXTS[index], WANTED[index]


@pytest.mark.parametrize(
    ("source", "labels"),
    [
        (TEXTS, ["pet", "pet", "food"]),
        (tuple(TEXTS), np.array(["pet", "pet", "food"])),
        (np.array(TEXTS), pd.Series(["pet", "pet", "food"], index=[4, 5, 6])),
        (pd.Series(TEXTS), ("pet", "pet", "food")),
        (list(zip(TEXTS, WANTED, strict=True)), None),
        ({"pet": TEXTS[:2], "food": TEXTS[2:]}, None),
        ({"text": TEXTS, "label": list(WANTED)}, None),
        (Dataset(), None),
    ],
)
def test_texts_in_every_form_are_the_same(source, labels):
    found = read_examples(source, labelled=True, labels=labels)
    assert (found.kind, found.items, found.labels) == ("text", tuple(TEXTS), WANTED)


@pytest.mark.parametrize("name", ["item_column", "label_column"])
def test_columns_of_what_is_no_table_are_refused(name, tmp_path):
    for source in (TEXTS, np.eye(3), pd.Series(TEXTS), torch.eye(3)):
        with pytest.raises(InputError, match=rf"`{name}` is of a table, but the examples come as .*Leave it"):
            read_examples(source, labelled=True, labels=["a", "b", "c"], **{name: "text"})
    with pytest.raises(InputError, match=rf"`{name}` is of a table, but .* is a folder"):
        read_examples(tmp_path, labelled=True, **{name: "text"})
    (tmp_path / "one.txt").write_text("a cat")
    with pytest.raises(InputError, match=r"`label_column` is of a table, but .*one.* is none"):
        read_examples(tmp_path / "one.txt", labelled=False, label_column="text")


def test_a_series_keeps_its_index():
    found = read_examples(pd.Series(TEXTS, index=["x", "y", "z"]), labelled=False)
    assert found.index.tolist() == ["x", "y", "z"]


def test_rows_of_an_array_are_vectors():
    found = read_examples(np.eye(3), labelled=True, labels=torch.tensor([2, 0, 1]))
    assert (found.kind, found.labels) == ("vector", ("2", "0", "1"))
    assert found.items[1].tolist() == [0, 1, 0]


@pytest.mark.parametrize("shape", [(2, 4, 5), (2, 3, 4, 5), (2, 4, 5, 3)])
def test_arrays_of_more_dimensions_are_images(shape):
    found = read_examples(torch.zeros(shape), labelled=True, labels=["a", "b"])
    assert found.kind == "image" and found.items[0].shape == (4, 5, 3)


def test_images_of_pillow_and_sounds_are_read_one_or_several():
    image, sound = Image.new("RGB", (5, 4)), Sound(np.ones(8), 8000)
    assert read_examples(image, labelled=False).items[0].shape == (4, 5, 3)
    assert read_examples(sound, labelled=False).items == (sound,)
    assert read_examples({"a": [sound], "b": [sound]}, labelled=True).kind == "sound"
    assert read_examples([(image, 0), (image, 1)], labelled=True).labels == ("0", "1")


def test_paths_are_files_and_so_are_texts_that_name_images(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (5, 4)).save(path)
    for source in ([path], [str(path)]):
        found = read_examples(source, labelled=True, labels=["a"])
        assert found.kind == "image" and found.index.tolist() == [str(path)]
    assert read_examples(["no such a.png"], labelled=False).kind == "text"
    assert read_examples([str(path)], labelled=False, kind="text").items == (str(path),)


def test_examples_of_polytask_are_read():
    drawn = glyphs("test", n_samples=1).of_classes(range(3))
    found = read_examples(drawn, labelled=True)
    assert found.kind == "image" and found.labels == drawn.class_names
    numbers = LabelledExamples(
        inputs=torch.eye(2), labels=torch.tensor([1, 0]), class_names=("a", "b"), class_groups=("a", "b")
    )
    assert read_examples(numbers, labelled=True).labels == ("b", "a")
    assert read_examples(numbers, labelled=False).labels is None


def test_without_labels_a_dictionary_is_only_a_way_to_hold_examples():
    assert read_examples({"a": TEXTS[:1], "b": TEXTS[1:]}, labelled=False).items == tuple(TEXTS)


@pytest.mark.parametrize(
    ("source", "options", "kind", "problem"),
    [
        (TEXTS, {}, InputError, "have no labels. Give `labels`"),
        (TEXTS, {"labels": ["a"]}, InputError, "There are 3 examples, but 1 label"),
        (TEXTS, {"labels": "abc"}, InputError, "`labels` is a list"),
        (TEXTS, {"labels": np.zeros((3, 1))}, InputError, r"got the shape \[3, 1\]"),
        (TEXTS, {"labels": ["a", None, ""]}, DataError, "2 of 3 .*example 2, example 3"),
        ([*TEXTS, ""], {"labels": list("abcd")}, DataError, "the text is empty in example 4"),
        ([], {"labels": []}, DataError, "the list is empty"),
        ({}, {}, DataError, "the dictionary is empty"),
        ({"pet": TEXTS, "food": []}, {}, DataError, "Class 'food' has no examples"),
        ({"pet": "a cat"}, {}, InputError, "that of 'pet' is str. Put it into a list"),
        ({"pet": TEXTS}, {"labels": ["a"]}, InputError, "labels already"),
        (["a", np.zeros(3)], {"labels": [0, 1]}, DataError, "holds 1 text and 1 vector"),
        ([object()], {"labels": [0]}, DataError, "Example 1 is object, of which the kind cannot be told"),
        ([{1}, {2}], {"labels": [0, 1]}, DataError, "Example 1 is set"),
        (np.zeros(3), {"labels": [0, 1, 2]}, DataError, r"got \[3\].* `array\[None\]`"),
        (np.zeros((2, 2, 2, 2, 2)), {"labels": [0, 1]}, DataError, "row for each example"),
        (object(), {}, InputError, "not object"),
        (3, {}, InputError, "not int"),
        (TEXTS, {"labels": list("abc"), "kind": "txet"}, InputError, "`kind` is 'txet'; did you mean 'text'"),
        (TEXTS, {"labels": list("abc"), "kind": "vector"}, DataError, "example 1, .* is no list of numbers"),
        (
            TEXTS,
            {"labels": list("abc"), "item_column": 3},
            InputError,
            "`item_column` is the name of a column",
        ),
        (
            [Path("no.png")],
            {"labels": ["a"]},
            DataError,
            "no.png is no readable image .there is no such file",
        ),
        (
            ["no.png", "nor.png"],
            {"labels": ["a", "b"]},
            DataError,
            "There are 2 problems:\n- no.png is no readable",
        ),
        ([Path("no.xyz")], {"labels": ["a"]}, DataError, "the file no.xyz, of which the kind cannot be told"),
    ],
)
def test_what_cannot_be_read_is_told(source, options, kind, problem):
    with pytest.raises(kind, match=problem):
        read_examples(source, labelled=True, **options)


def test_labels_are_refused_for_what_is_to_be_predicted_and_where_the_source_has_them(tmp_path):
    with pytest.raises(InputError, match="needs no `labels`"):
        read_examples(TEXTS, labelled=False, labels=["a", "b", "c"])
    with pytest.raises(InputError, match="in the folders already"):
        read_examples(tmp_path, labelled=True, labels=["a"])


def test_a_bad_image_of_a_list_is_refused_by_its_number():
    with pytest.raises(DataError, match=r"example 2: .*shape \[2, 2, 9\]"):
        read_examples([np.zeros((2, 2, 3)), np.zeros((2, 2, 9))], labelled=False)


def test_examples_check_their_numbers():
    with pytest.raises(DataError, match="differ in number: 1, 2 and 1"):
        Examples(kind="text", items=("a",), labels=("x", "y"), index=pd.RangeIndex(1), messages=(), origin={})


def test_what_was_read_before_is_taken_as_it_is():
    support = read_examples({"pet": TEXTS}, labelled=True)
    assert read_examples(support, labelled=True) is support
    again = read_examples(support, labelled=False)
    assert again.labels is None and again.items == support.items
    assert read_examples(again, labelled=True, labels=["x", "y", "z"]).labels == ("x", "y", "z")
    with pytest.raises(InputError, match="read without labels"):
        read_examples(again, labelled=True)
    with pytest.raises(InputError, match="are texts, not images"):
        read_examples(support, labelled=True, kind="image")


def test_sounds_as_hugging_face_has_them_are_sounds():
    cell = {"array": [0.0, 0.5], "sampling_rate": 16_000, "path": None}
    found = read_examples([{"audio": cell, "label": 1}], labelled=True)
    assert found.kind == "sound" and found.items[0].rate == 16_000
