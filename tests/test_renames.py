"""docs/renames.json leads from every public name of before to one that is there."""

import importlib
import json
from pathlib import Path

import pytest

import polytask

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


def test_an_old_name_of_the_top_level_warns_and_leads_to_the_new_one() -> None:
    with pytest.warns(FutureWarning, match=r"`polytask.sharing` is now `polytask.architectures`"):
        assert polytask.sharing is polytask.architectures  # pyright: ignore[reportAttributeAccessIssue]


def test_a_name_that_never_was_is_refused() -> None:
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = polytask.nothing_of_this_name  # pyright: ignore[reportAttributeAccessIssue]
