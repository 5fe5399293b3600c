"""Learning to learn from folders of images, adapting, saving and predicting."""

import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import polytask
from polytask.core import DataError, DataWarning, InputError, ResultWarning
from polytask.core.errors import NotFiniteError
from polytask.data import ImagePreparation, LabelledExamples, image_folder
from polytask.estimators.planned_learning import plan
from polytask.fitting.few_shot_source import class_split
from polytask.models import AdaptedModel, FewShotModel
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner

# A step or two of training is not better than pixels, which `learn` says.
pytestmark = pytest.mark.filterwarnings("ignore:What .* learned:polytask.core.ResultWarning")

SIZE = 16


def shapes(n_classes: int, n_each: int, seed: int, size: int = 28) -> LabelledExamples:
    """Draw classes that are easy to tell apart: a random pattern each, with noise."""
    draw = torch.Generator().manual_seed(seed)
    patterns = torch.rand(n_classes, 1, size, size, generator=draw) > 0.6
    noise = torch.rand(n_classes, n_each, 1, size, size, generator=draw) > 0.85
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


def quick(source, learner="prototypes", **settings) -> FewShotModel:
    settings = {
        "way": 3,
        "shot": 2,
        "steps": 1,
        "n_query": 3,
        "width": 4,
        "n_episodes": 5,
        "episodes": 2,
    } | settings
    if learner == "prototypes":  # others learn from as many classes as they answer
        settings = {"train_way": 3} | settings
    return polytask.learn(source, learner=learner, **settings)


def untrained(**settings) -> FewShotModel:
    """Build a model that was never trained: enough to see what it reads."""
    config = FewShotConfig(**{"way": 3, "size": SIZE, "width": 4, **settings})
    torch.manual_seed(0)
    return FewShotModel(build_few_shot_learner(config), config=config, data={})


@pytest.fixture(scope="module", params=["prototypes", "maml"])
def model(request) -> FewShotModel:
    return quick(shapes(30, 8, seed=0, size=SIZE), learner=request.param)


def write(folder, examples, *, ink=0, ground=255):
    """Write class folders, dark ink on white paper."""
    for row, (image, label) in enumerate(zip(examples.inputs, examples.labels.tolist())):
        path = folder / examples.class_names[label] / f"{row}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        inked = (image.numpy() > 127).transpose(1, 2, 0)  # [height, width, channel]
        pixels = np.where(inked, np.array(ink), np.array(ground)).astype(np.uint8)
        Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(path)
    return folder


@pytest.fixture
def support_folder(tmp_path):
    examples = replace(shapes(3, 4, seed=9), class_names=("a", "b", "c"))
    return write(tmp_path / "support", examples)


def small(folder) -> LabelledExamples:
    return image_folder(folder, size=SIZE)


def test_results_compare_with_pixels_on_unseen_classes(model):
    results = model.results
    assert results.n_classes == {"train": 18, "validation": 6, "test": 6}
    assert results.n_episodes == 5 and not results.score.transductive
    assert results.baseline.interval.mean > 0.9  # the patterns are easy for pixels


def test_adapting_does_not_change_the_model(model):
    before = {name: tensor.clone() for name, tensor in model.learner.state_dict().items()}
    model.adapt(shapes(3, 2, seed=4, size=SIZE))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.learner.state_dict().items())


def test_an_adapted_model_survives_saving(model, support_folder, tmp_path):
    adapted = model.adapt(small(support_folder))
    adapted.save(tmp_path / "adapted")
    loaded = polytask.load(tmp_path / "adapted")
    assert isinstance(loaded, AdaptedModel) and loaded.classes == ("a", "b", "c")
    assert (
        loaded.images
        == adapted.images
        == ImagePreparation(size=SIZE, channels=1, ground="light", inverted=True)
    )
    ours, theirs = adapted.predict(support_folder), loaded.predict(support_folder)
    assert ours.equals(theirs) and list(ours.columns) == ["class", "p(a)", "p(b)", "p(c)"]
    np.testing.assert_allclose(ours[["p(a)", "p(b)", "p(c)"]].sum(axis=1), 1, rtol=1e-5)


def test_a_saved_learner_adapts_as_before_and_names_its_data(model, known, support_folder, tmp_path):
    model.save(tmp_path / "learner")
    loaded = polytask.load(tmp_path / "learner")
    assert loaded.data == model.data and len(loaded.data["fingerprint"]) == 64
    assert loaded.config == model.config
    assert known.fingerprint() != known.of_classes(range(29)).fingerprint()
    support = small(support_folder)
    assert loaded.adapt(support).predict(support_folder).equals(model.adapt(support).predict(support_folder))


