"""Text encoders around models of sentence-transformers and Hugging Face."""

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch
from torch import nn

from polytask.architectures import HardSharing
from polytask.checks import check_learner
from polytask.core import (
    Batch,
    Episode,
    InputError,
    MissingPackageError,
    SharedModel,
    Task,
    generator,
    seeded,
    shared_parameters,
)
from polytask.encoders.pretrained_text import SentenceEncoder

TEXTS = ["a cat", "two small cats", "dog"]


def tokenize(texts, padding=True, truncation=True, return_tensors="pt"):
    """Make a token of each word's length, as a tokenizer of Hugging Face would be called."""
    assert (padding, truncation, return_tensors) == (True, True, "pt")
    ids = [[len(word) for word in text.split()] for text in texts]
    longest = max(map(len, ids))
    return {
        "input_ids": torch.tensor([row + [0] * (longest - len(row)) for row in ids]),
        "attention_mask": torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids]),
        "texts": list(texts),  # what is no tensor is left out
    }


class TextModel(nn.Module):
    """Stand in for a text model of Hugging Face."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(20, 4)
        self.drop = nn.Dropout(0.5)

    def forward(self, input_ids, attention_mask):
        return {"last_hidden_state": self.drop(self.vectors(input_ids))}


class SentenceTransformer(nn.Module):
    """Stand in for a model of sentence-transformers."""

    def __init__(self, name: str = "small") -> None:
        super().__init__()
        if name != "small":
            raise OSError("We couldn't connect to the hub.")
        self.model = TextModel()

    def tokenize(self, texts):
        return tokenize(texts)

    def forward(self, features):
        hidden = self.model(features["input_ids"], features["attention_mask"])["last_hidden_state"]
        return {**features, "sentence_embedding": hidden[:, 0]}


def hugging_face(tuned: bool = False) -> SentenceEncoder:
    with seeded(0, "initialization"):
        return SentenceEncoder(TextModel(), tokenizer=tokenize, tuned=tuned)


def sentences(tuned: bool = False) -> SentenceEncoder:
    with seeded(0, "initialization"):
        return SentenceEncoder(SentenceTransformer(), tuned=tuned)


class Renamed(SentenceTransformer):
    """As sentence-transformers has named its tokenizing since: `tokenize` warns."""

    def tokenize(self, texts):
        raise AssertionError("deprecated")

    def preprocess(self, texts):
        return tokenize(texts)


BOTH = pytest.mark.parametrize("build", [hugging_face, sentences])


def test_the_hidden_states_of_a_hugging_face_model_are_averaged_over_the_texts_tokens():
    encoder = hugging_face()
    vectors = encoder.network.vectors.weight
    expected = torch.stack(
        [vectors[torch.tensor([len(word) for word in text.split()])].mean(0) for text in TEXTS]
    )
    torch.testing.assert_close(encoder(encoder.tokens(TEXTS)), expected)


def test_the_embedding_of_a_sentence_transformer_is_taken_as_it_is():
    encoder = sentences()
    expected = encoder.network.model.vectors.weight[torch.tensor([1, 3, 3])]
    torch.testing.assert_close(encoder(encoder.tokens(TEXTS)), expected)


@BOTH
def test_tokens_are_tensors_alone(build):
    found = build().tokens(TEXTS)
    assert sorted(found) == ["attention_mask", "input_ids"]
    assert {name: value.tolist() for name, value in found.items()} == {
        name: torch.as_tensor(value).tolist() for name, value in tokenize(TEXTS).items() if name in found
    }


@BOTH
def test_a_frozen_model_has_nothing_to_train_and_no_dropout(build):
    encoder = build().train()
    assert shared_parameters(encoder) == []
    found = encoder(encoder.tokens(TEXTS))
    assert not found.requires_grad and encoder.training
    torch.testing.assert_close(found, encoder(encoder.tokens(TEXTS)), rtol=0, atol=0)


@BOTH
def test_a_tuned_model_is_trained_with_dropout(build):
    encoder = build(tuned=True).train()
    with seeded(0, "dropout"):
        found = encoder(encoder.tokens(TEXTS))
    found.sum().backward()
    assert any(bool(p.grad.any()) for p in shared_parameters(encoder))
    assert bool((found == 0).any()) or not torch.allclose(found, encoder.eval()(encoder.tokens(TEXTS)))


@BOTH
@pytest.mark.parametrize("tuned", [False, True])
def test_vectors_are_those_of_the_encoder_in_evaluation_whatever_the_batch(build, tuned):
    encoder = build(tuned=tuned).train()
    found = [encoder.vectors(TEXTS, batch_size=size) for size in (1, 2, 10)]
    assert encoder.training and not found[0].requires_grad
    expected = encoder.eval()(encoder.tokens(TEXTS)).detach()
    for each in found:
        torch.testing.assert_close(each, expected)


@BOTH
def test_a_model_of_texts_keeps_the_contract_of_learners(build):
    task = Task(name="topic", kind="multiclass", n_outputs=3)
    encoder = build()
    with seeded(0, "head"):
        model = SharedModel([task], HardSharing(encoder), {"topic": nn.Linear(4, 3)})
    tokens = encoder.tokens([TEXTS[place % 3] for place in range(6)])
    targets = {"topic": torch.randint(3, (6,), generator=generator(0, "labels"))}
    check_learner(model, [Episode(tasks=(task,), query=Batch(inputs=tokens, targets=targets))])


@pytest.fixture
def package(monkeypatch):
    fake = ModuleType("sentence_transformers")
    fake.SentenceTransformer = SentenceTransformer
    monkeypatch.setitem(sys.modules, "sentence_transformers", fake)


def test_a_name_is_loaded_by_sentence_transformers(package):
    encoder = SentenceEncoder("small")
    assert isinstance(encoder.network, SentenceTransformer)
    expected = encoder.network.model.vectors.weight[torch.tensor([1, 3, 3])]
    torch.testing.assert_close(encoder.vectors(TEXTS), expected)


def test_a_model_that_cannot_be_had_offline_is_explained(package):
    with pytest.raises(InputError, match=r"'large' can be loaded: We couldn't .* folder of a saved model"):
        SentenceEncoder("large")


def test_without_the_package_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingPackageError, match=r'pip install "polytask\[text\]"'):
        SentenceEncoder("small")


def test_a_name_with_a_tokenizer_is_refused():
    with pytest.raises(InputError, match="'small', which brings its own tokenizer"):
        SentenceEncoder("small", tokenizer=tokenize)


@pytest.mark.parametrize("inputs", [torch.zeros(2, 3), {"input_ids": torch.zeros(2, 3)}])
def test_inputs_that_are_no_tokens_are_refused(inputs):
    with pytest.raises(InputError, match="make them with the encoder's `tokens`"):
        hugging_face()(inputs)


@pytest.mark.parametrize(
    ("texts", "what"), [([], r"\[\]"), ("cat", "'cat'"), (["a", 3], "int at position 1")]
)
def test_what_is_no_list_of_texts_is_refused(texts, what):
    with pytest.raises(InputError, match=f"one string or more, but there is {what}"):
        hugging_face().tokens(texts)


def test_the_real_sentence_transformers_have_what_is_called():
    package = pytest.importorskip("sentence_transformers")
    assert issubclass(package.SentenceTransformer, nn.Module)
    assert callable(package.SentenceTransformer.tokenize)


def test_a_real_hugging_face_model_can_be_wrapped():
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    encoder = SentenceEncoder(transformers.BertModel(config), tokenizer=tokenize)
    tokens = encoder.tokens(TEXTS)
    hidden = encoder.network(**tokens).last_hidden_state
    torch.testing.assert_close(encoder(tokens)[2], hidden[2, 0])  # a text of one token


def test_the_newer_name_of_tokenizing_goes_before():
    with seeded(0, "initialization"):
        found = SentenceEncoder(Renamed()).vectors(TEXTS)
    torch.testing.assert_close(found, sentences().vectors(TEXTS))


@pytest.mark.skipif(not find_spec("sentence_transformers"), reason="needs sentence-transformers")
def test_the_real_packages_give_one_and_the_same(tmp_path):
    transformers = importlib.import_module("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "two", "small", "cat", "cats", "dog"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    tokenizer = transformers.BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt"))
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    with seeded(0, "initialization"):
        network = transformers.BertModel(transformers.BertConfig(vocab_size=len(words), **sizes))
    network.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    named, given = SentenceEncoder(str(tmp_path)), SentenceEncoder(network, tokenizer=tokenizer)
    assert named.vectors(TEXTS).shape == (3, 16)
    torch.testing.assert_close(named.vectors(TEXTS), given.vectors(TEXTS), rtol=1e-4, atol=1e-5)
    tuned = SentenceEncoder(str(tmp_path), tuned=True)
    tuned(tuned.tokens(TEXTS)).sum().backward()
    assert any(parameter.grad is not None for parameter in tuned.parameters())
