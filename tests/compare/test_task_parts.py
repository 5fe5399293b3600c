"""The file that names the comparisons on tasks of a folder."""

from pathlib import Path

import pytest

from polytask.compare.task_parts import TASKS_FILE, read_task_parts, words_of
from polytask.core import BundleError


def test_what_judges_is_said_in_words() -> None:
    assert words_of(5) == "new tasks with 5 rows"


def test_a_folder_without_the_file_holds_no_comparison_on_tasks(tmp_path: Path) -> None:
    assert read_task_parts(tmp_path) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"task_rows": [5]}', '{"task_rows": [], "task_column": "shop"}',
     '{"task_rows": ["../x"], "task_column": "shop"}', '{"task_rows": [1.5], "task_column": "shop"}'],
)  # fmt: skip
def test_a_file_that_names_none_is_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / TASKS_FILE).write_text(text)
    with pytest.raises(BundleError, match=r"tasks\.json is damaged"):
        read_task_parts(tmp_path)
