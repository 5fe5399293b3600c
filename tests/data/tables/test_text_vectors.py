import numpy as np
import pytest

from polytask.core import InputError
from polytask.data.tables import text_vectors
from polytask.data.tables.text_vectors import provide_text_vectors


def test_the_last_that_provides_vectors_counts(monkeypatch):
    monkeypatch.setattr(text_vectors, "_PROVIDED", [])
    for mark in ("one", "two"):
        provide_text_vectors(lambda name, texts, mark=mark: (mark, np.zeros((len(texts), 3))))
    found, vectors = text_vectors.text_vectors("any", ["a", "b"], fingerprint="two")
    assert found == "two" and vectors.shape == (2, 3)
    with pytest.raises(InputError, match="'any' has other weights here"):
        text_vectors.text_vectors("any", ["a"], fingerprint="one")