def test_a_class_of_one_image_is_recognized_by_that_image(tmp_path):
    support = write(tmp_path / "support", shapes(5, 1, seed=2, size=SIZE))
    answers = untrained(width=16).adapt(support).predict(support)  # its prototype is the image itself
    assert answers["class"].tolist() == [path.split("/")[-2] for path in answers.index]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"way": 1}, "`way` must be at least 2"),
        ({"learner": "magic"}, r"'magic'; `polytask\.meta\.learner_names\(\)` lists all 32"),
        ({"learner": "protonets"}, "did you mean 'prototypes'"),
        ({"inner_steps": 2}, "`inner_steps` is not used with `learner='varied-prototypes'`; leave.*'maml'"),
        (
            {"train_way": 5, "n_query": 3},
            "`train_way` is not used with `learner='varied-prototypes'`.*such as 'prototypes'; `n_query`",
        ),
        (
            {"learner": "prototypes", "inner_rate": 0.1, "batch_size": 8},
            "`inner_rate` is not used.*; `batch_size` is not used",
        ),
        ({"learner": "maml", "train_way": 3}, "`train_way` is not used with `learner='maml'`"),
        ({"learner": "lstm-optimizer", "inner_rate": 0.1}, "`inner_rate` is not used"),
        (
            {"learner": "simple-shot", "n_query": 3, "episodes": 2},
            "`n_query` is not used.*`episodes` is not used.*trained by episodes",
        ),
        (
            {"learner": "prototypes", "shot": 9},
            r"^examples: 30 classes have fewer .*\(8 of 10\).* 25 more; lower `shot` to 7, add [^;]*$",
        ),
        (
            {"learner": "prototypes", "shot": 3, "n_query": 6},
            "18 classes have fewer images.*lower `shot` to 2",
        ),
        ({"way": 11}, "30 classes, but `way` 11 needs at least 33.*lower `way` to 10 or add"),
        ({"colour": 3}, "colour"),
        ({"width": "8"}, "`width` must be a whole number, got '8'"),
        ({"width": 10**9}, "`width` must be at most 4096"),
        ({"size": 10**6}, "`size` must be at most 2048"),
        ({"way": 2.5}, "`way` must be a whole number"),
        ({"learning_rate": float("nan")}, "`learning_rate` must be a finite number"),
        ({"steps": True}, "`steps` must be a whole number"),
        ({"n_episodes": 0}, "`n_episodes` must be at least 1"),
        ({"size": 32}, "`size` is 32, but the examples are 28 x 28"),
        ({"channels": 3}, "`channels` and `ground` say how a folder"),
    ],
)
def test_a_wrong_setting_is_named(known, settings, message):
    with pytest.raises(InputError, match=message):
        polytask.learn(known, steps=1, **settings) if "steps" not in settings else polytask.learn(
            known, **settings
        )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "no source nowhere"),
        ("x\0y", "no source"),
        (pd.DataFrame({"a": [1]}), "Name the right one by `label_column`"),
        (None, "not NoneType"),
        (["a.png"], "The examples have no labels"),
        (torch.zeros(9, 1, 28, 28), "The examples have no labels"),
    ],
)
def test_what_is_no_source_is_named(source, message):
    with pytest.raises(InputError, match=message):
        polytask.learn(source)


@pytest.mark.parametrize(
    "inputs", [torch.zeros(40, 60).long(), torch.zeros(40, 4000), torch.zeros(40, 1, 20, 9)]
)
def test_examples_that_are_no_images_are_refused(inputs):
    letters = tuple("abcdefghij")
    examples = LabelledExamples(
        inputs=inputs, labels=torch.arange(40) % 10, class_names=letters, class_groups=letters
    )
    with pytest.raises(InputError, match=r"must have the shape \[image, 1 or 3, size, size\]"):
        polytask.learn(examples, way=2)


def test_maml_refuses_another_number_of_classes():
    with pytest.raises(InputError, match="tells 3 classes apart, but the support has 4"):
        untrained(learner="maml").adapt(shapes(4, 1, seed=0, size=SIZE))


def test_images_of_another_size_are_refused():
    with pytest.raises(InputError, match=r"\(1, 20, 20\).*\(1, 16, 16\)"):
        untrained().adapt(shapes(3, 1, seed=0, size=20))


