"""Hashed texts: the same everywhere, and what is rare counts most."""

import math

import pytest
import torch

from polytask.core import InputError
from polytask.encoders import HashedText

TEXTS = [
    "Where is my card?",
    "Wo ist meine Karte?",
    "カードはどこですか",
    "¿Dónde está mi tarjeta? 🙂",
    "\ud800 x",
]


def test_vectors_have_length_one_and_a_text_without_words_is_zero():
    vectors = HashedText().encode([*TEXTS, "", "?! …"])
    assert vectors.dtype == torch.float32 and vectors.shape == (7, 1024)
    torch.testing.assert_close(vectors.norm(dim=1), torch.tensor([1.0] * 5 + [0.0] * 2))


def test_no_text_gives_no_row():
    assert HashedText(width=8).encode([]).shape == (0, 8)


def test_a_text_is_the_signed_sum_of_its_tokens():
    encoder = HashedText()
    one, other, both = encoder.encode(["q", "z", "q z"]).double()  # a word, and <q, q>, <q>
    expected = one + other
    torch.testing.assert_close(both, expected / expected.norm(), atol=1e-6, rtol=0)


def test_a_repeated_word_counts_by_the_logarithm():
    encoder = HashedText(width=2**20)  # wide enough for no two tokens to share a sum
    vector = encoder.encode(["q q q z"])[0]
    sizes = vector[vector != 0].abs().sort().values
    assert len(sizes) == 8
    torch.testing.assert_close(sizes[-1] / sizes[0], torch.tensor(1 + math.log(3)))


def test_rare_words_count_as_the_formula_says():
    encoder = HashedText(["q z", "q y", "q x", "q"], width=2**20)
    vector = encoder.encode(["q zz"])[0]
    sizes = vector[vector != 0].abs()
    often, once = 1 + math.log(5 / 5), 1 + math.log(5 / 2)
    torch.testing.assert_close(sizes.max() / sizes.min(), torch.tensor(once / often))


def test_signs_are_balanced():
    vector = HashedText(width=2**20).encode([" ".join(f"word{index}" for index in range(2000))])[0]
    positive = (vector[vector != 0] > 0).double().mean().item()
    assert 0.45 < positive < 0.55


def test_case_does_not_count_and_a_piece_is_no_word():
    encoder = HashedText()
    upper, lower = encoder.encode(["ÄRGER Straße", "ärger strasse"])
    assert torch.equal(upper, lower)


def test_the_state_makes_the_encoder_again():
    encoder = HashedText(TEXTS, width=64)
    again = HashedText.from_state(encoder.state)
    assert again.fingerprint == encoder.fingerprint != HashedText(TEXTS[:2], width=64).fingerprint
    assert torch.equal(again.encode(TEXTS), encoder.encode(TEXTS))


def test_a_corpus_without_texts_and_none_are_alike():
    assert torch.equal(HashedText([]).encode(TEXTS), HashedText().encode(TEXTS))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HashedText(width=0), "`width` must be at least 1"),
        (lambda: HashedText("one text"), "`items` must be a list"),
        (lambda: HashedText().encode(["a", None]), "index 1 must be a text, but is a NoneType"),
        (lambda: HashedText().encode(["a"], batch_size=0), "`batch_size` must be at least 1"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
