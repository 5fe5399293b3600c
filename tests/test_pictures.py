"""Committed pictures show the results that are committed."""

import runpy
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "docs" / "pictures"


def test_the_picture_of_the_readme_was_drawn_from_the_results_that_are_here() -> None:
    script = runpy.run_path(str(FOLDER / "results.py"))
    assert script["digest"]() in (FOLDER / "results.svg").read_text(), "run python docs/pictures/results.py"


def test_its_script_still_draws() -> None:
    left, right = runpy.run_path(str(FOLDER / "results.py"))["draw"]().axes
    assert len(left.texts) == 7 and [text.get_text() for text in right.texts][-1] == "MAML"
