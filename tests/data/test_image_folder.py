"""Which files of a folder are images, and which folders are classes."""

import os
import warnings

import pytest

from polytask.core import DataError, DataWarning
from polytask.data import ImagePreparation, image_files, image_folder

Image = pytest.importorskip("PIL.Image")


def put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (9, 9), 255).save(path, "PNG")


@pytest.fixture
def folder(tmp_path):
    for name in "abc":
        put(tmp_path / "images" / name / "1.png")
    return tmp_path / "images"


def names(folder, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return image_folder(folder, **settings).class_names


def test_what_systems_leave_behind_is_no_class_and_no_image(folder):
    for path in (
        ".ipynb_checkpoints/1.png",
        "a/.ipynb_checkpoints/1.png",
        "__MACOSX/a/1.png",
        "a/@eaDir/1.png",
    ):
        put(folder / path)
    for path in ("a/._1.png", "a/.DS_Store", "a/Thumbs.db", "desktop.ini", ".git/config.png"):
        put(folder / path)
    assert names(folder) == ("a", "b", "c")
    assert [file.name for file in image_files(folder)] == ["1.png"] * 3


def test_a_hidden_folder_can_be_asked_for(tmp_path):
    put(tmp_path / ".hidden" / "a" / "1.png")
    assert names(tmp_path / ".hidden") == ("a",)


@pytest.mark.parametrize("name", ["1.JPG", "1.jfif", "1.Tiff", "1.jpe", "1.pgm", "1.PNG"])
def test_endings_of_all_kinds_are_images(folder, name):
    put(folder / "d" / name)  # what is in the file decides how it is read
    assert names(folder) == ("a", "b", "c", "d")


def test_class_folders_without_an_image_are_named(folder):
    (folder / "empty").mkdir()
    (folder / "new" / "deep").mkdir(parents=True)
    (folder / "phone").mkdir()
    (folder / "phone" / "1.heic").write_bytes(b"?")
    with pytest.warns(
        DataWarning, match=r"3 class folders.*empty \(empty\).*deep.*phone \(1 other files\)"
    ) as told:
        assert image_folder(folder).class_names == ("a", "b", "c")
    assert "1.heic" in str(told[0].message)


def test_files_that_are_left_out_are_named(folder):
    put(folder / "cover.png")  # beside the class folders
    (folder / "a" / "notes.txt").write_text("mine")
    with pytest.warns(DataWarning, match=r"2 files are left out: .*notes\.txt, .*cover\.png"):
        image_folder(folder)


def test_an_unreadable_class_folder_is_named(folder, monkeypatch):
    scan = os.scandir

    def guarded(path):
        if str(path).endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", guarded)
    with pytest.warns(DataWarning, match=r"1 class folder.*b \(Permission denied\)"):
        assert image_folder(folder).class_names == ("a", "c")
    with pytest.raises(DataError, match="cannot be read"):
        image_folder(folder / "b")


def test_linked_class_folders_are_followed(folder, tmp_path):
    put(tmp_path / "elsewhere" / "1.png")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    assert names(folder) == ("a", "b", "c", "linked")
    (tmp_path / "door").symlink_to(folder)
    assert names(tmp_path / "door") == ("a", "b", "c", "linked")


def test_links_in_a_circle_and_to_known_folders_make_no_class(folder):
    (folder / "a" / "back").symlink_to(folder)
    (folder / "up").symlink_to(folder.parent)
    (folder / "again").symlink_to(folder / "b")
    (folder / "self").symlink_to("self")
    with pytest.warns(DataWarning, match=r"again \(a link to .*b\)"):
        assert image_folder(folder).class_names == ("a", "b", "c")


def test_names_that_are_no_text_can_be_written(folder):
    raw = os.fsencode(folder) + b"/caf\xe9"
    try:
        os.mkdir(raw)  # noqa: PTH102 - a name in bytes
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    (folder / "a" / "1.png").rename(os.fsdecode(raw + b"/1.png"))
    (folder / "a").rmdir()
    assert names(folder) == ("b", "c", "caf\\xe9")


def test_groups_are_the_folders_above(tmp_path):
    for path in ("g/a/1.png", "g/b/1.png", "h/a/1.png", "c/1.png"):
        put(tmp_path / path)
    found = image_folder(tmp_path)
    assert found.class_names == ("c", "g/a", "g/b", "h/a") and found.class_groups == ("c", "g", "g", "h")


def test_images_are_read_as_a_model_reads_them(folder):
    preparation = ImagePreparation(size=16, channels=3, ground="dark")
    with pytest.warns(DataWarning, match="negatives"):
        found = image_folder(folder, preparation=preparation)
    assert found.inputs.shape == (3, 3, 16, 16) and found.inputs.min() == 255 and found.images == preparation
    assert found.of_classes([0]).images == preparation


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "no file or folder.*one folder of images"),
        ("a/1.png", "is a file and no folder"),
        ("a", "no folders with"),
    ],
)
def test_a_folder_without_classes_is_refused(folder, path, message):
    with warnings.catch_warnings(), pytest.raises(DataError, match=message):
        image_folder(folder / path)


def test_one_file_is_itself_and_a_missing_one_is_named(folder):
    assert image_files(folder / "a" / "1.png") == [folder / "a" / "1.png"]
    for path in ("nowhere", "x\0y", "n" * 300):
        with pytest.raises(DataError, match="no file or folder"):
            image_files(folder / path)


def test_the_parts_of_a_split_are_no_groups_in_silence(tmp_path):
    for part in ("train", "Val", "test"):
        put(tmp_path / part / "cat" / "1.png")
    with pytest.warns(DataWarning, match=r"Val, test, train look like the parts of a split.*Give one"):
        assert image_folder(tmp_path).n_classes == 3
    put(tmp_path / "other" / "cat" / "1.png")
    assert len(names(tmp_path)) == 4


def test_a_class_inside_a_class_is_no_secret(folder):
    put(folder / "a" / "more" / "2.png")
    with pytest.warns(
        DataWarning, match=r"1 folder inside class folders counts as a class of its own.*a/more"
    ):
        assert image_folder(folder).class_names == ("a", "a/more", "b", "c")
