"""What others wrote encodes as ours does, and stays as it is."""

import numpy as np
import pytest
import torch
from torch import nn

from polytask.core import InputError
from polytask.encoders import HashedText, encoder_of


class Sentences(nn.Module):
    """Has the form of an encoder of sentence-transformers."""

    def encode(self, sentences, batch_size=32, show_progress_bar=None):
        assert isinstance(sentences, list)
        return np.array([[len(text), batch_size] for text in sentences], dtype=np.float64)


class Backbone(nn.Module):
    """Has the form of a model of timm: features, and a head with a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.default_cfg = {"input_size": (3, 16, 16), "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
        self.layer = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Dropout(0.5))
        self.classifier = nn.Linear(5, 2)

    def forward_features(self, images):
        return self.layer(images)

    def forward_head(self, maps, pre_logits=False):
        pooled = maps.mean((2, 3))
        return pooled if pre_logits else self.classifier(pooled)

    def forward(self, images):
        return self.forward_head(self.forward_features(images))


class Maps(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 1)

    def forward(self, images):
        return self.layer(images)


def test_a_function_of_items_is_an_encoder():
    encoder = encoder_of(lambda texts: [[len(text), 1.0] for text in texts], kind="text", name="lengths")
    assert (encoder.name, encoder.kind, encoder.width, encoder.fingerprint) == ("lengths", "text", 2, "")
    assert encoder.encode(["a", "abc"]).tolist() == [[1.0, 1.0], [3.0, 1.0]] and encoder.state == {}
    assert encoder.encode([]).shape == (0, 2)


def test_sentence_transformers_are_asked_by_encode():
    encoder = encoder_of(Sentences(), kind="text", fingerprint="v1")
    assert encoder.name == "Sentences" and encoder.fingerprint == "v1"
    assert encoder.encode(("ab",), batch_size=7).tolist() == [[2.0, 7.0]]


def test_a_module_of_timm_stops_before_its_classifier_and_gets_images_as_it_is_used_to():
    torch.manual_seed(0)
    module = Backbone().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    encoder = encoder_of(module, kind="image")
    images = [np.full((9, 9, 3), 255, dtype=np.uint8), torch.rand(3, 20, 10)]
    vectors = encoder.encode(images, batch_size=1)
    assert vectors.shape == (2, 5) and not vectors.requires_grad and module.training
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())
    white = torch.full((1, 3, 16, 16), 2.0)  # (1 - 0.5) / 0.25
    expected = module.eval().layer(white).mean((2, 3)).detach()
    torch.testing.assert_close(vectors[:1], expected)


def test_maps_of_a_module_are_averaged_and_sizes_can_be_given():
    module, image = Maps(), torch.rand(3, 8, 8)
    encoder = encoder_of(module, kind="image", size=8, mean=(0, 0, 0), spread=(1, 1, 1))
    torch.testing.assert_close(encoder.encode([image])[0], module(image).mean((1, 2)).detach())


def test_the_fingerprint_of_a_module_changes_with_its_weights_and_with_the_preparation():
    module = Maps()
    encoder = encoder_of(module, kind="image", size=8)
    first = encoder.fingerprint
    assert first == encoder_of(module, kind="image", size=8).fingerprint
    assert first != encoder_of(module, kind="image", size=9).fingerprint
    with torch.no_grad():
        module.layer.weight[0, 0, 0, 0] += 1
    assert encoder_of(module, kind="image", size=8).fingerprint != first


def test_a_frozen_encoder_is_returned_as_it_is():
    encoder = HashedText()
    assert encoder_of(encoder, kind="text") is encoder


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (3, "text", "`source` must be a function, a torch module or an object with `encode`, but is a int"),
        (len, "smell", "`kind` is 'smell'"),
        (lambda texts: [1.0 for _ in texts], "text", r"must return \[item, width\].*but gave \(1,\)"),
        (lambda texts: [[1.0], [2.0]], "text", r"a row for each of 1, but gave \(2, 1\)"),
        (lambda texts: [["x"] for _ in texts], "text", "must return numbers"),
        (lambda texts: None, "text", "must return numbers"),
    ],
)
def test_what_gives_no_vectors_is_refused_at_once(source, kind, message):
    with pytest.raises(InputError, match=message):
        encoder_of(source, kind=kind)


def test_another_width_later_is_refused():
    encoder = encoder_of(lambda texts: [[1.0] * len(text) for text in texts], kind="text")
    with pytest.raises(InputError, match=r"gave vectors of 2 numbers, and 6 before"):
        encoder.encode(["ab"])


def test_colours_for_a_module_are_three_numbers():
    with pytest.raises(InputError, match="`mean` and `spread` need three numbers"):
        encoder_of(Maps(), kind="image", mean=(0.5,))
