"""Learning to learn from folders of images, adapting, saving and predicting."""

import numpy as np
import pytest
import torch
from PIL import Image

import polytask
from polytask.core import InputError
from polytask.data import LabelledExamples, image_folder
from polytask.estimators import AdaptedModel, FewShotModel


def shapes(n_classes: int, n_each: int, seed: int) -> LabelledExamples:
    """Draw classes that are easy to tell apart: a random pattern each, with noise."""
    draw = torch.Generator().manual_seed(seed)
    patterns = torch.rand(n_classes, 1, 28, 28, generator=draw) > 0.6
    noise = torch.rand(n_classes, n_each, 1, 28, 28, generator=draw) > 0.85
    images = (patterns[:, None] ^ noise).flatten(0, 1)
    return LabelledExamples(
        inputs=images.to(torch.uint8) * 255,
        labels=torch.arange(n_classes).repeat_interleave(n_each),
        class_names=tuple(f"class {index}" for index in range(n_classes)),
        class_groups=("pattern",) * n_classes,
    )


@pytest.fixture(scope="module")
def known() -> LabelledExamples:
    return shapes(30, 8, seed=0)


@pytest.fixture(scope="module", params=["prototypes", "maml"])
def model(request, known) -> FewShotModel:
    return polytask.learn(
        known, way=3, shot=2, learner=request.param, steps=10, n_query=3, width=8, n_episodes=20, episodes=2
    )


@pytest.fixture
def support_folder(tmp_path):
    examples = shapes(3, 4, seed=9)
    for row, (image, label) in enumerate(zip(examples.inputs, examples.labels.tolist())):
        folder = tmp_path / "support" / "abc"[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(255 - image[0].numpy()).save(folder / f"{row}.png")  # dark ink on white paper
    return tmp_path / "support"


def test_results_compare_with_pixels_on_unseen_classes(model):
    results = model.results
    assert results.n_classes == {"train": 18, "validation": 6, "test": 6}
    assert results.n_episodes == 20 and not results.score.transductive
    assert results.floor.interval.mean > 0.9  # the patterns are easy for pixels


def test_adapting_does_not_change_the_model(model):
    before = {name: tensor.clone() for name, tensor in model.learner.state_dict().items()}
    model.adapt(shapes(3, 2, seed=4))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.learner.state_dict().items())


def test_an_adapted_model_survives_saving(model, support_folder, tmp_path):
    adapted = model.adapt(image_folder(support_folder))
    adapted.save(tmp_path / "adapted")
    loaded = polytask.load(tmp_path / "adapted")
    assert isinstance(loaded, AdaptedModel) and loaded.classes == ("a", "b", "c")
    ours, theirs = adapted.predict(support_folder), loaded.predict(support_folder)
    assert ours.equals(theirs) and list(ours.columns) == ["class", "p(a)", "p(b)", "p(c)"]
    np.testing.assert_allclose(ours[["p(a)", "p(b)", "p(c)"]].sum(axis=1), 1, rtol=1e-5)


def test_a_saved_learner_adapts_as_before_and_names_its_data(model, known, support_folder, tmp_path):
    model.save(tmp_path / "learner")
    loaded = polytask.load(tmp_path / "learner")
    assert loaded.data == model.data and len(loaded.data["fingerprint"]) == 64
    assert known.fingerprint() != known.of_classes(range(29)).fingerprint()
    support = image_folder(support_folder)
    assert loaded.adapt(support).predict(support_folder).equals(model.adapt(support).predict(support_folder))


def test_prototypes_recognize_their_own_support(known, support_folder):
    model = polytask.learn(known, way=3, shot=1, steps=30, n_query=3, width=8, n_episodes=10)
    adapted = model.adapt(image_folder(support_folder))
    answers = adapted.predict(support_folder)
    truth = [path.split("/")[-2] for path in answers.index]
    assert (answers["class"] == truth).mean() > 0.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"way": 1}, "`way` must be at least 2"),
        ({"learner": "magic"}, "'magic'.*prototypes"),
        ({"shot": 9}, r"fewer than 9 support \+ 5 query examples.*lower `shot`"),
        ({"way": 7}, "the validation part has 6 classes, fewer than 7.*the test part"),
        ({"colour": 3}, "colour"),
    ],
)
def test_a_wrong_setting_is_named(known, settings, message):
    with pytest.raises(InputError, match=message):
        polytask.learn(known, steps=1, **settings)


def test_an_unknown_source_is_named():
    with pytest.raises(InputError, match="no source nowhere"):
        polytask.learn("nowhere")


def test_maml_refuses_another_number_of_classes(known):
    model = polytask.learn(
        known, way=3, learner="maml", steps=1, n_query=2, width=8, n_episodes=2, episodes=1
    )
    with pytest.raises(InputError, match="tells 3 classes apart, but the support has 4"):
        model.adapt(shapes(4, 1, seed=0))


def test_images_of_another_size_are_refused(model):
    small = shapes(3, 1, seed=0)
    small = LabelledExamples(
        inputs=small.inputs[..., :20, :20],
        labels=small.labels,
        class_names=small.class_names,
        class_groups=small.class_groups,
    )
    with pytest.raises(InputError, match=r"\(1, 20, 20\).*\(1, 28, 28\)"):
        model.adapt(small)
