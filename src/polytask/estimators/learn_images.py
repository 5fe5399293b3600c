"""Learn from images of many known classes how to learn new ones."""

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from torch.optim import Adam

from polytask.core import (
    DataError,
    EpisodicLearner,
    Learner,
    ResultWarning,
    derive_seed,
    seeded,
)
from polytask.core.defaults import usual_defaults
from polytask.core.episode_score import EpisodeScore
from polytask.core.errors import other_remedy
from polytask.core.files import user_path
from polytask.core.interrupts import interruptible
from polytask.core.names import counted
from polytask.core.settings import SettingsCheck
from polytask.core.watching import watched
from polytask.data import LabelledExamples
from polytask.data.images.image_preparation import Ground
from polytask.evaluate import evaluate_episodes
from polytask.fitting.few_shot_choice import AUTO, CANDIDATES, trial_steps, try_learners, without_auto
from polytask.fitting.few_shot_details import few_shot_details
from polytask.fitting.few_shot_episodes import class_sizes, judging_episodes
from polytask.fitting.few_shot_source import ClassSplit, class_split
from polytask.fitting.few_shot_training import to_train
from polytask.meta.catalogue import learner_entry
from polytask.meta.metric import NearestMean
from polytask.models.few_shot_config import FewShotConfig, check_used
from polytask.models.few_shot_model import FewShotModel, build_few_shot_learner
from polytask.models.few_shot_results import FewShotResults, LearnerTrial
from polytask.renamed import renamed_settings
from polytask.train import Validation, train
from polytask.train.progress import phase, run_line

__all__ = ["checked_config", "filled_config", "learn_images", "train_few_shot"]

_MOST_SHOWN = 5
_AGAIN = "call `learn` again with the same `resume_folder`"
_REMEDY = "Lower `learning_rate` or `inner_rate`, or choose another `learner`."


def learn_images(
    source: str | Path | LabelledExamples,
    *,
    way: int = 5,
    shot: int = 1,
    learner: str = "varied-prototypes",
    n_episodes: int = 600,
    seed: int = 0,
    channels: int | None = None,
    ground: Ground | None = None,
    resume_folder: str | Path | None = None,
    accelerator: str = "cpu",
    progress: bool | None = None,
    stacklevel: int = 2,
    **settings: Any,
) -> FewShotModel:
    """Train a few-shot learner of images, pixels and all; see `polytask.learn` for the arguments.

    Raises:
        InputError: A setting or the source is wrong; the message says what, where and how to mend it.

    Warns:
        ResultWarning: The result is not clearly better than raw pixels.
        DataWarning: Something of a folder is left out.
    """
    settings = renamed_settings(settings, {"checkpoint": "resume_folder"})
    resume_folder = settings.pop("resume_folder", resume_folder)
    chosen = without_auto({"way": way, "shot": shot, "learner": learner, **settings})
    config = checked_config(
        chosen, n_episodes, seed, resume_folder, accelerator=accelerator, progress=progress
    )
    shown = watched() if progress is None else progress
    with run_line("learn", shown=shown):
        phase("reading")
        size = config.size if "size" in settings else None
        classes = class_split(source, size=size, seed=seed, way=config.way, channels=channels, ground=ground)
        trials: tuple[LearnerTrial, ...] = ()
        if learner == AUTO:
            phase("trying learners")
            configs = [filled_config(classes, replace(config, learner=name)) for name in CANDIDATES]
            steps = trial_steps(config)
            trials = try_learners(classes, configs, n_steps=steps, seed=seed, accelerator=accelerator)
            config = replace(config, learner=next(trial.learner for trial in trials if trial.chosen))
        model = train_few_shot(
            classes,
            config,
            trials=trials,
            n_episodes=n_episodes,
            seed=seed,
            resume_folder=resume_folder,
            accelerator=accelerator,
            progress=shown,
        )
    if model.results is not None and model.results.warning is not None:
        warnings.warn(model.results.warning, ResultWarning, stacklevel=stacklevel)
    return model


def checked_config(
    settings: dict[str, Any],
    n_episodes: int,
    seed: int,
    resume_folder: str | Path | None,
    *,
    accelerator: str,
    progress: bool | None,
) -> FewShotConfig:
    """Build the configuration; what is wrong with it or with the call comes in one message."""
    check = SettingsCheck()
    known = [entry.name for entry in fields(FewShotConfig) if entry.name != "images"]
    check.names(settings, known)
    check_used(check, settings)
    check.whole("n_episodes", n_episodes, least=1)
    check.whole("seed", seed, least=0)
    check.accelerator("accelerator", accelerator)
    check.shown("progress", progress)
    check.folder("resume_folder", resume_folder)
    return check.finish(
        lambda: FewShotConfig(**{name: value for name, value in settings.items() if name in known})
    )


