"""Photos or drawings: the support decides."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import polytask
from polytask.core import DataWarning
from polytask.encoders import encoder_of
from polytask.estimators import adapt_images
from polytask.models.known_tasks import known_tasks


def strokes(n_each: int) -> tuple[list[np.ndarray], list[str]]:
    """Draw bars and crosses at any place, white on black."""
    draw = np.random.default_rng(0)
    images = np.zeros((2 * n_each, 40, 40), dtype=np.uint8)
    for index, image in enumerate(images):
        row, column = draw.integers(12, 28, 2)
        image[row - 9 : row + 9, column - 1 : column + 1] = 255
        if index >= n_each:
            image[row - 1 : row + 1, column - 9 : column + 9] = 255
    return list(images), ["bar"] * n_each + ["cross"] * n_each


def noisy(n_each: int) -> tuple[list[np.ndarray], list[str]]:
    """Draw images of two colours that look like no drawing."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 128, (2 * n_each, 30, 30, 3)).astype(np.uint8)
    images[n_each:, :, :, 0] += 127
    return list(images), ["dull"] * n_each + ["red"] * n_each


@pytest.fixture
def without_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("POLYTASK_CACHE", str(tmp_path))


@pytest.mark.usefixtures("without_weights")
def test_drawings_need_no_download() -> None:
    images, labels = strokes(3)
    with warnings.catch_warnings(action="error"):
        model = polytask.adapt(images, labels)
    assert [view.name for view in model.space.views] == ["drawings"]
    assert "look like drawings, so they are encoded by 'drawings'" in model.messages[-1]
    moved = [np.roll(image, 4, axis=0) for image in images]
    assert list(model.predict(moved)["class"]) == labels


@pytest.mark.usefixtures("without_weights")
def test_photos_without_weights_have_the_simple_encoder_and_it_is_said() -> None:
    images, labels = noisy(3)
    with pytest.warns(DataWarning, match="The simple encoder 'colour-gradients' is used"):
        model = polytask.adapt(images, labels)
    assert [view.name for view in model.space.views] == ["colour-gradients"]
    assert "look like photos" in model.messages[-1]


def photos_encoder(monkeypatch: pytest.MonkeyPatch, encode) -> None:
    """Put another encoder in the place of that of photos."""
    stand_in = encoder_of(encode, kind="image", name="efficientnet-lite0")
    frozen = adapt_images.frozen_encoder
    monkeypatch.setattr(
        adapt_images, "frozen_encoder", lambda name: stand_in if name == stand_in.name else frozen(name)
    )


def mean_colours(images) -> list[list[float]]:
    return [
        np.asarray(image, dtype=float).reshape(-1, image.shape[-1]).mean(0)[:3].tolist() for image in images
    ]


def nothing(images) -> list[list[float]]:
    return [[1.0, float(index % 2), 0.0] for index in range(len(images))]


def test_left_out_examples_choose_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = strokes(4)
    photos_encoder(monkeypatch, nothing)
    model = polytask.adapt(images, labels)
    assert [view.name for view in model.space.views] == ["drawings"]
    assert "left-out examples are told best" in model.messages[-1]
    images, labels = noisy(4)
    photos_encoder(monkeypatch, mean_colours)
    model = polytask.adapt(images, labels)
    assert "efficientnet-lite0" in [view.name for view in model.space.views]


def test_with_one_example_a_class_the_look_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    photos_encoder(monkeypatch, mean_colours)
    monkeypatch.setattr(
        adapt_images, "best_available", lambda kind: (adapt_images.frozen_encoder("efficientnet-lite0"), "")
    )
    with warnings.catch_warnings(action="ignore"):
        drawn = polytask.adapt(*strokes(1))
        photos = polytask.adapt(*noisy(1))
    assert [view.name for view in drawn.space.views] == ["drawings"]
    assert [view.name for view in photos.space.views] == ["efficientnet-lite0"]


def test_one_photo_a_class_is_as_sure_as_known_pictures_say(monkeypatch: pytest.MonkeyPatch) -> None:
    photos_encoder(monkeypatch, mean_colours)
    monkeypatch.setattr(
        adapt_images, "best_available", lambda kind: (adapt_images.frozen_encoder("efficientnet-lite0"), "")
    )
    known = known_tasks(("efficientnet-lite0",))
    assert known is not None and known.sharpness < 15  # where nothing is known it is 20
    with pytest.warns(DataWarning, match="as it was for tasks of pictures"):
        model = polytask.adapt(*noisy(1))
    assert model.settings.sharpness == known.sharpness
    assert torch.equal(model.references, known.references)


def test_a_plain_photo_beside_another_one_makes_no_drawings() -> None:
    sky = np.full((30, 30, 3), 200, dtype=np.uint8)
    assert not adapt_images._look_drawn([sky, noisy(1)[0][0]])
    assert adapt_images._look_drawn([sky, *strokes(2)[0]])


def test_coloured_things_on_a_plain_ground_are_no_drawings() -> None:
    page = np.full((60, 60, 3), 255, dtype=np.uint8)
    for place, colour in enumerate([(20, 20, 20), (230, 50, 50), (50, 200, 50), (50, 80, 230)]):
        page[24:36, 24 + 3 * place : 27 + 3 * place] = colour
    assert not adapt_images._look_drawn([page, *strokes(2)[0][:1]])
