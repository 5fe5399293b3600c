"""The registry names nothing that a wheel could use against its user, and nothing without a licence."""

import re

import pytest

from polytask.encoders.pretrained.registry import MODELS


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_every_model_has_a_licence_hashes_and_files_with_plain_names(model):
    assert model.licence and model.reference and model.source.startswith("https://")
    assert any(file.path == "LICENSE" for file in model.files)
    hashes = [model.sha256, *(file.sha256 for file in model.files)]
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in hashes)
    assert all(re.fullmatch(r"[A-Za-z][\w.-]*", file.path) for file in model.files)
    assert len({file.path for file in model.files}) == len(model.files)


def test_what_may_not_be_sold_says_so():
    assert [name for name, model in MODELS.items() if model.restriction] == ["speech"]
    assert "NC" in MODELS["speech"].licence
