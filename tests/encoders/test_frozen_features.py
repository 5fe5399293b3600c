"""Each content is encoded once, in this process or any other."""

from pathlib import Path

import pytest
import torch

from polytask.core import DataWarning, InputError
from polytask.encoders import HashedText, encoder_of, frozen_features
from polytask.encoders.frozen import check_texts


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Counting:
    """Encodes a text as its length, and notes what it was asked."""

    name, kind, width, state = "counting", "text", 1, {}

    def __init__(self, fingerprint: str = "v1") -> None:
        self.fingerprint, self.asked = fingerprint, []

    def encode(self, items, *, batch_size=32):
        check_texts(items, batch_size)
        self.asked.append(list(items))
        return torch.tensor([[float(len(text))] for text in items]).reshape(-1, 1)


TEXTS = ["x" * (index + 1) for index in range(12)]
EXPECTED = torch.arange(1.0, 13.0)[:, None]


def test_the_second_time_nothing_is_encoded():
    encoder = Counting()
    assert torch.equal(frozen_features(encoder, TEXTS), EXPECTED)
    again = Counting()
    assert torch.equal(frozen_features(again, TEXTS[::-1]), EXPECTED.flip(0))
    assert encoder.asked == [TEXTS] and again.asked == []


def test_only_what_is_new_is_encoded_and_equal_items_once():
    frozen_features(Counting(), TEXTS)
    encoder = Counting()
    found = frozen_features(encoder, ["new one", *TEXTS, "new one", "x"])
    assert encoder.asked == [["new one"]]
    assert found[:, 0].tolist() == [7.0, *range(1, 13), 7.0, 1.0]


def test_another_fingerprint_shares_nothing():
    frozen_features(Counting(), TEXTS)
    encoder = Counting("v2")
    frozen_features(encoder, TEXTS)
    assert encoder.asked == [TEXTS]


@pytest.mark.parametrize(
    ("encoder", "items", "cache"),
    [(Counting(), TEXTS[:8], None), (Counting(), TEXTS, False), (Counting(""), TEXTS, True)],
)
def test_few_items_the_wish_of_the_caller_or_no_fingerprint_leave_the_disk_alone(
    encoder, items, cache, tmp_path
):
    frozen_features(encoder, items, cache=cache)
    frozen_features(encoder, items, cache=cache)
    assert encoder.asked == [items, items] and not (tmp_path / "cache").exists()


def test_an_encoder_that_learned_from_its_items_keeps_nothing(cache):
    encoder = HashedText(TEXTS)
    assert torch.equal(frozen_features(encoder, TEXTS), encoder.encode(TEXTS)) and not cache.exists()


def test_a_few_items_are_kept_where_that_is_asked_for(tmp_path, cache):
    frozen_features(Counting(), TEXTS[:2], cache=tmp_path / "here")
    encoder = Counting()
    frozen_features(encoder, TEXTS[:2], cache=str(tmp_path / "here"))
    assert encoder.asked == [] and not cache.exists()


def test_an_error_names_the_index_among_all_items():
    frozen_features(Counting(), TEXTS)
    with pytest.raises(InputError, match="index 12 must be a text, but is a int"):
        frozen_features(Counting(), [*TEXTS, 3])


def test_what_has_no_digest_is_encoded_each_time():
    encoder = encoder_of(lambda items: [[float(len(item))] for item in items], kind="text", fingerprint="v")
    items = [*TEXTS, ("no", "text")]
    assert frozen_features(encoder, items)[-1].item() == 2.0
    assert frozen_features(encoder, items)[-1].item() == 2.0


def test_a_disk_that_cannot_be_written_is_noted_and_the_vectors_come(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.warns(DataWarning, match="Vectors are not kept for the next time: .* cannot be written"):
        found = frozen_features(Counting(), TEXTS, cache=tmp_path / "file")
    assert torch.equal(found, EXPECTED)
