"""Folders: a folder a class, hostile ones too."""

import pytest

from polytask.core import DataError, InputError
from polytask.data import read_examples

Image = pytest.importorskip("PIL.Image")


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (5, 4), "red").save(path)


def text(path, content="hello"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture
def root(tmp_path):
    for name in ("cat/1.png", "cat/2.PNG", "dog/1.jpg"):
        image(tmp_path / name)
    return tmp_path


def test_a_folder_is_a_class(root):
    found = read_examples(root, labelled=True)
    assert (found.kind, found.labels) == ("image", ("cat", "cat", "dog"))
    assert found.index.tolist() == ["cat/1.png", "cat/2.PNG", "dog/1.jpg"] and found.index.name == "file"
    assert found.items[0].shape == (4, 5, 3)
    assert found.messages == ("Read 3 images of 2 classes, by the endings of the files.",)
    assert found.origin == {"source": "files", "kind": "image"}


def test_texts_in_folders_do(tmp_path):
    text(tmp_path / "good" / "a.txt", "fine")
    text(tmp_path / "bad" / "a.txt", "awful")
    found = read_examples(str(tmp_path), labelled=True)
    assert (found.kind, found.items, found.labels) == ("text", ("awful", "fine"), ("bad", "good"))


def test_an_empty_text_is_an_error_to_learn_from_only(tmp_path):
    text(tmp_path / "good" / "a.txt", " \n")
    text(tmp_path / "bad" / "a.txt", "awful")
    with pytest.raises(DataError, match=r"empty in good/a\.txt"):
        read_examples(tmp_path, labelled=True)
    assert read_examples(tmp_path, labelled=False).items == ("awful", " \n")


def test_hidden_files_and_clutter_are_passed_over(root):
    for name in (".DS_Store", "._1.png", "Thumbs.db"):
        (root / "cat" / name).write_bytes(b"x")
    image(root / ".hidden" / "1.png")
    assert len(read_examples(root, labelled=True).messages) == 1


def test_links_in_a_circle_end(root):
    (root / "cat" / "loop").symlink_to(root)
    (root / "itself").symlink_to(root / "itself")
    found = read_examples(root, labelled=True)
    assert found.labels == ("cat", "cat", "dog")
    assert any("loop" in note for note in found.messages)


def test_damaged_files_are_left_out_and_named(root):
    (root / "cat" / "0.png").write_bytes(b"no image")
    found = read_examples(root, labelled=True)
    assert found.labels == ("cat", "cat", "dog") and found.index[0] == "cat/1.png"
    assert any("1 of 4 files left out" in note and "0.png is no readable" in note for note in found.messages)
    with pytest.raises(DataError, match=r"0\.png is no readable image"):
        read_examples(root, labelled=False)


def test_a_class_of_damaged_files_alone_is_named(root):
    (root / "dog" / "1.jpg").write_bytes(b"no image")
    assert any("No file of 'dog' can be read" in note for note in read_examples(root, labelled=True).messages)


def test_damaged_files_alone_are_an_error(root):
    for file in root.rglob("*.*"):
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match=r"There are 3 problems"):
        read_examples(root, labelled=True)


def test_two_kinds_are_an_error_that_names_both(root):
    text(root / "dog" / "notes.txt")
    with pytest.raises(DataError, match=r'holds 3 images and 1 text.*`kind="image"` or `kind="text"`'):
        read_examples(root, labelled=True)
    found = read_examples(root, labelled=True, kind="image")
    assert len(found) == 3 and any("notes.txt" in note for note in found.messages)


def test_files_beside_the_class_folders_are_left_out_and_named(root):
    image(root / "overview.png")
    text(root / "readme.txt")
    found = read_examples(root, labelled=True)
    assert len(found) == 3
    assert any("overview.png" in note and "readme.txt" in note for note in found.messages)


def test_a_folder_around_the_class_folders_is_looked_into(root, tmp_path_factory):
    around = tmp_path_factory.mktemp("around")
    root.rename(around / "archive")
    found = read_examples(around, labelled=True)
    assert set(found.labels or ()) == {"cat", "dog"}
    assert any("class folders are in archive" in note for note in found.messages)


def test_one_class_alone_keeps_its_name(tmp_path):
    image(tmp_path / "cat" / "1.png")
    assert read_examples(tmp_path, labelled=True).labels == ("cat",)


def test_the_parts_of_a_split_are_no_classes(tmp_path):
    for part in ("train", "test"):
        image(tmp_path / part / "cat" / "1.png")
        image(tmp_path / part / "dog" / "1.png")
    with pytest.raises(DataError, match=r"test, train in .* parts of a split.*Give one of them"):
        read_examples(tmp_path, labelled=True)


def test_classes_may_be_called_like_the_parts_of_a_split(tmp_path):
    for name in ("test", "train"):
        image(tmp_path / name / "1.png")
    assert read_examples(tmp_path, labelled=True).labels == ("test", "train")


def test_a_class_inside_a_class_counts_and_is_named(root):
    image(root / "cat" / "wild" / "1.png")
    found = read_examples(root, labelled=True)
    assert "cat/wild" in (found.labels or ())
    assert any(
        "inside class folders counts as a class of its own (e.g. cat/wild)" in m for m in found.messages
    )


def test_without_class_folders_the_error_says_what_to_do(tmp_path):
    image(tmp_path / "1.png")
    with pytest.raises(
        DataError, match=r"no folder with examples in it; 1 file .* Put the files of each class"
    ):
        read_examples(tmp_path, labelled=True)
    (tmp_path / "labels.csv").write_text("file,label\n1.png,a\n")
    with pytest.raises(DataError, match=r"If .*labels\.csv says their labels, give that file"):
        read_examples(tmp_path, labelled=True)


def test_a_folder_without_examples_is_an_error(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.xyz").write_text("?")
    with pytest.raises(
        DataError, match=r"examples in it; there are 1 other file \(ending: \.xyz\)\. Put each"
    ):
        read_examples(tmp_path, labelled=True)
    with pytest.raises(
        DataError, match=r"There are no images, sounds or texts in .*; there are 1 other file"
    ):
        read_examples(tmp_path, labelled=False)


def test_what_is_to_be_predicted_is_a_flat_folder_or_one_file(root):
    found = read_examples(root / "cat", labelled=False)
    assert found.labels is None and found.index.tolist() == ["1.png", "2.PNG"]
    found = read_examples(root / "dog" / "1.jpg", labelled=False)
    assert len(found) == 1 and found.index.tolist() == [str(root / "dog" / "1.jpg")]
    assert read_examples(root, labelled=False).labels is None


def test_one_file_is_no_support(root):
    with pytest.raises(DataError, match="one example, without a label"):
        read_examples(root / "dog" / "1.jpg", labelled=True)


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no file or folder .*nowhere.* a text itself is given in a list"):
        read_examples(tmp_path / "nowhere", labelled=False)
    with pytest.raises(DataError, match="no file or folder"):
        read_examples("a" * 10_000, labelled=False)
    with pytest.raises(InputError, match="A path is empty"):
        read_examples("", labelled=False)


def test_vectors_are_no_files(root):
    with pytest.raises(DataError, match="rows of a table"):
        read_examples(root, labelled=True, kind="vector")
