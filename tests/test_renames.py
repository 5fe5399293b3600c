"""docs/renames.json leads from every public name of before to one that is there."""

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.forks import Forks

import polytask
from polytask import renamed

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


def test_what_moved_is_found_under_its_old_name(forked: Forks) -> None:
    """In a process of its own, as old modules would stay in `sys.modules`."""
    forked(_EVERY_OLD_NAME)


_EVERY_OLD_NAME = """
import importlib, json, warnings
from pathlib import Path
import polytask

warnings.simplefilter("ignore")

renames = json.loads(Path(polytask.__file__).with_name("renames.json").read_text())
modules = importlib.import_module
for old, new in renames["names"].items():
    (package, _, name), (place, _, now) = old.rpartition("."), new.rpartition(".")
    assert getattr(modules(package), name) is getattr(modules(place), now), old
for module in renames["modules"]:
    modules(module)
for old, new in renames["names"].items():
    (package, _, name), (place, _, now) = old.rpartition("."), new.rpartition(".")
    assert getattr(modules(package), name) is getattr(modules(place), now), old
assert callable(polytask.fit) and callable(polytask.data.glyphs)
modules("polytask.estimators.fit").prepare = 1  # what is replaced there is replaced where it is used
assert modules("polytask.estimators.fit_table").prepare == 1
assert polytask.sharing.MMoE is polytask.architectures.MMoE
"""


def test_what_is_told_to_users_is_what_is_found() -> None:
    packaged = json.loads(Path(polytask.__file__).with_name("renames.json").read_text())["names"]
    assert {old: new for old, new in RENAMES.items() if new} == {
        old: packaged.get(old) for old, new in RENAMES.items() if new
    }


def test_an_old_name_warns_and_says_the_new_one() -> None:
    try:
        with pytest.warns(
            FutureWarning, match="polytask.sharing is now polytask.architectures; the old name goes"
        ):
            old = importlib.import_module("polytask.sharing")
        with pytest.warns(FutureWarning, match="polytask.sharing.MMoE is now polytask.architectures.MMoE"):
            assert old.MMoE is polytask.architectures.MMoE
    finally:
        sys.modules.pop("polytask.sharing", None)
        polytask.__dict__.pop("sharing", None)
    with pytest.warns(FutureWarning, match="polytask.data.glyphs is now polytask.datasets.glyphs"):
        assert polytask.data.glyphs is polytask.datasets.glyphs  # pyright: ignore[reportAttributeAccessIssue]


def test_a_name_that_never_was_is_refused() -> None:
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = polytask.nothing_of_this_name  # pyright: ignore[reportAttributeAccessIssue]


def test_old_modules_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [finder for finder in sys.meta_path if not isinstance(finder, renamed._OldModules)]
    monkeypatch.setattr(sys, "meta_path", others.copy())
    for _ in range(2):
        renamed.find_old_modules()
        assert len(sys.meta_path) == len(others) + 1


def test_what_is_set_in_an_old_module_is_set_in_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    old = renamed._OldModule("polytask.sharing")
    monkeypatch.setattr(polytask.architectures, "replaced_here", 1, raising=False)
    old.replaced_here = 2
    assert polytask.architectures.replaced_here == 2  # pyright: ignore[reportAttributeAccessIssue]
    assert "replaced_here" not in vars(old)


@pytest.mark.parametrize(
    "module", [ModuleType("any"), renamed._OldModule("polytask.sharing")], ids=["of today", "old"]
)
def test_a_module_never_hides_a_public_name_of_its_room(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    before = polytask.data.LabelledExamples
    monkeypatch.setattr(polytask.data, "LabelledExamples", module)
    assert polytask.data.LabelledExamples is before


def test_an_old_module_never_hides_what_had_its_name() -> None:
    old = renamed._OldModule("polytask.data.glyphs")
    polytask.data.glyphs = old  # pyright: ignore[reportAttributeAccessIssue]
    assert polytask.data.__dict__.pop("glyphs", None) is not old


def test_other_modules_are_bound_in_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("polytask.data.made_up")
    monkeypatch.setattr(polytask.data, "made_up", module, raising=False)
    assert vars(polytask.data)["made_up"] is module
