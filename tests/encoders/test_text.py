"""Texts become the same numbers everywhere, and the average of vectors."""

import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.architectures import HardSharing
from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, SharedModel, Task, generator, seeded
from polytask.encoders import TokenBag
from polytask.encoders.text import token_ids

_TEXTS = st.text(max_size=60)


def _hash(token: str, n_buckets: int) -> int:
    return zlib.crc32(token.encode()) % n_buckets + 1


def test_a_text_is_its_words_then_runs_then_pieces():
    (row,) = token_ids(["The cat"], n_buckets=10**6, n_tokens=20, n_words=2, characters=(3, 4)).tolist()
    pieces = ["<th", "the", "he>", "<the", "the>", "<ca", "cat", "at>", "<cat", "cat>"]
    expected = [_hash(token, 10**6) for token in ["the", "cat", "the cat", *("\0" + p for p in pieces)]]
    assert row == expected + [0] * (20 - len(expected))


def test_a_long_text_keeps_its_words():
    text = "one two three four"
    words = token_ids([text], n_tokens=4, n_words=1, characters=None)
    assert torch.equal(token_ids([text], n_tokens=4), words)


@given(texts=st.lists(_TEXTS, max_size=4), n_buckets=st.integers(1, 50), n_tokens=st.integers(1, 40))
@settings(deadline=None, max_examples=50)
def test_any_texts_become_numbers_in_range_with_the_filling_at_the_end(texts, n_buckets, n_tokens):
    rows = token_ids(texts, n_buckets=n_buckets, n_tokens=n_tokens)
    assert rows.shape == (len(texts), n_tokens) and rows.dtype == torch.long
    assert bool(((rows >= 0) & (rows <= n_buckets)).all())
    assert bool(((rows[:, :-1] > 0) | (rows[:, 1:] == 0)).all())


@given(first=_TEXTS, second=_TEXTS)
@settings(deadline=None, max_examples=30)
def test_a_text_has_the_same_numbers_in_any_company(first, second):
    assert torch.equal(token_ids([first, second])[:1], token_ids([first]))


@pytest.mark.parametrize("text", ["", " ,.! ", "\ud800"])
def test_a_text_without_words_has_no_tokens(text):
    assert not token_ids([text]).any()


def _bag() -> TokenBag:
    with seeded(0, "bag"):
        return TokenBag(20, 4).double()


def test_the_representation_is_the_average_of_the_tokens_vectors():
    bag = _bag()
    vectors = bag.vectors.weight.detach().numpy()
    found = bag(torch.tensor([[3, 20, 3, 0], [7, 0, 0, 0]])).detach().numpy()
    np.testing.assert_allclose(found, [(2 * vectors[3] + vectors[20]) / 3, vectors[7]])


def test_a_text_without_tokens_is_zero_and_gives_no_gradient():
    bag = _bag()
    found = bag(torch.zeros(2, 3, dtype=torch.long))
    found.sum().backward()
    assert torch.equal(found, torch.zeros(2, 4, dtype=torch.float64))
    assert not bag.vectors.weight.grad.any()


def test_the_filling_never_counts_even_if_its_vector_moved():
    bag = _bag()
    rows = torch.tensor([[3, 5, 0, 0]])
    expected = bag(rows)
    with torch.no_grad():
        bag.vectors.weight[0] = 100.0
    assert torch.equal(bag(rows), expected)


def test_second_derivatives_are_right():
    bag = _bag()
    rows = torch.tensor([[3, 5, 0], [1, 3, 20]])

    def function(weight):
        return torch.func.functional_call(bag, {"vectors.weight": weight}, rows).pow(3)

    weight = bag.vectors.weight.detach().clone().requires_grad_()
    assert torch.autograd.gradgradcheck(function, (weight,))


def test_a_model_of_texts_keeps_the_contract_of_learners():
    task = Task(name="topic", kind="multiclass", n_outputs=3)
    with seeded(0, "bag"):
        model = SharedModel([task], HardSharing(TokenBag(50, 8)), {"topic": torch.nn.Linear(8, 3)})
    rows = torch.randint(51, (6, 5), generator=generator(0, "rows"))
    query = Batch(inputs=rows, targets={"topic": torch.tensor([0, 1, 2, 0, 1, 2])})
    check_learner(model, [Episode(tasks=(task,), query=query)])


@pytest.mark.parametrize(
    "wrong", [{"n_tokens": 0}, {"n_words": 0}, {"characters": (4, 3)}, {"characters": (0, 3)}]
)
def test_sizes_that_do_not_fit_are_refused(wrong):
    with pytest.raises(InputError, match=r"`characters` two rising lengths or None; got"):
        token_ids(["text"], **wrong)


def test_a_number_beyond_the_buckets_is_explained():
    with pytest.raises(InputError, match=r"not from 0 to `n_buckets`, 20; give `token_ids` the same number"):
        _bag()(torch.tensor([[21]]))


def test_inputs_that_are_not_integers_are_refused():
    with pytest.raises(InputError, match=r"are torch.float32 of shape \(2, 3\); make them with `token_ids`"):
        _bag()(torch.zeros(2, 3))
