"""Few-shot learners of images, trained as `polytask.learn` trains them, but all for the same time."""

import itertools
import math
import statistics
import time
from collections.abc import Callable

from torch.optim import Adam

from polytask.core import EpisodicLearner, Interval, derive_seed, seeded
from polytask.core.defaults import usual_defaults
from polytask.estimators.learn_images import filled_config
from polytask.evaluate import evaluate_episodes
from polytask.fitting.few_shot_episodes import judging_episodes
from polytask.fitting.few_shot_source import ClassSplit
from polytask.fitting.few_shot_training import to_train
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import build_few_shot_learner
from polytask.train import train

__all__ = ["judged", "times_of_reference", "trained", "written"]

REFERENCE = "prototypes"
ROUNDS, TIMED_STEPS = 3, 4


def trained(
    name: str, classes: ClassSplit, *, n_steps: int, seed: int, each_step: Callable[[], object] = lambda: None
) -> EpisodicLearner:
    """Train a learner for a number of steps, the last of which counts.

    Args:
        name: Of the catalogue.
        classes: On whose training part.
        n_steps: Of training.
        seed: Decides weights and steps.
        each_step: Is called before each step.
    """
    config = filled_config(classes, FewShotConfig(learner=name))

    def rate(step: int) -> float:
        each_step()
        return 0.5 + 0.5 * math.cos(math.pi * step / n_steps)

    with usual_defaults():
        with seeded(seed, "initialization"):
            learner = build_few_shot_learner(config)
        what, source = to_train(learner, classes.train, config, seed=seed)
        train(
            what,
            source,
            n_steps=n_steps,
            optimizer=lambda parameters: Adam(parameters, lr=config.learning_rate),
            schedule=rate,
            execution="loop",
            seed=derive_seed(seed, "training"),
            progress=False,
        )
    return learner.eval()


def judged(
    learner: EpisodicLearner, classes: ClassSplit, *, seed: int, n_episodes: int, shot: int = 1
) -> Interval:
    """Return the accuracy on 5-way episodes of test classes, the same for every learner."""
    config = filled_config(classes, FewShotConfig(learner=REFERENCE, shot=shot))
    episodes = judging_episodes(classes.test, config, seed=derive_seed(seed, "test"))
    return evaluate_episodes(learner, episodes, n_episodes=n_episodes).interval


def times_of_reference(name: str, classes: ClassSplit) -> float:
    """Return how often the CPU time of a step of the reference a step of this learner takes."""
    if name == REFERENCE:
        return 1.0
    seconds: dict[str, list[float]] = {REFERENCE: [], name: []}
    for _, one in itertools.product(range(ROUNDS), seconds):
        ticks: list[float] = []
        trained(
            one,
            classes,
            n_steps=TIMED_STEPS,
            seed=0,
            each_step=lambda ticks=ticks: ticks.append(time.process_time()),
        )
        seconds[one] += [after - before for before, after in itertools.pairwise(ticks)]
    return statistics.median(seconds[name]) / statistics.median(seconds[REFERENCE])


def written(interval: Interval) -> dict[str, float]:
    """Return what is written of an interval, in percent."""
    return {
        "accuracy": round(100 * interval.mean, 2),
        "half_width_95": round(100 * interval.half_width, 2),
    }
