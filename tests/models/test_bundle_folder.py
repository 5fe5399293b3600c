"""Only a model of ours is ever replaced, and a destination is tried before the long work."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from polytask.core import BundleError, InputError
from polytask.models.bundle import Bundle, load_bundle, save_bundle
from polytask.models.bundle_folder import check_destination, locked, own_checksum

BUNDLE = Bundle(kind="table", config={}, tensors={"a": torch.ones(1)}, data={})


def tree(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(folder, name):
    """Assert that a folder is refused, naming an entry, and stays as it is."""
    before = tree(folder)
    for attempt in (check_destination, lambda path: save_bundle(path, BUNDLE)):
        with pytest.raises(BundleError, match=rf"no polytask model.*{name}"):
            attempt(folder)
    assert tree(folder) == before


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    refused(tmp_path, "notes.txt")
    with pytest.raises(BundleError, match=r"has no model\.json"):
        load_bundle(tmp_path)


@pytest.mark.parametrize(
    "description",
    [
        '{"format": "layers-model", "schema": 2}',
        '{"format": "polytask-model"}',
        '{"format": "polytask-model", "schema": 1}',
        '{"format": "polytask-model", "schema": 3, "kind": "table", "files": {}}',
        '{"format": "polytask-model", "schema": 2, "checksum": null}',
        '{"learner": {}}',
        "[]",
        "",
        "not JSON",
        '{"format": ',
    ],
)
def test_a_model_json_of_somebody_else_is_refused(tmp_path, description):
    (tmp_path / "model.json").write_text(description)
    refused(tmp_path, "model.json")


@pytest.mark.parametrize(
    "name", ["thesis.tex", ".git", "weights.safetensors", "weights-0123456789abcdef.safetensors"]
)
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_model_with_files_of_somebody_else_is_refused(tmp_path, name, kind):
    save_bundle(tmp_path / "m", BUNDLE)
    path = tmp_path / "m" / name
    if kind == "file":
        path.write_text("years of work")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path)
    refused(tmp_path / "m", name)


def test_a_description_that_names_files_of_somebody_else_does_not_make_them_ours(tmp_path):
    save_bundle(tmp_path / "m", BUNDLE)
    (tmp_path / "m" / "thesis.tex").write_text("years of work")
    path = tmp_path / "m" / "model.json"
    description = json.loads(path.read_text())
    description["files"]["thesis.tex"] = "0" * 64
    path.write_text(json.dumps(description))
    refused(tmp_path / "m", "thesis.tex")


def test_a_model_of_the_first_schema_can_be_replaced(tmp_path):
    folder = tmp_path / "m"
    folder.mkdir()
    first = {"format": "polytask-model", "schema": 1, "library": "0.1", "kind": "table"}
    (folder / "model.json").write_text(json.dumps({**first, "data": {}, "config": {}, "checksums": {}}))
    (folder / "weights.safetensors").write_text("x")
    (folder / "results.json").write_text("{}")
    save_bundle(folder, BUNDLE)
    assert len(tree(folder)) == 2
    load_bundle(folder)


def test_a_model_that_was_changed_by_hand_is_not_replaced(tmp_path):
    folder = save_bundle(tmp_path / "m", BUNDLE)
    description = json.loads((folder / "model.json").read_text())
    for change in ({"data": {"note": "by hand"}}, {"checksum": "0" * 64}):
        (folder / "model.json").write_text(json.dumps({**description, **change}))
        refused(folder, "model.json")
        with pytest.raises(BundleError, match="was changed since it was saved"):
            check_destination(folder)


def test_a_model_of_a_later_schema_with_its_checksum_can_be_replaced(tmp_path):
    folder = save_bundle(tmp_path / "m", BUNDLE)
    later = {**json.loads((folder / "model.json").read_text()), "schema": 99}
    later["checksum"] = own_checksum(later)
    (folder / "model.json").write_text(json.dumps(later))
    check_destination(folder)


def test_a_model_of_another_kind_is_not_replaced(tmp_path):
    folder = save_bundle(tmp_path / "m", BUNDLE)
    other = replace(BUNDLE, kind="few-shot")
    said = r"holds a model of a table .*lost.* is a few-shot model .*Choose another directory, or delete"
    for attempt in (
        lambda: check_destination(folder, kind="few-shot"),
        lambda: save_bundle(folder, other),
    ):
        with pytest.raises(BundleError, match=said):
            attempt()
    check_destination(folder)
    check_destination(folder, kind="table")
    assert load_bundle(folder).kind == "table"


def test_an_empty_folder_and_a_link_to_one_are_fine(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for name in ("real", "link"):
        assert check_destination(tmp_path / name) == tmp_path / "real"
        save_bundle(tmp_path / name, BUNDLE)
        load_bundle(tmp_path / name)
    assert (tmp_path / "link").is_symlink()


def test_the_current_folder_a_slash_at_the_end_and_a_tilde_are_fine(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for path in (".", "deep/er/", "~/models/m"):
        save_bundle(path, BUNDLE)
        load_bundle(path)
        for name in list(tmp_path.glob("here/model.json")):
            name.unlink()  # else the next ones would be folders inside a model
    assert (tmp_path / "models" / "m" / "model.json").is_file()
    assert not (tmp_path / "here" / "~").exists()


def test_a_destination_that_cannot_be_written_is_found_before_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    for path, said in {
        tmp_path / "file": "is a file",
        tmp_path / "file" / "model": "Not a directory",
        tmp_path / "file" / "deep" / "model": "Not a directory",
        tmp_path / ("a" * 300): "too long",
        tmp_path / "new" / ("a" * 300) / "m": "too long",
        tmp_path / "zero\0byte": "null",
        tmp_path / "loop" / "m": "cannot be",
        "/proc/model": "cannot be",
        "/dev/null": "file",
        "": "empty",
    }.items():
        with pytest.raises(InputError, match=said):
            check_destination(path)
    assert tree(tmp_path) == ["file", "loop"]


@pytest.mark.parametrize("resume", ["m", "m/", "m/resume", "./x/../m/a/b"])
def test_a_resume_folder_in_the_model_directory_is_found_before_the_training(tmp_path, monkeypatch, resume):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=r"resume folder .* is in the model directory m.* another"):
        check_destination("m", resume=resume)
    check_destination("m", resume="m-resume")
    check_destination("m/model", resume="m/resume")
    assert tree(tmp_path) == []


def test_asking_makes_no_folder(tmp_path):
    check_destination(tmp_path / "new" / "model")
    assert tree(tmp_path) == []


def test_files_of_a_saving_that_is_under_way_are_not_swept(tmp_path):
    folder = save_bundle(tmp_path / "m", BUNDLE)
    other = save_bundle(
        tmp_path / "other", Bundle(kind="t", config={}, tensors={"b": torch.ones(2)}, data={})
    )
    debris = next(other.glob("weights-*"))
    os.link(debris, folder / debris.name)
    with locked(folder):
        check_destination(folder)
        assert (folder / debris.name).exists()
    check_destination(folder)
    assert not (folder / debris.name).exists()


def test_savings_into_one_folder_at_once_leave_one_whole_model(tmp_path):
    def save(number):
        tensors = {"a": torch.full((1000,), float(number))}
        save_bundle(tmp_path / "m", Bundle(kind="table", config={"number": number}, tensors=tensors, data={}))
        found = load_bundle(tmp_path / "m")
        assert found.tensors["a"].eq(found.config["number"]).all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(save, range(24)))
    assert len(tree(tmp_path / "m")) == 2
