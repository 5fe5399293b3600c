"""The files of the page come with the package."""

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder
from tests.serve.page.browser import page_files

ROOT = Path(__file__).parents[3]


def test_a_built_wheel_has_every_file_of_the_page(tmp_path: Path) -> None:
    [wheel] = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    names = set(zipfile.ZipFile(wheel).namelist())
    files = {file.name for file in page_files().iterdir()}
    assert {"index.html", "main.js", "page.css", "words.en.json", "words.zh.json", "icon.svg"} <= files
    assert {f"polytask/serve/page/{name}" for name in files} <= names