def test_bytes_and_floats_give_the_same_answers():
    model, support = untrained(), shapes(3, 2, seed=1, size=SIZE)
    floats = replace(support, inputs=support.inputs.double() / 255)
    usual, other = model.adapt(support), model.adapt(floats)
    for images in (support.inputs, floats.inputs, floats.inputs.numpy()):
        for adapted in (usual, other):
            np.testing.assert_allclose(
                adapted.predict(images).iloc[:, 1:].astype(float),
                usual.predict(support.inputs).iloc[:, 1:].astype(float),
                atol=1e-5,
            )
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        usual.predict(support.inputs.float())


def test_a_folder_is_adapted_to_and_predicted_in_every_form(support_folder):
    model = untrained()
    adapted = model.adapt(support_folder)
    assert adapted.predict(support_folder).equals(model.adapt(small(support_folder)).predict(support_folder))
    files = sorted(support_folder.rglob("*.png"))
    expected = adapted.predict(support_folder)
    assert adapted.predict(files).equals(expected) and list(expected.index) == list(map(str, files))
    opened = [Image.open(file) for file in files]
    for images in ([file.read_bytes() for file in files], opened, small(support_folder).inputs):
        assert adapted.predict(images).equals(expected.reset_index(drop=True))
    for image in opened:
        image.close()


def test_one_image_needs_no_list(support_folder):
    adapted = untrained().adapt(support_folder)
    file = next(support_folder.rglob("*.png"))
    expected = adapted.predict([file])
    assert adapted.predict(str(file)).equals(expected)
    with Image.open(file) as opened:
        for image in (file.read_bytes(), opened):
            assert adapted.predict(image).equals(expected.reset_index(drop=True))


@pytest.mark.parametrize(
    "wrapped", [tuple, iter, pd.Series, pd.Index, lambda files: np.array(list(map(str, files)))]
)
def test_files_may_come_in_any_collection(wrapped, support_folder):
    adapted, files = untrained().adapt(support_folder), sorted(support_folder.rglob("*.png"))
    assert adapted.predict(wrapped(files)).equals(adapted.predict(files))


def test_open_files_and_lists_of_arrays_are_images(support_folder):
    support = small(support_folder)
    adapted = untrained().adapt(support)
    expected = adapted.predict(support.inputs)
    file = next(support_folder.rglob("*.png"))
    with file.open("rb") as opened:
        for image in (opened, io.BytesIO(file.read_bytes()), bytearray(file.read_bytes())):
            assert adapted.predict(image).equals(adapted.predict(file.read_bytes()))
    for images in (support, list(support.inputs), list(support.inputs.numpy())):
        assert adapted.predict(images).equals(expected)
    with pytest.raises(InputError, match="different shapes"):
        adapted.predict([support.inputs[0], support.inputs[0, :, :8]])


def test_tensors_with_the_ground_that_files_had_are_no_secret(support_folder):
    images = ImagePreparation(size=SIZE, channels=1, ground="light", inverted=True)
    model, support = untrained(images=images), small(support_folder)
    framed = torch.nn.functional.pad(support.inputs[:, :, 1:-1, 1:-1], (1, 1, 1, 1))
    on_paper = replace(support, inputs=255 - framed, images=None)
    with pytest.warns(DataWarning, match="taken as they are"):
        adapted = model.adapt(on_paper)
    with pytest.warns(DataWarning, match="taken as they are"):
        adapted.predict(on_paper.inputs)


def test_answers_that_depend_on_the_other_queries_are_given_together(monkeypatch, tmp_path):
    monkeypatch.setattr("polytask.models.few_shot_model._MOST_AT_ONCE", 4)
    support = shapes(3, 2, seed=1, size=SIZE)
    adapted = untrained(learner="pt-map", shot=2).adapt(support)  # shares the queries among the classes
    answers = adapted.predict(support.inputs)
    together = adapted.predictor(support.inputs / 255)["class"].softmax(-1).detach()
    torch.testing.assert_close(torch.tensor(answers.iloc[:, 1:].to_numpy(float)).float(), together)
    adapted.save(tmp_path / "model")
    assert polytask.load(tmp_path / "model").predict(support.inputs).equals(answers)


def test_a_learner_of_another_type_takes_the_same_images(tmp_path):
    support = shapes(3, 2, seed=1, size=SIZE)
    expected = untrained().adapt(support).predict(support.inputs)
    model = untrained()
    model.learner.double()
    adapted = model.adapt(support)
    adapted.save(tmp_path / "model")
    found = adapted.predict(support.inputs)
    np.testing.assert_allclose(found.iloc[:, 1:].astype(float), expected.iloc[:, 1:].astype(float), atol=1e-4)


