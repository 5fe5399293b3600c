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


def test_features_of_numbers_tell_how_large_they_are_and_have_length_one() -> None:
    rows = torch.tensor([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [5.0, 5.0]])  # two classes in one direction
    encoder = StandardizedVectors(rows)
    space = FeatureSpace.of("vector", [encoder], [encoder.encode(rows)], [1.0])
    features = space.features([torch.tensor([6.0, 6.0]), torch.tensor([9.0, 9.0])])
    assert features.shape == (2, space.width) == (2, 3)
    assert features.norm(dim=1).numpy() == pytest.approx(1, abs=1e-6)
    assert not torch.allclose(features[0], features[1], atol=0.01)


@pytest.mark.parametrize("beside", [-1.0, float("inf"), "0.5", True])
def test_a_number_beside_that_is_none_is_refused(beside: object) -> None:
    encoder = StandardizedVectors([[0.0, 1.0], [2.0, 5.0]])
    space = FeatureSpace.of("vector", [encoder], [encoder.encode([torch.ones(2)])], [1.0])
    told = space.to_json()
    told["views"][0]["beside"] = beside
    with pytest.raises(InputError, match="the number beside encoder 'vectors'"):
        FeatureSpace.from_json(told, space.tensors())


def test_models_of_earlier_versions_have_no_number_beside() -> None:
    encoder = StandardizedVectors([[0.0, 1.0], [2.0, 5.0]])
    space = FeatureSpace.of("vector", [encoder], [encoder.encode([torch.ones(2)])], [1.0])
    told = space.to_json()
    del told["views"][0]["beside"]
    assert FeatureSpace.from_json(told, space.tensors()).width == 2


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
