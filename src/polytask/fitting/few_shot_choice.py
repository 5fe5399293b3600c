"""Choose a few-shot learner of images: each of a few trains a little, and validation classes decide."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from torch.optim import Adam

from polytask.core import Interval, derive_seed, mean_interval, seeded
from polytask.core.defaults import usual_defaults
from polytask.core.interrupts import interruptible
from polytask.core.settings import SettingsCheck
from polytask.evaluate import evaluate_episodes
from polytask.fitting.few_shot_episodes import judging_episodes
from polytask.fitting.few_shot_source import ClassSplit
from polytask.fitting.few_shot_training import to_train
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner
from polytask.models.few_shot_results import LearnerTrial
from polytask.train import train

__all__ = ["AUTO", "CANDIDATES", "trial_steps", "try_learners", "without_auto"]

AUTO = "auto"
CANDIDATES = ("varied-prototypes", "prototypes", "simple-shot", "ridge", "maml")
"""Those that are tried, the default first, then the cheapest."""

_SHARE = 12  # a trial has one of so many parts of the steps
_USUAL_STEPS = 400
_N_EPISODES = 60
_OF_ALL = {"learner", "way", "shot", "size", "width", "steps", "learning_rate"}
"""The settings that every candidate uses."""


def without_auto(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Put the first candidate in place of ``"auto"``.

    Raises:
        InputError: Some candidate would not use a setting.
    """
    if settings.get("learner") != AUTO:
        return dict(settings)
    check = SettingsCheck()
    names = FewShotConfig.__dataclass_fields__
    for name in settings:
        value = settings[name]
        if name in names and name not in _OF_ALL and value is not None and value != 0:
            check.problems.append(
                f"`{name}` is not used by all learners that {AUTO!r} tries; name one `learner`, or leave it "
                "out"
            )
    check.done()
    return {**settings, "learner": CANDIDATES[0]}


def trial_steps(config: FewShotConfig) -> int:
    """Return the training steps of each trial."""
    return max(1, (config.steps or _USUAL_STEPS) // _SHARE)


def try_learners(
    classes: ClassSplit, configs: Sequence[FewShotConfig], *, n_steps: int, seed: int, accelerator: str
) -> tuple[LearnerTrial, ...]:
    """Train each learner a little, and choose one by the same episodes of validation classes.

    The best is the one with the highest mean; of those that are not clearly behind it, by the interval of the
    paired differences, the first is chosen. Test classes have no part in it.

    Args:
        classes: Known ones train, validation classes judge.
        configs: Of the candidates, without gaps, the preferred first.
        n_steps: Training steps of each.
        seed: Decides weights, steps and episodes.
        accelerator: As in Lightning Fabric.
    """
    held_out = judging_episodes(classes.validation, configs[0], seed=derive_seed(seed, "choice"))
    values: list[tuple[float, ...]] = []
    seconds: list[float] = []
    for config in configs:
        start = time.perf_counter()
        with usual_defaults(), interruptible():
            with seeded(seed, "initialization"):
                learner = build_few_shot_learner(config)
            trained, source = to_train(learner, classes.train, config, seed=seed)
            train(
                trained,
                source,
                n_steps=n_steps,
                optimizer=lambda parameters, rate=config.learning_rate: Adam(parameters, lr=rate),
                execution="loop",
                accelerator=accelerator,
                seed=derive_seed(seed, "training"),
                progress=False,
            )
            values.append(evaluate_episodes(learner, held_out, n_episodes=_N_EPISODES).values)
        seconds.append(time.perf_counter() - start)
    scores = [mean_interval(one) for one in values]
    chosen = chosen_index(values, scores)
    return tuple(
        LearnerTrial(
            learner=config.learner,
            accuracy=scores[index],
            steps=n_steps,
            seconds=seconds[index],
            chosen=index == chosen,
        )
        for index, config in enumerate(configs)
    )


def chosen_index(values: Sequence[Sequence[float]], scores: Sequence[Interval]) -> int:
    """Return the first candidate that is not clearly behind the best one."""
    best = max(range(len(scores)), key=lambda index: scores[index].mean)
    for index, own in enumerate(values):
        behind = mean_interval([theirs - ours for theirs, ours in zip(values[best], own, strict=True)])
        if not behind.low > 0:
            return index
    return best
