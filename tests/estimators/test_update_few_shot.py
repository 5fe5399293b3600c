"""Updating a deployed few-shot model: what is replayed is what it was trained on, or nothing is done."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import polytask
from polytask.core import DataError, InputError
from polytask.data import LabelledExamples
from polytask.models import FewShotModel

pytestmark = [
    pytest.mark.trains,
    pytest.mark.filterwarnings("ignore:What .* learned:polytask.core.ResultWarning"),
]
SIZE = 16
LEARN = {"way": 2, "steps": 1, "width": 4, "n_episodes": 3}
UPDATE = {"steps": 1, "learning_rate": 1e-6, "n_replayed": 1, "n_episodes": 3}


def drawings(n_classes: int, n_each: int, seed: int) -> LabelledExamples:
    """Draw a random pattern for each class, and noise on it."""
    draw = torch.Generator().manual_seed(seed)
    patterns = torch.rand(n_classes, 1, 1, SIZE, SIZE, generator=draw) > 0.6
    noise = torch.rand(n_classes, n_each, 1, SIZE, SIZE, generator=draw) > 0.97
    return LabelledExamples(
        inputs=(patterns ^ noise).flatten(0, 1).to(torch.uint8) * 255,
        labels=torch.arange(n_classes).repeat_interleave(n_each),
        class_names=tuple(f"{seed}-{index}" for index in range(n_classes)),
        class_groups=("drawn",) * n_classes,
    )


def write(folder: Path, examples: LabelledExamples) -> Path:
    """Write dark ink on white paper."""
    for row, (image, label) in enumerate(zip(examples.inputs, examples.labels.tolist(), strict=True)):
        path = folder / examples.class_names[label] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image[0].numpy().astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="module")
def known() -> LabelledExamples:
    return drawings(10, 5, seed=0)


@pytest.fixture(scope="module")
def model(known) -> FewShotModel:
    return polytask.learn(known, learner="maml", inner_steps=1, **LEARN)


def test_an_updated_model_is_saved_loaded_and_updated_again(model, known, tmp_path):
    after, results = polytask.update(model, drawings(2, 6, seed=7), replay=known, **UPDATE)
    assert results.kept
    after.save(tmp_path / "after")
    loaded = polytask.load(tmp_path / "after")
    assert isinstance(loaded, FewShotModel) and loaded.data["updates"] == after.data["updates"]
    (file,) = (tmp_path / "after").glob("results*.json")
    assert '"known_tasks"' in file.read_text()
    twice, _ = polytask.update(loaded, drawings(2, 6, seed=8), replay=known, **UPDATE)
    assert len(twice.data["updates"]) == 2


def test_a_model_of_a_folder_finds_its_images_again(known, tmp_path):
    """Read once more with the ground and the colours that the training had found, they are the same."""
    folder = write(tmp_path / "known", known)
    trained = polytask.learn(folder, learner="maml", inner_steps=1, size=SIZE, **LEARN)
    new = write(tmp_path / "new", drawings(2, 4, seed=7))
    _, results = polytask.update(trained, new, **UPDATE)
    assert results.classes == ("7-0", "7-1") and results.n_support == results.n_query == 4


def test_other_images_than_those_of_the_training_are_refused(model):
    with pytest.raises(DataError, match="is not what the model was trained on, or has changed since"):
        polytask.update(model, drawings(2, 6, seed=7), replay=drawings(10, 5, seed=1), **UPDATE)


def test_images_in_memory_must_be_given_again(model):
    with pytest.raises(DataError, match=r"trained on examples, of which no folder is here"):
        polytask.update(model, drawings(2, 6, seed=7), **UPDATE)


def test_the_learner_that_is_the_default_is_updated_too(known):
    trained = polytask.learn(known, **LEARN)
    updated, results = polytask.update(
        trained, drawings(2, 6, seed=7), replay=known, **{**UPDATE, "learning_rate": 1e-3}
    )
    assert results.steps == 1 and results.classes == ("7-0", "7-1")
    before, after = trained.learner.state_dict(), updated.learner.state_dict()
    assert not results.kept or any(not torch.equal(before[name], after[name]) for name in before)


def test_a_learner_with_a_head_for_all_known_classes_is_refused(known):
    trained = polytask.learn(known, learner="simple-shot", **LEARN)
    with pytest.raises(InputError, match="simple-shot is trained with a head for all known classes"):
        polytask.update(trained, drawings(2, 6, seed=7), replay=known, **UPDATE)


def test_an_adapted_model_is_refused(model):
    adapted = model.adapt(drawings(2, 3, seed=7))
    with pytest.raises(InputError, match=r"takes a model made by `polytask\.learn`, but not AdaptedModel"):
        polytask.update(adapted, drawings(2, 6, seed=7), **UPDATE)  # pyright: ignore[reportArgumentType]


def test_all_that_is_wrong_with_the_settings_is_said_at_once(model):
    with pytest.raises(InputError, match=r"`steps` must be at least 1.*`n_episodes` must be at least 2"):
        polytask.update(model, drawings(2, 6, seed=7), steps=0, n_episodes=1)
