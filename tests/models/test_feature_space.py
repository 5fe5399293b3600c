"""Features of several encoders side by side."""

import pytest
import torch

from polytask.core import InputError
from polytask.encoders.hashed_text import HashedText
from polytask.encoders.standardized_vectors import StandardizedVectors
from polytask.models.feature_space import FeatureSpace


def test_features_have_length_one_and_shares_as_weighed() -> None:
    encoders = [HashedText(width=16), HashedText(width=32)]
    texts = ["a cat", "two dogs", "rain again"]
    vectors = [encoder.encode(texts) for encoder in encoders]
    space = FeatureSpace.of("text", encoders, vectors, [1.0, 0.5])
    features = space.features(texts)
    assert features.shape == (3, space.width)
    assert features.norm(dim=1).numpy() == pytest.approx(1, abs=1e-6)
    assert features[:, :16].norm(dim=1).numpy() == pytest.approx((1 / 1.25) ** 0.5, abs=1e-6)


def test_a_space_is_built_again_from_its_description() -> None:
    encoder = StandardizedVectors([[0.0, 1.0], [2.0, 5.0]])
    rows = torch.tensor([[1.0, 2.0], [0.0, 7.0]])
    space = FeatureSpace.of("vector", [encoder], [encoder.encode(rows)], [1.0])
    again = FeatureSpace.from_json(space.to_json(), space.tensors())
    assert torch.equal(again.features(list(rows)), space.features(list(rows)))


@pytest.mark.parametrize(
    "change", [{"width": torch.ones(3)}, {"tokens": torch.zeros(0, dtype=torch.int64)}, {"counts": None}]
)
def test_a_damaged_state_of_an_encoder_is_told(change: dict[str, torch.Tensor | None]) -> None:
    encoder = HashedText(["a cat", "a dog"])
    space = FeatureSpace.of("text", [encoder], [encoder.encode(["a cat"])], [1.0])
    tensors = space.tensors()
    for name, tensor in change.items():
        del tensors[f"0/state/{name}"]
        if tensor is not None:
            tensors[f"0/state/{name}"] = tensor
    read = FeatureSpace.from_json(space.to_json(), tensors)
    with pytest.raises(InputError, match="keeps of its encoder 'hashed-text' is damaged"):
        read.features(["a cat"])


def test_a_centre_that_is_not_of_real_numbers_is_refused() -> None:
    encoder = StandardizedVectors([[0.0, 1.0], [2.0, 5.0]])
    space = FeatureSpace.of("vector", [encoder], [encoder.encode([torch.ones(2)])], [1.0])
    tensors = {**space.tensors(), "0/centre": torch.ones(2, dtype=torch.bool)}
    with pytest.raises(InputError, match="is not of real numbers"):
        FeatureSpace.from_json(space.to_json(), tensors)
