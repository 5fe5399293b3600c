"""A model directory holds the old model or the new one, and nothing wrong in it goes unnoticed."""

import hashlib
import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from polytask.core import BundleError, InputError
from polytask.models.bundle import Bundle, load_bundle, save_bundle
from polytask.models.bundle_folder import check_destination

WEIGHTS = {"weight": torch.arange(6.0).view(2, 3), "count": torch.tensor(3)}


def bundle(number: float = 0.0, **changes) -> Bundle:
    given = {
        "kind": "table",
        "config": {"a": [1, "ä", number]},
        "tensors": {"weight": WEIGHTS["weight"] + number, "count": WEIGHTS["count"]},
        "data": {"rows": 2},
        "files": {"results.json": f'{{"number": {number}}}\n'},
    }
    return Bundle(**{**given, **changes})


@pytest.fixture
def saved(tmp_path) -> Path:
    return save_bundle(tmp_path / "model", bundle())


def weights_of(folder: Path) -> Path:
    return next(folder.glob("weights-*.safetensors"))


def results_of(folder: Path) -> Path:
    return next(folder.glob("results-*.json"))


def seal(folder: Path, change=None) -> None:
    """Change a description and give it, and every file, the right checksums again, as an attacker would."""
    path = folder / "model.json"
    description = json.loads(path.read_text())
    files = {}
    for name in description["files"]:
        content = (folder / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        stem, _, suffix = name.partition("-")[0], None, name.rpartition(".")[2]
        (folder / name).rename(folder / f"{stem}-{digest[:16]}.{suffix}")
        files[f"{stem}-{digest[:16]}.{suffix}"] = digest
    description["files"] = files
    if change is not None:
        change(description)
    description.pop("checksum", None)
    text = json.dumps(dict(sorted(description.items())), ensure_ascii=False)
    description["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(description, ensure_ascii=False))


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_bundle_comes_back_as_it_was_saved(saved):
    found = load_bundle(saved)
    assert found.kind == "table"
    assert found.config == {"a": [1, "ä", 0.0]}
    assert found.data == {"rows": 2}
    assert torch.equal(found.tensors["weight"], WEIGHTS["weight"])
    assert found.tensors["count"].item() == 3


def test_files_carry_their_checksum_in_the_name_and_the_umask_s_mode(tmp_path):
    before = os.umask(0o027)
    try:
        saved = save_bundle(tmp_path / "model", bundle())
    finally:
        os.umask(before)
    for path in (weights_of(saved), results_of(saved)):
        assert hashlib.sha256(path.read_bytes()).hexdigest()[:16] in path.name
    assert {path.stat().st_mode & 0o777 for path in saved.iterdir()} == {0o640}


def test_nothing_of_the_old_model_and_nothing_beside_the_new_one_is_left(saved):
    save_bundle(saved, bundle(1, files={}))
    assert listing(saved.parent) == ["model"]
    assert listing(saved) == ["model.json", weights_of(saved).name]
    assert load_bundle(saved).tensors["weight"][0, 0] == 1


def test_no_pickle_is_involved(saved):
    assert load(weights_of(saved).read_bytes()).keys() == WEIGHTS.keys()
    json.loads((saved / "model.json").read_text())


class Killed(BaseException):
    """The process is gone."""


def killed_at(moment: int, patch: pytest.MonkeyPatch) -> None:
    """Let a number of calls change the disk, and none after them: not even those that tidy up."""
    left = moment

    def dying(call):
        def dies(*arguments, **options):
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed
            return call(*arguments, **options)

        return dies

    for name in ("open", "replace", "unlink", "mkdir", "rmdir"):
        patch.setattr(os, name, dying(getattr(os, name)))


@pytest.mark.parametrize("old", [True, False], ids=["over an old model", "into a new folder"])
def test_a_kill_at_any_moment_leaves_the_old_model_or_the_new_one_and_no_debris(tmp_path, monkeypatch, old):
    moment = 0
    for moment in range(100):
        folder = tmp_path / str(moment)
        if old:
            save_bundle(folder, bundle())
        with monkeypatch.context() as patch:
            killed_at(moment, patch)
            try:
                save_bundle(folder, bundle(7))
                break
            except Killed:
                pass
        if (folder / "model.json").exists():
            assert load_bundle(folder).tensors["weight"][0, 0] in ((0, 7) if old else (7,))
        else:
            assert not old
        check_destination(folder)
        assert not folder.exists() or len(listing(folder)) == 3 * (folder / "model.json").exists()
        save_bundle(folder, bundle(8))
        assert listing(folder) == ["model.json", results_of(folder).name, weights_of(folder).name]
    assert moment > 15
    assert listing(tmp_path) == sorted(str(number) for number in range(moment + 1))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_killed_process_leaves_the_old_model_and_nothing_for_long(saved, monkeypatch):
    if (child := os.fork()) == 0:
        monkeypatch.setattr(os, "replace", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        save_bundle(saved, bundle(7))
    os.waitpid(child, 0)
    assert len(listing(saved)) == 4
    assert load_bundle(saved).config == bundle().config
    check_destination(saved)
    assert len(listing(saved)) == 3


def test_a_model_that_is_replaced_while_it_is_read_comes_as_the_new_one(saved, monkeypatch):
    import polytask.models.bundle_description as module

    original = module.checksum

    def slow(path):
        monkeypatch.setattr(module, "checksum", original)
        save_bundle(saved, bundle(5))
        return original(path)

    monkeypatch.setattr(module, "checksum", slow)
    assert load_bundle(saved).tensors["weight"][0, 0] == 5


def test_a_missing_directory_is_named(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path / ("a" * 300), str(tmp_path / "zero\0byte")):
        with pytest.raises(BundleError, match="no model directory"):
            load_bundle(path)


@pytest.mark.parametrize("name", ["model.json", "weights", "results"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_truncated_file_is_noticed(saved, name, kept):
    path = next(saved.glob(f"{name}*"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(BundleError, match=r"truncated|damaged|checksum"):
        load_bundle(saved)


@pytest.mark.parametrize("name", ["weights", "results"])
def test_a_missing_file_is_noticed(saved, name):
    next(saved.glob(f"{name}*")).unlink()
    with pytest.raises(BundleError, match="incomplete"):
        load_bundle(saved)


def test_a_change_of_any_byte_is_noticed(saved):
    for path in list(saved.iterdir()):
        content = path.read_bytes()
        for place in range(0, len(content), 7):
            if path.name == "model.json" and content[place : place + 1].isspace():
                continue  # how its text is laid out does not matter
            path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(BundleError):
                load_bundle(saved)
        path.write_bytes(content)
    load_bundle(saved)


def test_a_changed_number_or_name_of_the_description_is_noticed(saved):
    path = saved / "model.json"
    text = path.read_text()
    for before, after in (('"ä"', '"b"'), ('"rows": 2', '"rows": 3'), ('"kind": "table"', '"kind": "t"')):
        assert before in text
        path.write_text(text.replace(before, after))
        with pytest.raises(BundleError, match=r"model\.json does not match its checksum"):
            load_bundle(saved)


@pytest.mark.parametrize("schema", [1, 99])
def test_another_schema_version_is_refused_with_the_remedy(saved, schema):
    description = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps({**description, "schema": schema}))
    with pytest.raises(BundleError, match=rf"schema version {schema}.*train again"):
        load_bundle(saved)


HOSTILE = {
    "another file": lambda d: d["files"].update({"../model.json": "0" * 64}),
    "a path": lambda d: d["files"].update({"../x-0000000000000000.json": "0" * 64}),
    "a checksum that is no text": lambda d: d["files"].update({"x-0000000000000000.json": 3}),
    "files that are a list": lambda d: d.update(files=list(d["files"])),
    "no files": lambda d: d.update(files={}),
    "no config": lambda d: d.pop("config"),
    "a config that is a text": lambda d: d.update(config="x"),
    "a kind that is a list": lambda d: d.update(kind=["table"]),
    "another format": lambda d: d.update(format="layers-model"),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_description_that_is_sealed_but_wrong_is_refused(saved, change):
    seal(saved, change)
    with pytest.raises(BundleError, match="model"):
        load_bundle(saved)


@pytest.mark.parametrize(
    "text",
    [
        '{"format": "polytask-model", "a": NaN}',
        '{"format": "polytask-model", "a": 1e999}',
        '{"format": "polytask-model", "a": ' + "9" * 5000 + "}",
        '{"format": "polytask-model", "format": "polytask-model"}',
        '{"format": "polytask-model", "a": "\\ud800"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "[]",
        "3",
        "\ufeff{}",
    ],
    ids=[
        "NaN",
        "infinite",
        "long",
        "key twice",
        "surrogate",
        "deep lists",
        "deep objects",
        "list",
        "3",
        "BOM",
    ],
)
def test_a_description_that_is_no_strict_json_is_refused(saved, text):
    (saved / "model.json").write_text(text)
    with pytest.raises(BundleError, match=r"model\.json"):
        load_bundle(saved)


def header_of(**entries) -> bytes:
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + bytes(64)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        (2**40).to_bytes(8, "little") + b"{}",
        header_of(a=3),
        header_of(a={"dtype": "F8_E4M3", "shape": [64], "data_offsets": [0, 64]}),
        header_of(a={"dtype": "F32", "shape": [-16], "data_offsets": [0, 64]}),
        header_of(a={"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 64]}),
        header_of(a={"dtype": "F32", "shape": ["16"], "data_offsets": [0, 64]}),
        header_of(a={"dtype": "F32", "shape": [16], "data_offsets": [0, 640]}),
        save({"a": torch.tensor([1.0, float("nan")])}),
        save({"a": torch.tensor([1.0, float("inf")], dtype=torch.bfloat16)}),
    ],
)
def test_weights_that_are_sealed_but_no_tensors_of_numbers_are_refused(saved, content):
    weights_of(saved).write_bytes(content)
    seal(saved)
    with pytest.raises(BundleError, match=r"weights-.*safetensors"):
        load_bundle(saved)


def test_a_device_in_the_place_of_a_file_is_refused(saved):
    path = weights_of(saved)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(BundleError, match="no plain file"):
        load_bundle(saved)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BundleError, match="no plain file"):
        load_bundle(saved)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_never_saved(saved, number):
    wrong = (
        bundle(tensors={"weight": torch.tensor([0.0, number])}),
        bundle(config={"deep": [{"mean": number}]}),
        bundle(data={"a": number}),
    )
    for change in wrong:
        with pytest.raises(InputError, match=r"learning rate"):
            save_bundle(saved, change)
    assert load_bundle(saved).config == bundle().config


def test_a_failed_save_leaves_the_old_model_and_no_rubbish(saved):
    before = listing(saved)
    with pytest.raises(TypeError):
        save_bundle(saved, bundle(config={"bad": object()}))
    assert listing(saved.parent) == ["model"]
    assert listing(saved) == before
    with pytest.raises(TypeError):
        save_bundle(saved.parent / "new" / "deep", bundle(config={"bad": object()}))
    assert listing(saved.parent) == ["model"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("file", [1, 2, 3])
def test_a_full_disk_is_one_message_and_leaves_the_old_model_and_no_rubbish(saved, monkeypatch, file):
    import polytask.core.files as module

    plain, before, n_opened = module.io.FileIO, listing(saved), 0

    def full(descriptor, mode):
        nonlocal n_opened
        n_opened += 1
        return (
            plain("/dev/full", mode) if n_opened == file + 1 else plain(descriptor, mode)
        )  # one to rehearse

    for folder in (saved, saved.parent / "new" / "deep"):
        n_opened = 0
        monkeypatch.setattr(module.io, "FileIO", full)
        with pytest.raises(InputError, match="cannot be written: No space left on device"):
            save_bundle(folder, bundle(9))
        monkeypatch.undo()
    assert load_bundle(saved).config == bundle().config
    assert listing(saved) == before
    assert listing(saved.parent) == ["model"]


def test_another_kind_of_model_is_refused(saved):
    assert load_bundle(saved, kind="table").kind == "table"
    with pytest.raises(
        BundleError, match=r"model of a table .*`polytask.fit`\), but a few-shot .* directory of"
    ):
        load_bundle(saved, kind="few-shot")


def test_a_file_is_no_model_directory(saved):
    (saved.parent / "t.csv").write_text("a,b")
    for path, said in {
        saved / "model.json": "is a file of a model. Give the directory that it is in",
        saved.parent / "t.csv": "is a file, but a model is a directory",
        saved.parent / "t.csv" / "m": "There is no model directory .*`polytask.adapt`",
        "zero\0byte": "There is no model directory",
    }.items():
        with pytest.raises(BundleError, match=said):
            load_bundle(path)


@pytest.mark.parametrize("cells", ["cells", "rows-5/cells"])
def test_a_comparison_is_told_from_a_model(tmp_path, cells):
    (tmp_path / cells / "one").mkdir(parents=True)
    (tmp_path / cells / "one" / "cell.json").write_text("{}")
    with pytest.raises(BundleError, match=r"is a comparison, which keeps no model\. Fit one"):
        load_bundle(tmp_path)
