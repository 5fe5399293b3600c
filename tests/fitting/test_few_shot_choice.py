"""The choice of a few-shot learner: by validation classes, ties to the first, test classes unseen."""

import pytest
import torch

import polytask
from polytask.core import InputError, mean_interval
from polytask.data import LabelledExamples
from polytask.estimators.planned_learning import plan
from polytask.fitting import few_shot_choice
from polytask.fitting.few_shot_choice import (
    CANDIDATES,
    chosen_index,
    trial_steps,
    try_learners,
    without_auto,
)
from polytask.fitting.few_shot_source import class_split
from polytask.models.few_shot_config import FewShotConfig

pytestmark = [
    pytest.mark.trains,
    pytest.mark.filterwarnings("ignore:What .* learned:polytask.core.ResultWarning"),
]
SIZE = 16


def drawings(n_classes: int = 10, n_each: int = 3) -> LabelledExamples:
    draw = torch.Generator().manual_seed(0)
    return LabelledExamples(
        inputs=(torch.rand(n_classes * n_each, 1, SIZE, SIZE, generator=draw) * 255).to(torch.uint8),
        labels=torch.arange(n_classes).repeat_interleave(n_each),
        class_names=tuple(f"{index}" for index in range(n_classes)),
        class_groups=("drawn",) * n_classes,
    )


@pytest.fixture(autouse=True)
def few_episodes(monkeypatch):
    monkeypatch.setattr(few_shot_choice, "_N_EPISODES", 2)


def index_of(*values: tuple[float, ...]) -> int:
    return chosen_index(values, [mean_interval(one) for one in values])


def test_a_clearly_better_learner_is_chosen():
    assert index_of((0.5, 0.5, 0.6), (0.8, 0.9, 0.9), (0.4, 0.4, 0.4)) == 1


def test_of_those_that_are_not_clearly_behind_the_first_is_chosen():
    assert index_of((0.1, 0.1, 0.1), (0.5, 0.9, 0.7), (0.9, 0.6, 0.8)) == 1
    assert index_of((0.5, 0.5), (0.5, 0.5)) == 0


def test_a_trial_has_a_twelfth_of_the_steps():
    assert [trial_steps(FewShotConfig(steps=steps)) for steps in (0, 1, 120)] == [33, 1, 10]


@pytest.mark.parametrize("setting", [{"inner_rate": 0.1}, {"batch_size": 8}, {"n_query": 3}])
def test_a_setting_that_not_all_learners_use_is_refused(setting):
    with pytest.raises(InputError, match="is not used by all learners that 'auto' tries"):
        without_auto({"learner": "auto", **setting})


def test_settings_of_a_named_learner_stay():
    assert without_auto({"learner": "maml", "inner_rate": 0.1}) == {"learner": "maml", "inner_rate": 0.1}


def test_what_is_chosen_is_trained_and_what_was_tried_is_told(monkeypatch):
    monkeypatch.setattr(few_shot_choice, "chosen_index", lambda values, scores: 3)
    model = polytask.learn(drawings(), learner="auto", way=2, steps=1, width=4, n_episodes=3, progress=False)
    assert model.config.learner == "ridge" and model.results is not None
    trials = model.results.to_json()["trials"]
    assert [trial["learner"] for trial in trials] == list(CANDIDATES)
    assert [trial["chosen"] for trial in trials] == [False, False, False, True, False]


def test_test_classes_have_no_part_in_the_choice(monkeypatch):
    judged = []
    judging = few_shot_choice.judging_episodes

    def noted(examples, config, *, seed):
        judged.append(examples.class_names)
        return judging(examples, config, seed=seed)

    monkeypatch.setattr(few_shot_choice, "judging_episodes", noted)
    classes = class_split(drawings(), seed=0, way=2)
    config = FewShotConfig(way=2, width=4, size=SIZE, learner="simple-shot", images=classes.images)
    try_learners(classes, [config], n_steps=1, seed=0, accelerator="cpu")
    assert judged == [classes.validation.class_names]
    assert not set(judged[0]) & set(classes.test.class_names)


def test_the_plan_tells_what_would_be_tried():
    planned = plan(drawings(), learner="auto", way=2, steps=24, width=4)
    assert planned["learner"] == "auto"
    assert planned["trials"] == {"learners": list(CANDIDATES), "steps": 2}
    assert "trials" not in plan(drawings(), way=2, steps=24, width=4)
