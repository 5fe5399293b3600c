"""Updates of a few-shot model: four sets of images apart, the guard, and the undoing."""

from dataclasses import replace

import pytest
import torch

from polytask.core import DataError
from polytask.data import ImagePreparation, LabelledExamples
from polytask.fitting.few_shot_source import ClassSplit, class_split
from polytask.fitting.few_shot_update import NewTask, read_new_task, update_model
from polytask.meta.metric.feature_classifier import FeatureClassifier
from polytask.models import FewShotModel
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner
from polytask.online import ContinualUpdate
from polytask.online.continual import Observed

SIZE = 16
IMAGES = ImagePreparation(size=SIZE, channels=1)


def drawings(n_classes: int, n_each: int, seed: int) -> LabelledExamples:
    """Draw a random pattern for each class, and noise on it."""
    draw = torch.Generator().manual_seed(seed)
    patterns = torch.rand(n_classes, 1, 1, SIZE, SIZE, generator=draw) > 0.5
    noise = torch.rand(n_classes, n_each, 1, SIZE, SIZE, generator=draw) > 0.97
    return LabelledExamples(
        inputs=(patterns ^ noise).flatten(0, 1).to(torch.uint8) * 255,
        labels=torch.arange(n_classes).repeat_interleave(n_each),
        class_names=tuple(f"{seed}-{index}" for index in range(n_classes)),
        class_groups=("drawn",) * n_classes,
    )


@pytest.fixture(scope="module")
def classes() -> ClassSplit:
    return class_split(drawings(20, 6, seed=0), seed=0, way=3)


def model(learner: str = "prototypes") -> FewShotModel:
    config = FewShotConfig(learner=learner, way=3, size=SIZE, width=16, shot=2, n_query=2, images=IMAGES)
    torch.manual_seed(0)
    built = build_few_shot_learner(config)
    if isinstance(built, FeatureClassifier):  # its running statistics are those of training
        with torch.no_grad():
            for _ in range(50):
                built.encoder(IMAGES.floats(drawings(20, 6, seed=0).inputs))
    return FewShotModel(built, config=config, data={"seed": 0})


def weights(given: FewShotModel) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in given.learner.parameters()])


def updated(given: FewShotModel, classes: ClassSplit, **changed):
    settings = {"steps": 2, "learning_rate": 1e-4, "n_replayed": 1, "n_episodes": 6, "seed": 0} | changed
    new = read_new_task(given, drawings(3, 6, seed=9), classes, seed=0)
    return update_model(given, new, classes, **settings)


def test_support_and_queries_share_no_image_and_hold_every_class():
    new = NewTask(drawings(3, 7, seed=1), IMAGES, seed=0)
    assert new.support.targets["class"].bincount().tolist() == [3, 3, 3]
    assert new.query.targets["class"].bincount().tolist() == [4, 4, 4]
    support, query = ({image.numpy().tobytes() for image in part.inputs} for part in (new.support, new.query))
    assert not support & query


def test_three_images_of_a_class_are_enough():
    new = NewTask(drawings(2, 3, seed=1), IMAGES, seed=0)
    assert (len(new.support), len(new.query)) == (4, 2)


@pytest.mark.parametrize("learner", ["prototypes", "maml"])
def test_an_update_gives_a_new_model_and_leaves_the_old_one(classes, learner):
    before = model(learner)
    kept_weights = weights(before).clone()
    after, results = updated(before, classes)
    assert results.kept and after is not before
    assert torch.equal(weights(before), kept_weights)
    assert not torch.equal(weights(after), kept_weights)
    assert after.updated is results and after.data["updates"] == [
        {"classes": ["9-0", "9-1", "9-2"], "images": 9, "steps": 2, "seed": 0}
    ]
    assert (results.guard.before.n, results.known.after.n, results.new_task.change.n) == (6, 6, 9)


def test_a_second_update_is_noted_beside_the_first(classes):
    twice, _ = updated(updated(model(), classes)[0], classes)
    assert len(twice.data["updates"]) == 2


def test_the_same_seed_gives_the_same_update(classes):
    first, second = (updated(model(), classes)[0] for _ in range(2))
    assert torch.equal(weights(first), weights(second))


def test_an_update_that_ruins_known_tasks_is_undone(classes, monkeypatch):
    def forget(self, tasks, examples) -> Observed:
        for parameter in self.learner.parameters():
            parameter.data.zero_()
        return Observed(before=0.0, held_out=None, kept=True)

    monkeypatch.setattr(ContinualUpdate, "observe", forget)
    before = model()
    kept_weights = weights(before).clone()
    after, results = updated(before, classes, n_episodes=20)
    assert after is before and not results.kept and torch.equal(weights(before), kept_weights)
    assert results.guard.words == "worse" and "Held-out known classes are clearly worse" in results.reason


def test_the_test_classes_decide_nothing(classes):
    """Where they are other ones, the update and its guard are the same."""
    other = replace(classes, test=drawings(4, 6, seed=5))
    (first, ours), (second, theirs) = (updated(model(), parts) for parts in (classes, other))
    assert torch.equal(weights(first), weights(second))
    assert ours.guard == theirs.guard and ours.known != theirs.known


def test_steps_that_diverge_are_undone(classes):
    before = model("maml")
    new = read_new_task(before, drawings(3, 6, seed=9), classes, seed=0)
    new.support.inputs[:] = 3e38
    after, results = update_model(
        before, new, classes, steps=1, learning_rate=1e-3, n_replayed=0, n_episodes=2, seed=0
    )
    assert after is before and not results.kept and "diverged" in results.reason


@pytest.mark.parametrize(
    ("task", "learner", "message"),
    [
        (drawings(1, 6, seed=9), "prototypes", "needs at least 2"),
        (drawings(4, 6, seed=9), "maml", "tells 3 classes apart, but the task has 4"),
        (drawings(3, 2, seed=9), "prototypes", r"3 classes have fewer than 3 images.*9-0 \(2\)"),
    ],
)
def test_a_task_that_is_too_small_is_refused(classes, task, learner, message):
    with pytest.raises(DataError, match=message):
        read_new_task(model(learner), task, classes, seed=0)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_images_that_judge_cannot_be_learned_from(classes, part):
    with pytest.raises(DataError, match="18 images of it guard the update or judge"):
        read_new_task(model(), getattr(classes, part).of_classes([0, 1, 2]), classes, seed=0)


def test_training_images_may_be_learned_from_again(classes):
    read_new_task(model(), classes.train.of_classes([0, 1, 2]), classes, seed=0)
