"""What is trained on which steps."""

from dataclasses import replace

import pytest
import torch

import polytask
from polytask.core import InputError
from polytask.data import ClassBatches, ClassificationEpisodes, KnownClasses, LabelledExamples
from polytask.fitting.few_shot_training import to_train
from polytask.meta.metric import HeldOutPrototypes
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner


def bars(n_classes: int = 12, n_each: int = 6) -> LabelledExamples:
    """Bars at different places, a little longer from image to image."""
    images = torch.zeros(n_classes * n_each, 1, 20, 20, dtype=torch.uint8)
    for index, image in enumerate(images):
        image[0, 3 + index // n_each, 4 : 12 + index % n_each] = 255
    return LabelledExamples(
        inputs=images,
        labels=torch.arange(n_classes).repeat_interleave(n_each),
        class_names=tuple(f"bar{index}" for index in range(n_classes)),
        class_groups=("bar",) * n_classes,
    )


def filled(learner: str, **settings: int) -> FewShotConfig:
    return FewShotConfig(learner=learner, size=20, width=4, way=3, **settings).filled(n_classes=12)


@pytest.mark.parametrize(
    ("learner", "source"),
    [
        ("prototypes", ClassificationEpisodes),
        ("simple-shot", KnownClasses),
        ("varied-prototypes", ClassBatches),
    ],
)
def test_a_learner_is_trained_on_steps_of_its_kind(learner: str, source: type) -> None:
    config = filled(learner)
    assert isinstance(to_train(build_few_shot_learner(config), bars(), config, seed=0)[1], source)


def test_varied_prototypes_are_trained_themselves_on_half_as_many_classes_as_images() -> None:
    config = filled("varied-prototypes", batch_size=24)
    learner = build_few_shot_learner(config)
    trained, source = to_train(learner, bars(), config, seed=0)
    assert isinstance(trained, HeldOutPrototypes) and trained.learner is learner
    (episode,) = source.step(0)
    assert len(episode.query) == 24 and episode.tasks[0].n_outputs == 12
    trained.objectives([episode]).values.sum().backward()
    assert all(parameter.grad is not None for parameter in learner.parameters())


@pytest.mark.parametrize(("ground", "strength"), [(0, 1.0), (90, None)])
def test_images_on_black_are_bent_and_others_are_not(ground: int, strength: float | None) -> None:
    config = filled("varied-prototypes")
    examples = bars()
    examples = replace(examples, inputs=examples.inputs.clamp(min=ground))
    _, source = to_train(build_few_shot_learner(config), examples, config, seed=0)
    assert isinstance(source, ClassBatches) and source.strength == strength


def test_varied_prototypes_learn_adapt_and_predict_and_take_no_settings_of_episodes() -> None:
    model = polytask.learn(
        bars(15), learner="varied-prototypes", way=3, steps=2, width=4, n_episodes=5, batch_size=16
    )
    known = bars(3)
    answers = model.adapt(known).predict(known.inputs)
    assert len(answers) == len(known)
    with pytest.raises(InputError, match="`train_way` is not used with `learner='varied-prototypes'`"):
        polytask.learn(bars(15), learner="varied-prototypes", way=3, train_way=5)
