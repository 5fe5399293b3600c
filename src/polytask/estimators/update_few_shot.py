"""Update a few-shot model by a new task, after it was deployed."""

from inspect import signature
from pathlib import Path
from typing import Any

from polytask.core import DataError, InputError
from polytask.core.files import user_path
from polytask.core.settings import SettingsCheck
from polytask.data import LabelledExamples
from polytask.fitting.few_shot_source import IN_MEMORY, ClassSplit, class_split
from polytask.fitting.few_shot_update import read_new_task, update_model
from polytask.meta.catalogue import learner_entry
from polytask.models.few_shot_model import FewShotModel
from polytask.models.update_results import UpdateResults
from polytask.train.progress import phase, run_line

__all__ = ["plan_update", "update"]

_BUILT_IN = {"glyphs": "glyphs", "omniglot, Vinyals split": "omniglot"}
"""Sources that are always at hand, by what a model says of them."""


def update(
    model: FewShotModel,
    new_task: str | Path | LabelledExamples,
    *,
    replay: str | Path | LabelledExamples | None = None,
    steps: int = 20,
    learning_rate: float = 5e-4,
    n_replayed: int = 4,
    n_episodes: int = 200,
    seed: int = 0,
    progress: bool | None = None,
) -> tuple[FewShotModel, UpdateResults]:
    """Move what a model knows across tasks by a new task, unless it then does worse on known ones.

    Each step learns from a new cut of the task's support, beside replayed tasks of the classes that the model
    was trained on. An update after which its validation classes are clearly worse, so that the interval of
    the change lies below 0, is undone.

    Args:
        model: Made by `polytask.learn`, by a learner without a head for all known classes; it does not
            change.
        new_task: A folder with one folder of images per class, three or more in each, or examples. Half of
            each class is support, the rest queries, which never train.
        replay: What the model was trained on, as it was given to `polytask.learn`; None: where the model
            says that it was.
        steps: Of the update.
        learning_rate: Of Adam.
        n_replayed: Replayed tasks a step, beside the new one; 0 replays none.
        n_episodes: Episodes of the guard, and as many of the test classes, each before and after.
        seed: The same one gives the same model.
        progress: Show one line for the run; None where a person watches.

    Returns:
        The updated model, or the given one where the update was undone; and the accuracies before and after
        on queries of the new task, on the guard, and on test classes, which had no say.

    Raises:
        InputError: A setting or the learner is not of the kind.
        DataError: The new task is too small or overlaps what judges; or ``replay`` is not what the model was
            trained on.

    References:
        Finn, Rajeswaran, Kakade, Levine. Online Meta-Learning. ICML 2019, arXiv:1902.08438. Differs: see
        `polytask.online.ContinualUpdate`; and the guard judges by the interval of paired differences.
    """
    check = SettingsCheck()
    settings = _checked(
        check,
        steps=steps,
        learning_rate=learning_rate,
        n_replayed=n_replayed,
        n_episodes=n_episodes,
        seed=seed,
    )
    shown = check.shown("progress", progress)
    check.done()
    _check_model(model)
    with run_line("update", shown=shown):
        phase("reading")
        classes = _known_classes(model, replay)
        new = read_new_task(model, new_task, classes, seed=settings["seed"])
        return update_model(model, new, classes, **settings)


def plan_update(
    model: FewShotModel,
    new_task: str | Path | LabelledExamples,
    *,
    replay: str | Path | LabelledExamples | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Read and check everything that `update` is given, and tell what it would do; nothing is trained.

    Args:
        model: As for `update`.
        new_task: As for `update`.
        replay: As for `update`.
        **settings: The others of `update`.

    Returns:
        As plain JSON: classes and images of the new task, what is replayed, what guards, and the steps.

    Raises:
        InputError: What `update` would refuse.
    """
    check = SettingsCheck()
    usual = {name: one.default for name, one in signature(update).parameters.items()}
    checked = _checked(check, **{**usual, **settings})
    check.done()
    _check_model(model)
    classes = _known_classes(model, replay)
    new = read_new_task(model, new_task, classes, seed=checked["seed"])
    return {
        "new_task": {
            "classes": list(new.classes),
            "support": len(new.support),
            "queries": len(new.query),
        },
        "replay": classes.name,
        "known_classes": {part: getattr(classes, part).n_classes for part in ("train", "validation", "test")},
        **checked,
    }


def _checked(check: SettingsCheck, **given: Any) -> dict[str, Any]:
    """Check the settings of an update."""
    return {
        "steps": check.whole("steps", given["steps"], least=1),
        "learning_rate": check.number("learning_rate", given["learning_rate"], above=0),
        "n_replayed": check.whole("n_replayed", given["n_replayed"], least=0),
        "n_episodes": check.whole("n_episodes", given["n_episodes"], least=2),
        "seed": check.whole("seed", given["seed"], least=0),
    }


def _check_model(model: FewShotModel) -> None:
    if not isinstance(model, FewShotModel):
        raise InputError(
            f"An update takes a model made by `polytask.learn`, but not {type(model).__name__}. Adapted "
            "models are made again of the updated one."
        )
    if learner_entry(model.config.learner).pretraining_head is not None:
        raise InputError(
            f"An update makes steps on episodes, but {model.config.learner} is trained with a head for all "
            "known classes. Learn another model, such as prototypes or maml."
        )


def _known_classes(model: FewShotModel, replay: str | Path | LabelledExamples | None) -> ClassSplit:
    """Read what the model was trained on, and cut it as it was cut then."""
    seed = model.data.get("seed")
    if not isinstance(seed, int):
        raise DataError("The model does not say how its classes were cut. Learn it again.")
    source = _recorded(model) if replay is None else replay
    images = model.config.preparation
    is_folder = isinstance(source, str | Path) and source not in _BUILT_IN.values()
    classes = class_split(
        source,
        size=images.size,
        seed=seed,
        way=model.config.way,
        channels=images.channels if is_folder else None,
        ground=images.ground if is_folder else None,
    )
    if classes.train.fingerprint() != model.data.get("fingerprint"):
        raise DataError(
            f"{classes.name} is not what the model was trained on, or has changed since: its training images "
            "differ, so that classes which guard might be some that it knows. Give the same images as "
            "`replay`, or learn the model again."
        )
    return classes


def _recorded(model: FewShotModel) -> str:
    """Return the source that the model names, if it is still there."""
    name = str(model.data.get("source"))
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    if name == IN_MEMORY or not user_path(name).is_dir():
        raise DataError(
            f"The model was trained on {name}, of which no folder is here. Give its training images as "
            "`replay`: they are needed to keep what is known."
        )
    return name
