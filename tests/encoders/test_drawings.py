"""The encoder of drawings that comes with the package."""

import numpy as np
import pytest
import torch

from polytask.core import DataError
from polytask.datasets.omniglot_drawings import omniglot
from polytask.encoders import DrawingEncoder, drawings


def shapes(n_each: int, size: int = 60) -> list[np.ndarray]:
    """Draw circles, crosses and corners by chance, black on white, ``n_each`` of each."""
    draw = np.random.default_rng(0)
    found = []
    for shape in range(3):
        for _ in range(n_each):
            middle, reach, stroke = draw.integers(22, 38, 2), draw.integers(10, 20), draw.uniform(1, 3)
            across, down = np.meshgrid(np.arange(size) - middle[0], np.arange(size) - middle[1])
            inside = np.maximum(abs(across), abs(down)) <= reach
            lines = {
                0: abs(np.hypot(across, down) - reach) < stroke,
                1: ((abs(across) < stroke) | (abs(down) < stroke)) & inside,
                2: ((abs(across + reach) < stroke) | (abs(down - reach) < stroke)) & inside,
            }[shape]
            found.append(np.where(lines, 0, 255).astype(np.uint8))
    return found


def test_the_same_shape_is_nearer_than_another_whatever_its_size_place_stroke_and_ground() -> None:
    images = shapes(6)
    images = [255 - image if index % 2 else image for index, image in enumerate(images)]
    vectors = torch.nn.functional.normalize(DrawingEncoder().encode(images)).view(3, 6, -1)
    means = torch.nn.functional.normalize(vectors[:, :2].mean(1))
    told = (vectors[:, 2:] @ means.T).argmax(2)
    assert torch.equal(told, torch.arange(3)[:, None].expand(3, 4))


def test_vectors_do_not_hang_on_what_is_encoded_beside_and_blank_pages_have_one() -> None:
    encoder = DrawingEncoder()
    images = [*shapes(1), np.full((20, 30, 3), 255, dtype=np.uint8)]
    vectors = encoder.encode(images, batch_size=3)
    assert vectors.shape == (4, encoder.width) and bool(vectors.isfinite().all())
    alone = torch.cat([encoder.encode([image]) for image in images])
    torch.testing.assert_close(alone, vectors, atol=1e-4, rtol=1e-4)


def test_weights_that_are_not_as_published_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawings, "_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"drawings\.safetensors is changed or damaged\. Remove polytask"):
        DrawingEncoder()


def test_letters_by_hand_are_told_by_one_example() -> None:
    try:  # takes two seconds, for drawings that the network has never seen
        data = omniglot("validation", size=56, rotations=False)
    except DataError:
        pytest.skip("needs Omniglot in the folder that POLYTASK_DATA names")
    labels, n_classes = data.labels, 20
    rows = torch.stack([(labels == 8 * index).nonzero().flatten()[:5] for index in range(n_classes)])
    images = [image.float() / 255 for image in data.inputs[rows.flatten()]]
    vectors = DrawingEncoder().encode(images)
    vectors = torch.nn.functional.normalize(vectors - vectors.mean(0)).view(n_classes, 5, -1)
    told = (vectors[:, 1:] @ vectors[:, 0].T).argmax(2)
    accuracy = (told == torch.arange(n_classes)[:, None]).float().mean().item()
    assert accuracy > 0.85  # pixels: about a third
