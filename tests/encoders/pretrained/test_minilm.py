"""The text encoder gives the numbers of the published model.

The reference numbers are those of `transformers` 5.24.0 (`BertModel`, `BertTokenizerFast`, mean over the
mask, length 1) with the same files, computed once by torch 2.13.0 on a CPU: the first six of each vector, and
an inner product.
"""

import sys

import pytest
import torch

from polytask.core import DataWarning, InputError, MissingPackageError
from polytask.encoders import MiniLM

pytestmark = pytest.mark.pretrained("minilm", "tokenizers")

REFERENCE = {
    "a cat": [0.061734, 0.04146, 0.008763, 0.062512, -0.127204, 0.006269],
    "The quick brown fox jumps over the lazy dog.": [
        0.043934, 0.058934, 0.048178, 0.077548, 0.026744, -0.03763,
    ],
    "": [-0.118838, 0.048299, -0.002548, -0.011011, 0.051951, 0.010292],
    "Où est la bibliothèque ? Ça coûte 3,50 €.": [
        0.036028, -0.036734, -0.043533, -0.022877, -0.008254, 0.051192,
    ],
    "東京は日本の首都です。": [0.119281, 0.087343, 0.084901, -0.024344, -0.042352, 0.03511],
    "Привет, как дела?": [-0.029639, 0.076866, 0.048959, -0.028268, -0.066871, 0.006951],
}  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> MiniLM:
    return MiniLM()


def test_vectors_are_those_of_an_independent_implementation(encoder):
    vectors = encoder.encode(list(REFERENCE))
    assert vectors.shape == (6, 384) and not vectors.requires_grad
    torch.testing.assert_close(vectors[:, :6], torch.tensor(list(REFERENCE.values())), atol=2e-5, rtol=0)
    torch.testing.assert_close(vectors[0] @ vectors[1], torch.tensor(0.2974), atol=1e-4, rtol=0)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(6))


def test_those_beside_a_text_and_its_index_do_not_matter(encoder):
    texts = [*REFERENCE, "a much longer text " * 10, "\x00 \ud800 🙂"]
    together = encoder.encode(texts, batch_size=3)
    for text, vector in zip(texts, together, strict=True):
        torch.testing.assert_close(encoder.encode([text])[0], vector, atol=1e-5, rtol=0)


def test_what_a_long_text_has_beyond_256_tokens_is_cut_off_and_noted(encoder):
    long = "word " * 254
    with pytest.warns(DataWarning, match="Of 2 texts, 1 have more than 256 tokens; minilm does not see"):
        cut, whole = encoder.encode([long + "something else entirely", long])
    torch.testing.assert_close(cut, whole)


def test_no_text_gives_no_row(encoder):
    assert encoder.encode([]).shape == (0, 384)


def test_what_is_no_text_is_refused(encoder):
    with pytest.raises(InputError, match="index 1 must be a text, but is a int"):
        encoder.encode(["a", 3])


def test_nothing_is_trained_and_a_classifier_on_top_can_be(encoder):
    head = torch.nn.Linear(384, 2)
    head(encoder.encode(["a"])).sum().backward()
    assert head.weight.grad is not None
    assert encoder.state == {} and len(encoder.fingerprint) == 64


def test_the_package_that_reads_the_tokens_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(MissingPackageError, match=r"minilm needs `tokenizers`.*polytask\[models\]"):
        MiniLM()


def test_without_weights_the_line_to_type_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="polytask models fetch minilm"):
        MiniLM()
