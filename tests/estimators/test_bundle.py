"""Model directories are whole or absent, and nothing wrong in them goes unnoticed."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from polytask.core import BundleError
from polytask.estimators import Bundle, check_destination, load_bundle, save_bundle


@pytest.fixture
def saved(tmp_path):
    tensors = {"weight": torch.arange(6.0).view(2, 3), "count": torch.tensor(3)}
    return save_bundle(
        tmp_path / "model", Bundle(kind="table", config={"a": [1, "ä"]}, tensors=tensors, data={"rows": 2})
    )


def test_a_bundle_comes_back_as_it_was_saved(saved):
    found = load_bundle(saved)
    assert found.kind == "table" and found.config == {"a": [1, "ä"]} and found.data == {"rows": 2}
    assert torch.equal(found.tensors["weight"], torch.arange(6.0).view(2, 3))
    assert found.tensors["count"].item() == 3


def test_nothing_but_the_bundle_is_left_beside_it(saved):
    save_bundle(saved, Bundle(kind="table", config={}, tensors={"b": torch.ones(1)}, data={}))
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    assert sorted(path.name for path in saved.iterdir()) == ["model.json", "weights.safetensors"]
    assert list(load_bundle(saved).tensors) == ["b"]


def test_no_pickle_is_involved(saved):
    assert b"\x80\x02" not in (saved / "weights.safetensors").read_bytes()[:2]
    json.loads((saved / "model.json").read_text())


def test_a_missing_directory_is_named(tmp_path):
    with pytest.raises(BundleError, match="no model directory"):
        load_bundle(tmp_path / "nowhere")


def test_a_directory_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="no polytask model"):
        check_destination(tmp_path)
    with pytest.raises(BundleError, match=r"has no model\.json"):
        load_bundle(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99])
def test_a_truncated_file_is_noticed(saved, name, kept):
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(BundleError, match=r"truncated|damaged|checksums"):
        load_bundle(saved)


def test_a_missing_tensor_file_is_noticed(saved):
    (saved / "weights.safetensors").unlink()
    with pytest.raises(BundleError, match="incomplete"):
        load_bundle(saved)


def test_another_schema_version_is_refused_with_the_remedy(saved):
    description = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps({**description, "schema": 99}))
    with pytest.raises(BundleError, match=r"schema version 99.*train again"):
        load_bundle(saved)


def test_a_changed_tensor_is_named(saved):
    tensors = load_file(saved / "weights.safetensors")
    tensors["weight"][0, 0] += 1e-3
    save_file(tensors, saved / "weights.safetensors")
    with pytest.raises(BundleError, match=r"checksums: weight\."):
        load_bundle(saved)


def test_a_failed_save_leaves_the_old_model_and_no_rubbish(saved):
    with pytest.raises(TypeError):
        save_bundle(
            saved, Bundle(kind="table", config={"bad": object()}, tensors={"b": torch.ones(1)}, data={})
        )
    assert [path.name for path in saved.parent.iterdir()] == ["model"]
    assert "weight" in load_bundle(saved).tensors


def test_another_kind_of_model_is_refused(saved):
    assert load_bundle(saved, kind="table").kind == "table"
    with pytest.raises(BundleError, match="holds a table model; a few-shot model is needed"):
        load_bundle(saved, kind="few-shot")
