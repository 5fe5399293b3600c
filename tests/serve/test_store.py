"""The store: changes of several processes are all there, what a killed one left is swept, old states go."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from polytask.core import BundleError
from polytask.serve.failures import Refused
from polytask.serve.names import checked_name, folder_of, name_of
from polytask.serve.store import Store

WORKER = """
import sys
from pathlib import Path
from polytask.serve.store import Store
store, me = Store(Path(sys.argv[1]), most=9, keep=100, patience=60), sys.argv[2]
for step in range(20):
    with store.changing("shared") as before:
        known = (store.folder("shared") / before.current.folder / "words").read_text() if before else ""
        def save(folder, text=f"{known}{me}{step} "):
            folder.mkdir()
            (folder / "words").write_text(text)
        store.commit("shared", before, save, change=f"{me}{step}")
"""


def saved(text: str):
    def save(folder: Path) -> None:
        folder.mkdir()
        (folder / "words").write_text(text)

    return save


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, most=3, keep=4, patience=0.2)


def change(store: Store, name: str, text: str) -> None:
    with store.changing(name) as before:
        store.commit(name, before, saved(text), change=text)


def words(store: Store, name: str) -> str:
    ledger = store.ledger(name)
    assert ledger is not None
    return (store.folder(name) / ledger.current.folder / "words").read_text()


def test_two_processes_that_change_one_model_lose_no_change(tmp_path: Path):
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(tmp_path), name], stderr=subprocess.PIPE)
        for name in "ab"
    ]
    for worker in workers:
        _, said = worker.communicate(timeout=120)
        assert worker.returncode == 0, said.decode()
    store = Store(tmp_path, most=9, keep=100, patience=1)
    told = words(store, "shared").split()
    assert sorted(told) == sorted(f"{name}{step}" for name in "ab" for step in range(20))
    ledger = store.ledger("shared")
    assert ledger is not None
    assert [one.revision for one in ledger.revisions] == list(range(1, 41))


def test_a_second_change_waits_and_is_then_refused(store: Store):
    change(store, "a", "first")
    with store.changing("a"):
        with pytest.raises(Refused, match="takes long") as refused, store.changing("a"):
            pass
        assert refused.value.status == 503
        with store.changing("b"):  # others go on
            pass


def test_a_change_that_fails_leaves_everything_as_it_was(store: Store):
    change(store, "a", "first")

    def broken(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").write_text("x")
        raise RuntimeError("broken")

    with store.changing("a") as before, pytest.raises(RuntimeError):
        store.commit("a", before, broken, change="second")
    with store.changing("new") as before, pytest.raises(RuntimeError):
        store.commit("new", before, broken, change="first")
    assert words(store, "a") == "first"
    assert store.names() == ["a"]
    assert len([entry for entry in store.folder("a").iterdir() if entry.is_dir()]) == 1


def test_a_full_disk_is_told_without_the_path_of_the_store(store: Store):
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device", str(folder))

    with store.changing("a") as before, pytest.raises(Refused, match="cannot be written") as refused:
        store.commit("a", before, full, change="first")
    assert refused.value.status == 507
    assert str(store.root) not in f"{refused.value.what}{refused.value.remedy}"
    assert store.names() == []


def test_what_a_killed_change_left_is_removed_by_the_next(store: Store):
    change(store, "a", "first")
    (store.folder("a") / "r9-dead").mkdir()
    change(store, "a", "second")
    assert not (store.folder("a") / "r9-dead").exists()


def test_only_the_stated_number_of_states_is_kept(store: Store):
    for step in range(7):
        change(store, "a", str(step))
    ledger = store.ledger("a")
    assert ledger is not None
    assert [one.change for one in ledger.revisions] == ["3", "4", "5", "6"]
    assert len([entry for entry in store.folder("a").iterdir() if entry.is_dir()]) == 4
    for expected in ("5", "4"):
        with store.changing("a") as before:
            assert before is not None
            store.undo("a", before)
        assert words(store, "a") == expected


def test_the_store_takes_so_many_models_and_no_more(store: Store):
    for name in "abc":
        change(store, name, name)
    with pytest.raises(Refused, match="takes no more"):
        change(store, "d", "d")
    change(store, "a", "more")


def test_a_folder_that_is_no_model_is_none(store: Store):
    (store.root / "models" / "stranger").mkdir()
    (store.root / "models" / "..%2F").mkdir()
    assert store.names() == []


def test_the_ledger_is_plain_json(store: Store):
    change(store, "a", "first")
    told = json.loads((store.folder("a") / "ledger.json").read_text())
    assert told["made_by"] == "adapt"
    assert told["revisions"][0]["change"] == "first"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../a",
        "a/b",
        "a\\b",
        ".hidden",
        "a.",
        "a ",
        " a",
        "a\0b",
        "a\nb",
        "x" * 65,
        "%2e%2e",
        "é" * 33,
    ],
)
def test_names_that_could_lead_astray_are_refused(name: str):
    with pytest.raises(Refused, match="cannot be called"):
        checked_name(name)


@pytest.mark.parametrize("name", ["a", "my signs", "v1.2_b-c", "信号", "café", "Signs", "con"])
def test_a_name_comes_back_from_its_folder(name: str):
    assert name_of(folder_of(checked_name(name))) == name


def test_folders_are_apart_where_capitals_are_not_told_and_none_is_called_like_a_device():
    names = ["a", "A", "é", "É", "con", "Con", "com1", "lpt1.x", "nul", "conch"]
    folders = [folder_of(checked_name(name)) for name in names]
    assert len({folder.lower() for folder in folders}) == len(names)
    assert not {folder.partition(".")[0].lower() for folder in folders} & {"con", "com1", "lpt1", "nul"}
    assert [name_of(folder) for folder in folders] == names


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"revisions": []}',
        b'{"made_by": "adapt", "revisions": [{"a": 1}]}',
        b"\xff",
    ],
)
def test_a_damaged_ledger_is_named(store: Store, content: bytes):
    change(store, "a", "first")
    (store.folder("a") / "ledger.json").write_bytes(content)
    with pytest.raises(BundleError, match=r"ledger\.json is damaged"):
        store.ledger("a")


def test_a_full_disk_is_told_alike_whatever_was_being_written(store: Store, monkeypatch: pytest.MonkeyPatch):
    change(store, "a", "first")
    change(store, "a", "second")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", str(store.root))

    with store.changing("a") as before:
        assert before is not None
        monkeypatch.setattr("polytask.serve.store.write_atomically", full)
        with pytest.raises(Refused, match="cannot be written") as refused:
            store.undo("a", before)
    assert refused.value.status == 507
    monkeypatch.setattr(Path, "mkdir", full)
    with store.changing("b") as before, pytest.raises(Refused, match="cannot be written"):
        store.commit("b", before, saved("x"), change="first")
    monkeypatch.undo()
    assert words(store, "a") == "second"
