"""Loaders of sets with several tasks: on small files of our own, and on the real ones where they are."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from polytask.core import DataError, InputError
from polytask.data import JointSource, LabelledExamples
from polytask.datasets import (
    census_income,
    chembl5,
    fashion_titles,
    multi_mnist,
    sarcos_test,
    spoken_digits,
    tox21,
)

needs_data = pytest.mark.skipif(
    not os.environ.get("POLYTASK_DATA"), reason="POLYTASK_DATA names no folder with the real sets"
)


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    made = tmp_path / request.param
    made.mkdir()
    return made


def in_folder(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("folder", [name], indirect=True)


@in_folder("sarcos_test")
def test_the_last_columns_of_sarcos_are_torques(folder):
    table = np.arange(5 * 28, dtype=np.float64).reshape(5, 28)
    savemat(folder / "sarcos_inv_test.mat", {"sarcos_inv_test": table})
    found = sarcos_test(folder.parent)
    assert found.data.inputs.shape == (5, 21)
    assert found.data.targets["torque 1"].tolist() == table[:, 21].tolist()
    assert found.feature_names[7] == "velocity 1"


@in_folder("sarcos_test")
def test_another_table_is_not_taken_for_sarcos(folder):
    savemat(folder / "sarcos_inv_test.mat", {"sarcos_inv_test": np.zeros((5, 27))})
    with pytest.raises(DataError, match=r"holds an array \(5, 27\)"):
        sarcos_test(folder.parent)


PERSON = ["38", *["x"] * 6, "Never married", *["?"] * 33, "- 50000."]


@in_folder("census_income_kdd")
@pytest.mark.parametrize("packed", [True, False])
def test_income_and_marriage_are_read_from_the_census(folder, packed):
    other = [*PERSON[:7], "Widowed", *PERSON[8:-1], "50000+."]
    text = "\n".join(", ".join(row) for row in (PERSON, other)) + "\n"
    if packed:
        (folder / "census-income.test.gz").write_bytes(gzip.compress(text.encode()))
    else:
        (folder / "census-income.test").write_text(text)
    table = census_income(folder.parent)
    assert table["income above 50k"].tolist() == [0, 1]
    assert table["never married"].tolist() == [1, 0]
    assert table["age"].tolist() == [38, 38]
    assert table["country of birth"].isna().all()


@in_folder("census_income_kdd")
def test_a_row_of_another_width_is_not_taken_for_the_census(folder):
    (folder / "census-income.test").write_text("1, 2, 3\n")
    with pytest.raises(DataError, match=r"rows of \[3\] values, but each should have 42"):
        census_income(folder.parent)


@in_folder("census_income_kdd")
def test_a_missing_census_is_named(folder):
    with pytest.raises(DataError, match=r"census-income\.test is missing"):
        census_income(folder.parent)


def write_digits(folder: Path, **changed: np.ndarray) -> Path:
    arrays = {
        "audio": np.array([1, 2, 3, 4, 5, 2**14], dtype=np.int16),
        "offset": np.array([0, 2, 6]),
        "digit": np.array([7, 3], dtype=np.uint8),
        "speaker": np.array([1, 0], dtype=np.uint8),
        "take": np.array([4, 5], dtype=np.uint8),
        "speakers": np.array(["ann", "bo"]),
    }
    np.savez(folder / "fsdd_8k.npz", **(arrays | changed))
    return folder.parent


@in_folder("fsdd")
def test_spoken_digits_are_cut_or_filled_to_one_length(folder):
    found = spoken_digits(write_digits(folder))
    posed = found.examples(n_samples=3)
    assert (posed.data.inputs * 2**15).tolist() == [[1, 2, 0], [3, 4, 5]]
    assert posed.data.targets["digit"].tolist() == [7, 3]
    assert posed.tasks[1].labels == ("ann", "bo")


@in_folder("fsdd")
def test_the_first_five_takes_are_for_testing(folder):
    train, test = spoken_digits(write_digits(folder)).official_split()
    assert (train.tolist(), test.tolist()) == ([1], [0])


@in_folder("fsdd")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"offset": np.array([0, 2, 5])}, "do not fit 6 samples"),
        ({"digit": np.array([10, 3])}, "a digit is above 9"),
        ({"speaker": np.array([2, 0])}, "a speaker has no name"),
        ({"take": np.array([1])}, "1 takes do not fit"),
    ],
)
def test_recordings_that_do_not_fit_are_refused(folder, changed, message):
    with pytest.raises(DataError, match=message):
        spoken_digits(write_digits(folder, **changed))


@in_folder("fsdd")
def test_a_damaged_archive_of_recordings_is_named(folder):
    (folder / "fsdd_8k.npz").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="cannot be read as recordings"):
        spoken_digits(folder.parent)


@in_folder("fashion_styles")
def test_titles_stand_beside_their_labels_and_missing_ones_are_missing(folder):
    (folder / "styles.csv").write_text(
        "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage\n"
        "1,Men,Apparel,Topwear,Shirts,NA,Fall,2011,\n"
    )
    (folder / "styles_text.csv").write_text("productDisplayName\nA shirt\n")
    table = fashion_titles(folder.parent)
    assert table.columns[0] == "title" and table["title"].tolist() == ["A shirt"]
    assert table["baseColour"].tolist() == ["NA"]
    assert table["usage"].isna().all()


@in_folder("fashion_styles")
def test_titles_of_other_products_are_refused(folder):
    (folder / "styles.csv").write_text(
        "gender,masterCategory,subCategory,articleType,baseColour,season,usage\n1,2,3,4,5,6,7\n"
    )
    (folder / "styles_text.csv").write_text("productDisplayName\nA shirt\nA hat\n")
    with pytest.raises(DataError, match=r"has 1 rows, and styles_text\.csv has 2"):
        fashion_titles(folder.parent)


@in_folder("fashion_styles")
def test_a_file_without_labels_names_what_it_lacks(folder):
    (folder / "styles.csv").write_text("id,gender\n1,Men\n")
    with pytest.raises(DataError, match="lacks the columns masterCategory"):
        fashion_titles(folder.parent)


def drawn() -> LabelledExamples:
    images = torch.zeros(4, 1, 28, 28, dtype=torch.uint8)
    for digit, image in enumerate(images):
        image[0, 3, 3] = 50 * (digit + 1)
    return LabelledExamples(
        inputs=images,
        labels=torch.arange(4),
        class_names=tuple("0123"),
        class_groups=("digit",) * 4,
    )


def test_the_right_digit_stands_eight_pixels_below_and_beside_the_left_one():
    data = multi_mnist(drawn(), 50).data
    for side, place in (("left", 3), ("right", 11)):
        expected = 50 * (data.targets[side] + 1) / 255
        torch.testing.assert_close(data.inputs[:, 0, place, place], expected)


def test_canvases_repeat_with_the_seed_and_use_the_allowed_digits_alone():
    first, again = (multi_mnist(drawn(), 50, seed=3, rows=torch.tensor([1, 2])).data for _ in range(2))
    assert torch.equal(first.inputs, again.inputs)
    assert set(first.targets["left"].tolist()) == {1, 2}


def test_no_canvas_can_be_made_of_a_single_digit():
    with pytest.raises(InputError, match="needs two digits"):
        multi_mnist(drawn(), 50, rows=torch.tensor([1]))


def write_molecules(folder: Path, **changed: np.ndarray) -> Path:
    arrays = {
        "fp": np.full((3, 128), 128, dtype=np.uint8),
        "y": np.array([[0, np.nan], [1, 1], [np.nan, np.nan]]),
        "tasks": np.array(["NR-AR", "SR-p53"]),
    }
    np.savez(folder / "tox21_ecfp4_1024.npz", **(arrays | changed))
    return folder.parent


@in_folder("mol_fps")
def test_assays_are_tasks_with_masks(folder):
    found = tox21(write_molecules(folder))
    posed = found.by_assay()
    assert [task.name for task in posed.tasks] == ["NR-AR", "SR-p53"]
    assert posed.data.masks["SR-p53"].tolist() == [False, True, False]
    assert posed.data.inputs[:, :9].tolist() == [[1, 0, 0, 0, 0, 0, 0, 0, 1]] * 3
    assert [task.name for task in found.by_assay(min_labels=2).tasks] == ["NR-AR"]
    assert found.joined().tasks[0].n_outputs == 2


@in_folder("mol_fps")
def test_an_unknown_assay_is_refused(folder):
    with pytest.raises(DataError, match="no assay 'NR-X'"):
        tox21(write_molecules(folder)).by_assay(["NR-X"])


@in_folder("mol_fps")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"fp": np.zeros((3, 64), dtype=np.uint8)}, "they should be"),
        ({"y": np.full((3, 2), 2.0)}, "0, 1 and NaN alone"),
        ({"tasks": np.array(["one"])}, "they should be"),
    ],
)
def test_fingerprints_that_do_not_fit_are_refused(folder, changed, message):
    with pytest.raises(DataError, match=message):
        tox21(write_molecules(folder, **changed))


@in_folder("mol_fps")
def test_a_missing_file_of_molecules_is_named(folder):
    with pytest.raises(DataError, match=r"tox21_ecfp4_1024\.npz is missing"):
        tox21(folder.parent)


@needs_data
def test_the_real_sets_have_the_published_counts():
    assert len(sarcos_test()) == 4449
    assert census_income().shape == (99_762, 43)
    assert fashion_titles().shape == (44_446, 8)
    digits = spoken_digits()
    assert len(digits.waves) == 3000
    assert len(digits.official_split()[1]) == 300
    molecules = tox21()
    assert molecules.labels.shape == (8006, 12)
    assert float(np.isnan(molecules.labels).mean()) == pytest.approx(0.17, abs=0.01)
    assert chembl5().labels.shape == (23_871, 691)


@needs_data
def test_six_of_a_hundred_people_earned_more_than_50k():
    assert census_income()["income above 50k"].mean() == pytest.approx(0.062, abs=0.001)


@needs_data
def test_real_torques_are_ready_for_joint_training():
    found = sarcos_test()
    batch, _ = found.standardized(torch.arange(3000))
    step = JointSource(found.tasks, batch, batch_size=64, seed=0).step(0)
    assert len(step[0].tasks) == 7