@pytest.mark.parametrize("learner", ["maml", "maml++"])
def test_a_narrow_network_tells_images_apart_and_answers_one_alone(learner):
    support = shapes(3, 2, seed=1, size=SIZE)
    adapted = untrained(learner=learner).adapt(support)
    answers = adapted.predict(support.inputs)
    assert answers["p(class 0)"].nunique() > 1
    alone = adapted.predict(support.inputs[:1]).iloc[0, 1:].astype(float)
    np.testing.assert_allclose(alone, answers.iloc[0, 1:].astype(float), atol=1e-5)


def test_adaptation_that_diverges_is_an_error():
    support = shapes(3, 2, seed=1, size=SIZE)
    with pytest.raises(NotFiniteError, match="smaller `inner_rate`"):
        untrained(learner="maml", inner_rate=1e30).adapt(support)
    adapted = untrained().adapt(support)
    adapted.predictor.state["class"]["summary"].fill_(torch.nan)
    with pytest.raises(NotFiniteError, match="An answer is not finite"):
        adapted.predict(support.inputs)


def test_an_open_ground_is_decided_by_the_support_or_no_secret(support_folder):
    model = untrained(images=ImagePreparation(size=SIZE, channels=1))
    from_files, tensors = model.adapt(support_folder), small(support_folder)
    assert from_files.images.inverted
    from_tensors = model.adapt(replace(tensors, images=None))
    with pytest.warns(DataWarning, match="ground of 12 files was decided without it: it is light"):
        found = from_tensors.predict(support_folder)
    assert found.equals(from_files.predict(support_folder))


def test_examples_read_in_another_way_than_the_training_images_are_no_secret(support_folder):
    model = untrained(images=ImagePreparation(size=SIZE, channels=1, ground="dark"))
    with pytest.warns(DataWarning, match="read as things on a light ground, inverted, but the training"):
        adapted = model.adapt(small(support_folder))
    assert adapted.images.inverted  # later images are read as the support was


def test_grey_examples_fit_a_model_of_colour(support_folder):
    model = untrained(images=ImagePreparation(size=SIZE, channels=3, ground="light", inverted=True))
    adapted = model.adapt(small(support_folder))
    assert adapted.images.channels == 3
    assert adapted.predict(support_folder).equals(model.adapt(support_folder).predict(support_folder))


@pytest.mark.parametrize("images", [3, None, {"a": 1}, [3], pd.DataFrame({"a": [1]}), [[]]])
def test_what_is_no_image_cannot_be_predicted(images, support_folder):
    with pytest.raises(InputError, match="`predict` takes an image file, a folder"):
        untrained().adapt(support_folder).predict(images)


