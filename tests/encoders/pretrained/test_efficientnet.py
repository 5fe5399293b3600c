"""The image encoder gives the numbers of the published model.

The reference numbers are those of two other implementations with the same weights,
`efficientnet_lite_pytorch` 0.1.0 and `geffnet` 1.0.2, which agree to the last digit; computed once by torch
2.13.0 on a CPU.
"""

import pytest
import torch
from sklearn.datasets import load_sample_image

from polytask.core import InputError
from polytask.encoders import EfficientNetLite

pytestmark = pytest.mark.pretrained("efficientnet-lite0", "PIL")

FIRST = [0.0346, 0.151, 0.0, 0.0195, 0.0, 0.0, 0.0, 0.8032, 0.0, 0.0, 0.0, 0.0]
DAISY, CHINESE_ROOFS = 985, {442, 449, 663, 698}  # bell cote, boathouse, monastery, palace


@pytest.fixture(scope="module")
def encoder() -> EfficientNetLite:
    return EfficientNetLite()


def pattern() -> torch.Tensor:
    """An image that is made by a formula."""
    ramp = torch.arange(224) / 223
    waves = (torch.outer(ramp, ramp) * 40).sin() / 2 + 0.5
    return torch.stack([ramp[:, None].expand(224, 224), ramp[None].expand(224, 224), waves])


def test_vectors_are_those_of_independent_implementations(encoder):
    (vector,) = encoder.encode([pattern()])
    torch.testing.assert_close(vector[:12], torch.tensor(FIRST), atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(vector.norm(), torch.tensor(20.8056), atol=1e-2, rtol=0)
    torch.testing.assert_close(vector.mean(), torch.tensor(0.2282), atol=2e-4, rtol=0)
    assert vector.shape == (1280,) and not vector.requires_grad and bool((vector >= 0).all())


def test_photos_are_of_the_classes_that_they_show(encoder):
    photos = [load_sample_image(name) for name in ("flower.jpg", "china.jpg")]
    flower, china = encoder._network.classifier(encoder.encode(photos)).topk(5).indices.tolist()
    assert flower[0] == DAISY and len(CHINESE_ROOFS & set(china)) >= 3


def test_those_beside_an_image_do_not_matter(encoder):
    images = [pattern(), pattern().flip(1), torch.rand(60, 80)]
    together = encoder.encode(images, batch_size=2)
    for image, vector in zip(images, together, strict=True):
        torch.testing.assert_close(encoder.encode([image])[0], vector, atol=1e-4, rtol=1e-4)
    assert encoder.encode([]).shape == (0, 1280) and encoder.state == {}


def test_what_is_no_image_is_named_by_its_index(encoder):
    with pytest.raises(InputError, match="index 1 must be an image"):
        encoder.encode([pattern(), None])


def test_without_weights_the_line_to_type_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="polytask models fetch efficientnet-lite0"):
        EfficientNetLite()
