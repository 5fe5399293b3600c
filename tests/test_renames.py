"""docs/renames.json leads from every public name of before to one that is there."""

import importlib
import json
from pathlib import Path

import pytest

RENAMES: dict[str, str | None] = json.loads(
    (Path(__file__).parent.parent / "docs" / "renames.json").read_text()
)["names"]


def found(path: str) -> bool:
    """Whether ``package.module.name`` can be imported; a module counts too."""
    module, _, name = path.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("room", sorted({new.rpartition(".")[0] for new in RENAMES.values() if new}))
def test_every_new_name_is_there(room: str) -> None:
    names = [new for new in RENAMES.values() if new and new.rpartition(".")[0] == room]
    assert not [name for name in names if not found(name)]


def test_what_is_listed_has_moved() -> None:
    assert not [old for old, new in RENAMES.items() if old == new]