@pytest.mark.parametrize("images", [[], torch.zeros(0, 1, SIZE, SIZE), "empty"])
def test_nothing_cannot_be_predicted(images, support_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no image"):
        untrained().adapt(support_folder).predict(tmp_path / images if images == "empty" else images)


def test_a_support_that_lacks_images_is_refused():
    support = shapes(3, 1, seed=0, size=SIZE)
    model = untrained()
    with pytest.raises(DataError, match="no image of class 1"):
        model.adapt(replace(support, labels=torch.tensor([0, 2, 2])))
    with pytest.raises(DataError, match="two classes of the same name: x"):
        model.adapt(replace(support, class_names=("x", "x", "y")))
    with pytest.raises(InputError, match=r"takes a folder.*not dict"):
        model.adapt({"a": []})


def test_later_images_are_read_as_the_training_images_were(tmp_path):
    known = write(tmp_path / "known", shapes(9, 4, seed=0, size=SIZE), ground=230)
    model = quick(known, shot=1, size=SIZE)
    assert model.config.images == ImagePreparation(size=SIZE, channels=1, ground="light", inverted=True)
    support = write(tmp_path / "support", shapes(3, 2, seed=1, size=SIZE), ground=230)
    adapted = model.adapt(support)
    black = tmp_path / "black.png"
    Image.new("L", (SIZE, SIZE), 0).save(black)  # a page full of ink, which alone would be a dark ground
    with pytest.warns(DataWarning, match="a ground that is not light"):
        found = adapted.predict(black)
    full = torch.full((1, 1, SIZE, SIZE), 255, dtype=torch.uint8)
    with pytest.warns(DataWarning, match="taken as they are"):
        np.testing.assert_array_equal(found.iloc[:, 1:], adapted.predict(full).iloc[:, 1:])


def test_colour_is_learned_and_kept(tmp_path):
    known = write(
        tmp_path / "known", shapes(9, 4, seed=0, size=SIZE), ink=(200, 0, 0), ground=(255, 255, 255)
    )
    model = quick(known, shot=1, size=SIZE)
    assert model.config.images.channels == 3
    model.save(tmp_path / "model")
    red = shapes(2, 2, seed=1, size=SIZE)
    support = write(
        tmp_path / "support", replace(red, class_names=("x", "y")), ink=(200, 0, 0), ground=(255,) * 3
    )
    adapted = polytask.load(tmp_path / "model").adapt(support)
    assert adapted.predict(support).equals(model.adapt(support).predict(support))
    with pytest.warns(DataWarning, match="only the brightness"):
        assert class_split(known, size=SIZE, seed=0, channels=1).images.channels == 1


def test_a_result_that_is_no_better_than_pixels_is_no_secret():
    with pytest.warns(ResultWarning, match=r"prototypes learned is (worse|not clearly better).* raw pixels"):
        polytask.learn(
            shapes(30, 8, seed=0, size=SIZE), way=3, steps=1, width=4, n_episodes=5, learning_rate=1e-9
        )


@pytest.mark.parametrize("n_classes", range(2, 13))
@pytest.mark.parametrize("way", [2, 3, 4])
def test_every_part_gets_enough_classes_or_the_least_number_is_said_at_once(n_classes, way):
    source = shapes(n_classes, 1, seed=0, size=SIZE)
    if n_classes >= 3 * way:
        split = class_split(source, seed=0, way=way)
        parts = (split.train, split.validation, split.test)
        assert min(part.n_classes for part in parts) >= way
        assert sorted(name for part in parts for name in part.class_names) == sorted(source.class_names)
        return
    with pytest.raises(DataError, match=f"`way` {way} needs at least {3 * way}") as refused:
        quick(source, way=way)
    assert ("lower `way`" in str(refused.value)) == (n_classes >= 6)


def test_six_classes_of_two_images_are_learned_from():
    model = quick(shapes(6, 2, seed=0, size=SIZE), way=2, shot=1, n_query=0, train_way=0, n_episodes=2)
    assert model.results.n_classes == {"train": 2, "validation": 2, "test": 2} and model.config.n_query == 1


def test_groups_stay_whole_where_that_is_possible():
    known = shapes(20, 1, seed=0, size=SIZE)
    whole = replace(known, class_groups=tuple("abcdefghij" * 2))
    split = class_split(whole, seed=0, way=2)
    groups = [set(part.class_groups) for part in (split.train, split.validation, split.test)]
    assert not groups[0] & groups[1] and not (groups[0] | groups[1]) & groups[2]
    uneven = replace(known, class_groups=(*"abcd", *("e" * 16)))
    with pytest.warns(DataWarning, match="classes of one group are now in several parts"):
        split = class_split(uneven, seed=0, way=4)
    assert split.test.n_classes == split.validation.n_classes == 4


def test_the_learning_rate_falls_to_nothing_along_half_a_cosine(monkeypatch):
    given = {}
    monkeypatch.setattr(
        "polytask.estimators.learn_images.train",
        lambda *_, **each: given.update(each) or SimpleNamespace(rows=[]),
    )
    quick(shapes(9, 5, seed=0, size=SIZE), steps=6)
    shares = [given["schedule"](step) for step in (0, 2, 3, 6)]
    assert shares == pytest.approx([1.0, 0.75, 0.5, 0.0])


@pytest.mark.parametrize(
    ("n_each", "n_query", "remedy"),
    [
        (4, 3, "class .*; lower `shot` to 1,"),
        (1, 2, "; lower `n_query`, add"),
        (1, 1, r"[^;`]*; add images"),
    ],
)
def test_too_few_images_name_the_setting_that_can_be_lowered(n_each, n_query, remedy):
    shot = 1 if n_each == 1 else 2
    with pytest.raises(DataError, match=f"take together: .*{remedy}"):
        quick(shapes(9, n_each, seed=0, size=SIZE), shot=shot, n_query=n_query)


def test_unseen_classes_need_an_image_more_than_the_support_takes():
    source = shapes(30, 2, seed=0, size=SIZE)  # 6 classes to validate with, 6 to judge by
    with pytest.raises(DataError, match="12 classes have fewer images"):
        polytask.learn(source, learner="simple-shot", way=3, shot=2, steps=1)


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ({"most_classes": 3}, "`most_classes` is for a table with a task column and a prior, not for images"),
        ({"own_classes": True, "drop": "x"}, "`own_classes` is for a table with a task column, not for im"),
        ({"wdith": 3}, "there is no setting `wdith`; did you mean 'width'"),
    ],
)
def test_settings_of_other_sources_are_named_with_these(setting, problem):
    for refuses in (polytask.learn, plan):
        with pytest.raises(InputError, match=f"(?i){problem}"):
            refuses("glyphs", **setting)
