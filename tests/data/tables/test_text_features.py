import json

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from polytask.core import InputError
from polytask.data.tables import text_vectors
from polytask.data.tables.feature_column import column_from_json, column_to_json
from polytask.data.tables.features import TableEncoder
from polytask.data.tables.text_features import (
    N_FEATURES,
    N_PIECES,
    TextFeatures,
    piece_counts,
    piece_weights,
    text_features,
)

_TEXTS = ["the old lamp", "a lamp, an old lamp", "Kinderstuhl", "the tiny chair of the room", "the lamp"]


def test_runs_and_words_are_counted_like_by_scikit_learn() -> None:
    rows, pieces, counts = piece_counts(_TEXTS)
    words = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+").fit_transform(_TEXTS)
    runs = CountVectorizer(analyzer="char", ngram_range=(3, 5)).fit_transform(
        [f" {text} " for text in _TEXTS]
    )
    for half, reference in ((pieces < N_PIECES // 2, words), (pieces >= N_PIECES // 2, runs)):
        totals = np.bincount(rows[half], counts[half], minlength=len(_TEXTS))
        assert totals.tolist() == np.asarray(reference.sum(1)).ravel().tolist()


def test_words_weigh_as_in_scikit_learn() -> None:
    vectorizer = CountVectorizer(token_pattern=r"\w+")
    reference = TfidfTransformer().fit(vectorizer.fit_transform(_TEXTS))
    weights = piece_weights(_TEXTS)
    for word in ("lamp", "old", "kinderstuhl"):  # none of which shares its piece with another
        _, pieces, _ = piece_counts([word])
        found = weights[pieces[pieces < N_PIECES // 2][0]]
        assert found == pytest.approx(reference.idf_[vectorizer.vocabulary_[word]], abs=1e-4)


def test_texts_with_words_in_common_are_alike() -> None:
    encoding = TextFeatures(name="x", weights=piece_weights(_TEXTS), missing=True, kind="text")
    features = encoding.encode(pd.Series(["the old lamp", "an old lamp", "Kinderstuhl", "?", None])).features
    assert features.shape == (5, len(encoding.feature_names)) and features.dtype == np.float32
    assert features[0] @ features[1] > 2 * abs(features[0] @ features[2])
    np.testing.assert_allclose(np.linalg.norm(features[:3, :128], axis=1), 4, rtol=1e-5)
    assert features[:, -1].tolist() == [0, 0, 0, 0, 1] and not features[4, :-1].any()


def _table(n_rows: int = 80) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    words = draw.choice(["old", "red", "tiny", "lamp", "chair", "shelf", "oak", "steel", "soft"], (n_rows, 5))
    return pd.DataFrame({"size": draw.normal(size=n_rows), "title": [" ".join(row) for row in words]})


def test_a_column_of_sentences_is_hashed_and_noted() -> None:
    frame = _table()
    encoder = TableEncoder.fit(frame, columns=["size", "title"], train_rows=np.arange(60))
    assert encoder.n_features == 257 and not encoder.dropped
    assert encoder.notes["title"].startswith("text of 5 words, the median, becomes 256 numbers")
    again = TableEncoder.from_json(json.loads(json.dumps(encoder.to_json(), allow_nan=False)))
    other = pd.DataFrame({"size": [0.0, 0.0], "title": ["an unseen word", None]})
    for rows in (frame, other):
        assert again.transform(rows)[0].equal(encoder.transform(rows)[0])


def test_text_of_rows_outside_training_does_not_matter() -> None:
    frame = _table()
    other = frame.assign(title=[*frame["title"][:60], *["something else"] * 20])
    fitted = [TableEncoder.fit(rows, columns=["title"], train_rows=np.arange(60)) for rows in (frame, other)]
    assert fitted[0] == fitted[1]


@pytest.mark.parametrize(
    "change",
    [{"weights": [1.0]}, {"weights": [-1.0] * N_PIECES}, {"weights": [1e9] * N_PIECES}, {"kind": "t"}],
)
def test_weights_that_cannot_be_are_refused(change: dict[str, object]) -> None:
    encoding = TextFeatures(name="x", weights=(1.0,) * N_PIECES, missing=False, kind="text")
    with pytest.raises(InputError, match="'x'"):
        column_from_json(column_to_json(encoding) | change)


@pytest.fixture
def lengths(monkeypatch) -> dict[str, str]:
    """A text encoder that says of a text how long it is, and how many words it has; by its fingerprint."""
    state = {"fingerprint": "first"}

    def vectors(name: str, texts: list[str]) -> tuple[str, np.ndarray]:
        if name not in ("counts", "minilm"):
            raise InputError(f"there is no {name}.")
        return state["fingerprint"], np.array([[len(text), len(text.split())] for text in texts], np.float32)

    monkeypatch.setattr(text_vectors, "_PROVIDED", [vectors])
    return state


def test_a_text_encoder_adds_its_centred_vectors(lengths) -> None:
    texts = ["a b", "a b", "abcdefgh"]
    found, said = text_features("x", texts, missing=True, encoder="counts")
    assert said == ", and 2 by its meaning (counts)" and found.fingerprint == "first"
    assert found.centre == pytest.approx((14 / 3, 5 / 3), abs=1e-6)  # of rows, not of different texts
    features = found.encode(pd.Series(["a b", None, "abcdefgh"])).features
    assert features.shape == (3, N_FEATURES + 2 + 1) and len(found.feature_names) == N_FEATURES + 3
    meaning = features[:, N_FEATURES:-1]
    expected = np.array([3 - 14 / 3, 2 - 5 / 3])
    np.testing.assert_allclose(meaning[0], 4 * expected / np.linalg.norm(expected), rtol=1e-5)
    assert not meaning[1].any() and features[:, -1].tolist() == [0.0, 1.0, 0.0]
    hashed, _ = text_features("x", texts, missing=True)
    same = hashed.encode(pd.Series(["a b", None, "abcdefgh"])).features
    np.testing.assert_array_equal(features[:, :N_FEATURES], same[:, :N_FEATURES])


def test_unasked_the_fast_encoder_is_used_where_it_is_there_and_texts_are_few(lengths, monkeypatch) -> None:
    assert text_features("x", ["a", "b"], missing=False, encoder=None)[0].encoder == "minilm"
    monkeypatch.setattr("polytask.data.tables.text_features._MOST_UNASKED", 1)
    found, said = text_features("x", ["a", "b"], missing=False, encoder=None)
    assert not found.encoder and "; what 2 texts mean" in said


def test_without_weights_words_count_alone_and_it_is_said(monkeypatch) -> None:
    monkeypatch.setattr(text_vectors, "_PROVIDED", [])
    found, said = text_features("x", ["a", "b"], missing=False, encoder=None)
    assert not found.encoder and said.startswith("; what it means is not looked at (No room has provided")
    with pytest.raises(InputError, match="No room has provided the text encoder 'counts'"):
        text_features("x", ["a", "b"], missing=False, encoder="counts")


def test_an_encoder_with_other_weights_is_refused_where_it_predicts(lengths) -> None:
    found, _ = text_features("x", ["a b", "abc"], missing=False, encoder="counts")
    again = column_from_json(json.loads(json.dumps(column_to_json(found))))
    assert again == found
    lengths["fingerprint"] = "second"
    with pytest.raises(InputError, match=r"has other weights here than where the model was trained"):
        again.encode(pd.Series(["a"]))


@pytest.mark.parametrize("changed", [{"encoder": ""}, {"centre": []}])
def test_a_damaged_text_encoder_is_refused(changed, lengths) -> None:
    found, _ = text_features("x", ["a b", "abc"], missing=False, encoder="counts")
    with pytest.raises(InputError, match="needs a text encoder and the mean of its vectors, or neither"):
        column_from_json(column_to_json(found) | changed)
