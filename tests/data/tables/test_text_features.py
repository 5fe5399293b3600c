import json

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer

from polytask.core import InputError
from polytask.data.tables.feature_column import column_from_json, column_to_json
from polytask.data.tables.features import TableEncoder
from polytask.data.tables.text_features import N_PIECES, TextFeatures, piece_counts, piece_weights

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
