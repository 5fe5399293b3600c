"""Tables of texts, files and numbers, from files and from memory."""

import numpy as np
import pandas as pd
import pytest

from polytask.core import DataError, InputError
from polytask.data import read_examples

Image = pytest.importorskip("PIL.Image")


def written(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_csv_file_of_texts_is_read_as_it_is_written(tmp_path):
    path = written(tmp_path, 'text,label\n"one, two",1\n 007 ,01\nNA,1.5\n')
    found = read_examples(path, labelled=True)
    assert found.kind == "text"
    assert found.items == ("one, two", "007", "NA")
    assert found.labels == ("1", "01", "1.5")
    assert found.index.tolist() == [0, 1, 2] and found.index.name is None
    assert found.origin["item_column"] == "text" and found.origin["label_column"] == "label"


@pytest.mark.parametrize(("name", "mark"), [("t.tsv", "\t"), ("t.csv", ";"), ("t.txt", "|")])
def test_other_delimiters_do(tmp_path, name, mark):
    path = written(tmp_path, f"\ufefftext{mark}label\nhi{mark}a\nbye{mark}b\n", name)
    assert read_examples(path, labelled=True).labels == ("a", "b")


def test_a_text_may_be_very_long(tmp_path):
    text = "word " * 100_000 + "end"
    assert read_examples(written(tmp_path, f"text,label\n{text},a\nx,b\n"), labelled=True).items[0] == text


def test_a_parquet_file_and_frames_of_other_libraries_do(tmp_path):
    pytest.importorskip("pyarrow")
    polars = pytest.importorskip("polars")
    frame = pd.DataFrame({"text": ["a", "b"], "label": [1.0, 2.0]}, index=[7, 9])
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_examples(tmp_path / "t.parquet", labelled=True).labels == ("1", "2")
    assert read_examples(frame, labelled=True).index.tolist() == [7, 9]
    rows = polars.DataFrame({"text": ["a", "b"], "label": [1, 2]})
    assert read_examples(rows, labelled=True).labels == ("1", "2")
    assert read_examples(rows.to_arrow(), labelled=True).items == ("a", "b")


def test_empty_texts_are_an_error_to_learn_from_and_none_to_predict(tmp_path):
    path = written(tmp_path, "text,label\nhi,a\n  ,b\n,b\n")
    with pytest.raises(DataError, match=r"t\.csv: the text is empty in row 2, row 3"):
        read_examples(path, labelled=True)
    assert read_examples(path, labelled=False).items == ("hi", "", "")
    frame = pd.DataFrame({"text": ["hi", None]})
    assert read_examples(frame, labelled=False).items == ("hi", "")


def test_missing_labels_are_named_by_row(tmp_path):
    with pytest.raises(DataError, match=r"t\.csv: 1 of 2 examples without a label: row 2"):
        read_examples(written(tmp_path, "text,label\nhi,a\nyo,\n"), labelled=True)


def test_another_encoding_is_told_by_line_and_byte(tmp_path):
    with pytest.raises(DataError, match=r"line 3: byte 0xe9 is not UTF-8"):
        read_examples(written(tmp_path, b"text,label\nhi,a\ncaf\xe9,b\n"), labelled=True)


@pytest.fixture
def pictures(tmp_path):
    (tmp_path / "images").mkdir()
    for index in range(3):
        Image.new("RGB", (4, 3), (10 * index, 0, 0)).save(tmp_path / "images" / f"{index}.png")
    return tmp_path


def test_names_of_files_begin_at_the_folder_of_the_table(pictures, monkeypatch):
    monkeypatch.chdir("/")
    path = written(pictures, "image,label\nimages/2.png,a\nimages/0.png,b\n")
    found = read_examples(path, labelled=True)
    assert found.kind == "image" and found.index.name == "file"
    assert found.index.tolist() == ["images/2.png", "images/0.png"]
    assert [item[0, 0, 0] for item in found.items] == [20, 0]


def test_files_that_are_not_there_are_named_by_row(pictures):
    path = written(pictures, "image,label\nimages/2.png,a\nimages/7.png,b\n")
    with pytest.raises(DataError, match=r"no file for 1 row of 2: row 2 \(images/7\.png\)"):
        read_examples(path, labelled=True)
    with pytest.raises(DataError, match=r"'image' is empty in row 1"):
        read_examples(written(pictures, "image,label\n,a\nimages/0.png,b\n"), labelled=True)


def test_a_damaged_file_is_left_out_with_its_label_and_named(pictures):
    (pictures / "images" / "1.png").write_bytes(b"no image")
    path = written(pictures, "image,label\nimages/0.png,a\nimages/1.png,b\nimages/2.png,c\n")
    found = read_examples(path, labelled=True)
    assert found.labels == ("a", "c") and found.index.tolist() == ["images/0.png", "images/2.png"]
    assert any("1 of 3 files left out" in note and "1.png" in note for note in found.messages)
    with pytest.raises(DataError, match=r"1\.png is no readable image"):
        read_examples(path, labelled=False)


def test_files_without_an_ending_are_read_where_the_kind_is_said(pictures):
    (pictures / "images" / "0.png").rename(pictures / "images" / "zero")
    path = written(pictures, "image,label\nimages/zero,a\nimages/1.png,b\n")
    assert read_examples(path, labelled=True, kind="image").kind == "image"


def test_encoded_images_in_a_table_are_images(pictures):
    content = (pictures / "images" / "1.png").read_bytes()
    frame = pd.DataFrame({"image": [{"bytes": content, "path": None}, {"bytes": content}], "label": [0, 1]})
    found = read_examples(frame, labelled=True)
    assert found.kind == "image" and found.items[0].shape == (3, 4, 3)


def test_numbers_are_vectors(tmp_path):
    found = read_examples(written(tmp_path, "a,b,label\n1,2.5,x\n3,4,y\n"), labelled=True)
    assert found.kind == "vector" and found.items[0].dtype == np.float32
    assert found.items[0].tolist() == [1, 2.5] and found.origin["features"] == ["a", "b"]
    new = written(tmp_path, "c,b,a\n9,2,1\n", "new.csv")
    assert read_examples(new, labelled=False, origin=found.origin).items[0].tolist() == [1, 2]


def test_missing_numbers_are_an_error_that_names_column_and_row(tmp_path):
    with pytest.raises(DataError, match=r"column 'b' is missing in row 1.*Fill it in"):
        read_examples(written(tmp_path, "a,b,label\n1,?,x\n3,4,y\n"), labelled=True)


def test_labels_beside_a_frame_do():
    frame = pd.DataFrame({"text": ["a", "b"]}, index=[5, 6])
    assert read_examples(frame, labelled=True, labels=["x", "y"]).labels == ("x", "y")
    with pytest.raises(InputError, match="2 rows, but there are 1 `labels`"):
        read_examples(frame, labelled=True, labels=["x"])


def test_a_list_of_dictionaries_is_a_table():
    rows = [{"text": "a", "label": True}, {"text": "b", "label": False}]
    assert read_examples(rows, labelled=True).labels == ("True", "False")


def test_a_text_file_is_a_table_where_it_has_the_column_and_one_text_elsewhere(tmp_path):
    table = written(tmp_path, "text,label\nhi,a\n", "t.txt")
    text = written(tmp_path, "Dear Sir,\nhi", "letter.txt")
    origin = {"kind": "text", "item_column": "text", "features": None}
    assert read_examples(table, labelled=False, origin=origin).items == ("hi",)
    assert read_examples(text, labelled=False, origin=origin).items == ("Dear Sir,\nhi",)


def test_two_columns_of_one_name_are_refused():
    frame = pd.DataFrame([["a", "b", 1]], columns=["text", "text", "label"])
    with pytest.raises(DataError, match="several columns are named 'text'"):
        read_examples(frame, labelled=True)