def train_few_shot(
    classes: ClassSplit,
    config: FewShotConfig,
    *,
    n_episodes: int,
    seed: int,
    resume_folder: str | Path | None,
    accelerator: str,
    progress: bool,
    trials: tuple[LearnerTrial, ...] = (),
) -> FewShotModel:
    """Train and judge a learner on classes that are already loaded; see `learn`."""
    config = filled_config(classes, config)
    start = time.perf_counter()
    folder = None if resume_folder is None else user_path(resume_folder)
    with (
        usual_defaults(),
        other_remedy(_REMEDY),
        interruptible(folder, again=_AGAIN, keep="`resume_folder`"),
    ):
        with seeded(seed, "initialization"):
            learner = build_few_shot_learner(config)
        rows = _train(
            learner, classes, config, seed=seed, folder=folder, accelerator=accelerator, progress=progress
        )
        seconds = time.perf_counter() - start
        phase("judging")
        score, baseline = _judge(learner, classes, config, n_episodes=n_episodes, seed=seed)
        episodes = judging_episodes(classes.test, config, seed=derive_seed(seed, "test"))
        details = few_shot_details(learner, episodes, rows, title=config.learner)
    results = FewShotResults(
        source=classes.name,
        learner=config.learner,
        way=config.way,
        shot=config.shot,
        score=score,
        baseline=baseline,
        n_classes={part: getattr(classes, part).n_classes for part in ("train", "validation", "test")},
        n_parameters=sum(parameter.numel() for parameter in learner.parameters()),
        seconds=seconds,
        trials=trials,
    )
    data: dict[str, object] = {
        "fingerprint": classes.train.fingerprint(),
        "source": classes.name,
        "classes": results.n_classes,
        "seed": seed,
    }
    model = FewShotModel(learner, config=config, data=data, results=results)
    model.details = details
    return model


def filled_config(classes: ClassSplit, config: FewShotConfig) -> FewShotConfig:
    """Replace what is left to the learner and to the images.

    Raises:
        DataError: A part has fewer classes or examples than an episode needs.
    """
    images = classes.images
    config = replace(config, size=images.size, images=replace(images, channels=classes.train.inputs.shape[1]))
    config = config.filled(
        n_classes=classes.train.n_classes, n_examples=min(class_sizes(classes.train), default=0)
    )
    _check(classes, config)
    return config


def _train(
    learner: EpisodicLearner,
    classes: ClassSplit,
    config: FewShotConfig,
    *,
    seed: int,
    folder: Path | None,
    accelerator: str,
    progress: bool,
) -> list[dict[str, float]]:
    """Train on known classes; the weights that answer the validation classes best are kept."""
    trained, source = to_train(learner, classes.train, config, seed=seed)
    held_out = judging_episodes(classes.validation, config, seed=derive_seed(seed, "validation"))

    def validate(_: Learner) -> Validation:
        score = evaluate_episodes(learner, held_out, n_episodes=60)
        return Validation(score=score.interval.mean, metrics={"accuracy": score.interval.mean})

    return train(
        trained,
        source,
        n_steps=config.steps,
        optimizer=lambda parameters: Adam(parameters, lr=config.learning_rate),
        schedule=lambda step: 0.5 + 0.5 * math.cos(math.pi * step / config.steps),
        validate=validate,
        validate_every=max(1, config.steps // 10),
        directory=folder,
        resume=folder is not None,
        execution="loop",  # the same to the bit in every run
        accelerator=accelerator,
        seed=derive_seed(seed, "training"),
        progress=progress,
        title=config.learner,
        identity={
            "training images": classes.train.fingerprint(),
            "validation images": classes.validation.fingerprint(),
            "seed": seed,
            **config.to_json(),
        },
    ).rows


def _judge(
    learner: EpisodicLearner, classes: ClassSplit, config: FewShotConfig, *, n_episodes: int, seed: int
) -> tuple[EpisodeScore, EpisodeScore]:
    """Score the learner and the pixels on the same episodes."""
    episodes = judging_episodes(classes.test, config, seed=derive_seed(seed, "test"))
    score = evaluate_episodes(learner, episodes, n_episodes=n_episodes)
    return score, evaluate_episodes(NearestMean(), episodes, n_episodes=n_episodes)


def _check(classes: ClassSplit, config: FewShotConfig) -> None:
    """Name every part that has fewer classes or examples than an episode needs."""
    needs = {
        "train": (config.train_way, config.shot + config.n_query),
        "validation": (config.way, config.shot + 1),
        "test": (config.way, config.shot + 1),
    }
    entry = learner_entry(config.learner)
    if not entry.by_episodes:
        needs["train"] = (2, 2 if entry.held_out else 1)
    problems = [
        f"the {part} part has {counted(n_classes, 'class', 'classes')}, fewer than {way}; lower "
        f"`{'train_way' if part == 'train' and way != config.way else 'way'}`"
        for part, (way, _) in needs.items()
        if (n_classes := getattr(classes, part).n_classes) < way
    ]
    problems += _too_few_examples(
        [(getattr(classes, part), need) for part, (_, need) in needs.items()], config
    )
    if problems:
        raise DataError(f"{classes.name}: " + "; ".join(problems) + ".")


def _too_few_examples(needs: Sequence[tuple[LabelledExamples, int]], config: FewShotConfig) -> list[str]:
    """Name the classes that are smaller than an episode needs, all with one remedy."""
    few = [
        (f"{name} ({size} of {needed})", size - needed)
        for examples, needed in needs
        for name, size in zip(examples.class_names, class_sizes(examples), strict=True)
        if size < needed
    ]
    if not few:
        return []
    shown = ", ".join(name for name, _ in few[:_MOST_SHOWN])
    more = f" and {len(few) - _MOST_SHOWN} more" if len(few) > _MOST_SHOWN else ""
    shot = config.shot + min(lacking for _, lacking in few)  # what the smallest class has left for it
    lower = f"lower `shot` to {shot}, " if shot > 0 else "lower `n_query`, " if config.n_query > 1 else ""
    return [
        f"{counted(len(few), 'class has', 'classes have')} fewer images than the support and the queries "
        f"of an "
        f"episode take together: {shown}{more}; {lower}add images, or leave out such classes"
    ]
