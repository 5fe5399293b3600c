"""Columns of text in a table, by the pretrained encoder: from the fit to a model that is loaded."""

import numpy as np
import pandas as pd
import pytest

import polytask
from polytask.core import DataWarning, InputError

pytestmark = pytest.mark.pretrained("minilm", "tokenizers")


def reviews(n_rows: int = 60) -> pd.DataFrame:
    """Draw texts whose words are never the same, but whose meaning tells the target."""
    draw = np.random.default_rng(0)
    good = ["wonderful", "superb", "lovely", "great", "excellent", "delightful", "brilliant", "fine"]
    bad = ["awful", "terrible", "poor", "dreadful", "horrible", "bad", "disappointing", "nasty"]
    things = ["soup", "hotel", "book", "train", "lamp", "song", "coat", "phone"]
    is_good = draw.random(n_rows) < 0.5
    texts = [
        f"The {things[index % 8]} number {index} was {draw.choice(good if one else bad)} for all of us"
        for index, one in enumerate(is_good)
    ]
    return pd.DataFrame(
        {"review": texts, "liked": np.where(is_good, "yes", "no"), "size": draw.random(n_rows)}
    )


def test_the_model_keeps_its_encoder_and_predicts_the_same_when_it_is_loaded(tmp_path):
    table = reviews()
    with pytest.warns(DataWarning, match=r"and 384 by its meaning \(minilm\)"):
        model = polytask.fit(table, ["liked", "size"], baselines=False, epochs=5)
    assert model.data["text_encoder"] == "minilm"
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(polytask.load(tmp_path / "model").predict(table), model.predict(table))


def test_words_alone_are_taken_where_they_are_asked_for():
    with pytest.warns(DataWarning) as caught:
        model = polytask.fit(
            reviews(), ["liked", "size"], text_encoder="hashed-text", baselines=False, epochs=2
        )
    assert not any("meaning" in str(each.message) for each in caught)
    assert "text_encoder" not in model.data
    with pytest.raises(
        InputError, match="`text_encoder` is 'bert'; use one of minilm, minilm-3-layers, hashed"
    ):
        polytask.fit(reviews(), ["liked"], text_encoder="bert")
