"""docs/architecture.md leads through files that exist."""

import re
from pathlib import Path

import pytest

import polytask

PACKAGE = Path(polytask.__file__).parent
PAGE = (Path(__file__).parent.parent / "docs" / "architecture.md").read_text()
PATHS = sorted(set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", PAGE)))


@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_the_page_names_exists(path: str) -> None:
    within = path.rstrip("/")
    assert (PACKAGE / within).exists() or list(PACKAGE.glob(f"*/{within}")), path


def test_the_page_names_every_room() -> None:
    rooms = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file()}
    assert not {room for room in rooms if f"`{room}/`" not in PAGE}


def test_each_journey_is_shorter_than_a_page() -> None:
    journeys = re.findall(r"\n## Journey \d.*?(?=\n## )", PAGE, flags=re.S)
    assert len(journeys) == 3
    assert all(len(journey.splitlines()) < 45 for journey in journeys)
