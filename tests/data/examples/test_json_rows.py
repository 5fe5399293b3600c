"""JSON rows: an object a line, or a list; damage is told by line."""

import json

import pytest

from polytask.core import DataError
from polytask.data.examples.json_rows import read_json_rows


def written(folder, text, name="rows.jsonl"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_each_line_is_a_row_and_blank_lines_are_none(tmp_path):
    frame = read_json_rows(written(tmp_path, '\ufeff{"text": "a", "label": 1}\n\n  \n{"text": "b"}\r\n'))
    assert frame["text"].tolist() == ["a", "b"] and frame["label"].tolist() == [1, None]


def test_a_line_break_of_unicode_stays_within_a_text(tmp_path):
    text = "one\u2028two"
    frame = read_json_rows(written(tmp_path, json.dumps({"text": text}, ensure_ascii=False)))
    assert frame["text"].tolist() == [text]


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_a_list_of_objects_is_rows_too(tmp_path, name):
    path = written(tmp_path, '[{"text": "a"},\n {"text": "b"}]', name)
    assert read_json_rows(path)["text"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"text": "a"}\n{"text": \n', r"rows.jsonl, line 2: this is no JSON .*Write one object a line"),
        ('{"text": "a"}\n["b"]\n', r"line 2: an object was expected.*not list"),
        ('{"text": "a", "text": "b"}', r"line 1: .*the key 'text' stands twice"),
        ('{"text": "\\ud800"}', r"line 1"),
        ("\n\n", r"is empty; it needs a line for each example"),
        (b'{"text": "a"}\n{"text": "caf\xe9"}', r"line 2: byte 0xe9 .*'é'.*Save the file as UTF-8"),
        ('{"text": "a"}'.encode("utf-16"), r"is UTF-16, not UTF-8"),
    ],
)
def test_damage_is_told_by_file_and_line(tmp_path, text, problem):
    with pytest.raises(DataError, match=problem):
        read_json_rows(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[{"text": "a"},\n {"text" }]', r"rows.json, line 2: this is no JSON"),
        ('{"text": ["a"]}', r"holds dict, not a list of objects"),
        ('[{"text": "a"}, 3]', r"entry 2: an object was expected"),
        ("[" * 100_000, r"no JSON that can be read"),
    ],
)
def test_damage_of_a_list_is_told(tmp_path, text, problem):
    with pytest.raises(DataError, match=problem):
        read_json_rows(written(tmp_path, text, "rows.json"))
