"""What a training of a few-shot learner would do: everything is read and checked, and nothing is trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from polytask.core import seeded
from polytask.core.defaults import usual_defaults
from polytask.data import LabelledExamples, TableEncoder, read_table
from polytask.data.images.image_preparation import Ground
from polytask.estimators.learn_few_shot import check_image_settings, check_task_settings
from polytask.estimators.learn_images import checked_config, filled_config
from polytask.estimators.task_learning import TaskLearning, task_learning
from polytask.fitting.few_shot_choice import AUTO, CANDIDATES, trial_steps, without_auto
from polytask.fitting.few_shot_source import class_split
from polytask.fitting.task_learner_table import ReadTargets, deal_tasks
from polytask.fitting.task_table_fit import pooled_columns, read_tasks
from polytask.meta.catalogue import learner_entry
from polytask.models.few_shot_model import build_few_shot_learner

__all__ = ["plan", "plan_tasks"]


def plan(
    source: str | Path | LabelledExamples,
    *,
    n_episodes: int = 600,
    seed: int = 0,
    channels: int | None = None,
    ground: Ground | None = None,
    resume_folder: str | Path | None = None,
    accelerator: str = "cpu",
    **settings: Any,
) -> dict[str, Any]:
    """Read and check everything that `learn` is given, and tell what it would do; nothing is trained.

    Args:
        source: As for `learn`.
        n_episodes: As for `learn`.
        seed: As for `learn`.
        channels: As for `learn`.
        ground: As for `learn`.
        resume_folder: As for `learn`.
        accelerator: As for `learn`.
        **settings: The others of `learn`.

    Returns:
        As plain JSON: classes and images of each part, how images are read, the training, the weights.

    Raises:
        InputError: What `learn` would refuse.
    """
    check_image_settings(settings)
    auto = settings.get("learner") == AUTO
    settings = without_auto(settings)
    config = checked_config(
        settings, n_episodes, seed, resume_folder, accelerator=accelerator, progress=False
    )
    size = config.size if "size" in settings else None
    classes = class_split(source, size=size, seed=seed, way=config.way, channels=channels, ground=ground)
    steps = trial_steps(config)
    for name in CANDIDATES if auto else ():
        filled_config(classes, replace(config, learner=name))
    config = filled_config(classes, config)
    with usual_defaults(), seeded(seed, "initialization"):
        learner = build_few_shot_learner(config)
    parts = {part: getattr(classes, part) for part in ("train", "validation", "test")}
    return {
        "source": classes.name,
        "classes": {part: examples.n_classes for part, examples in parts.items()},
        "images": {part: len(examples.labels) for part, examples in parts.items()},
        "read_as": config.preparation.to_json(),
        "learner": AUTO if auto else config.learner,
        **({"trials": {"learners": list(CANDIDATES), "steps": steps}} if auto else {}),
        "way": config.way,
        "shot": config.shot,
        "training": _training(config),
        "test_episodes": n_episodes,
        "parameters": sum(values.numel() for values in learner.parameters()),
    }


def plan_tasks(source: Any, **settings: Any) -> dict[str, Any]:
    """Read and check a table with tasks as `learn` does, and tell what it would do; nothing is trained.

    Args:
        source: The table.
        **settings: Those of `learn` with a task column.

    Returns:
        As plain JSON.

    Raises:
        InputError: What `learn` would refuse.
    """
    check_task_settings(settings)
    asked = task_learning(**{"target": None, **settings})
    frame = read_table(source)
    read = asked.read_targets(frame)
    why = asked.needs_mixed(frame, read.targets)
    if why is not None:
        return _planned_mixed(frame, asked, why, read)
    table = asked.read(frame, read)
    return {
        "rows": len(table.known),
        "target": ", ".join(table.reader.names),
        "kind": ", ".join(dict.fromkeys(target.kind for target in table.reader.targets)),
        **({"classes": table.n_classes, "own_classes": asked.own_classes} if table.n_classes else {}),
        "task_column": asked.task_column,
        "tasks": len(table.names.names),
        "features": table.reader.encoder.n_features,
        "learners": list(asked.candidates(table.reader.targets)),
        "folds": len(deal_tasks(table, seed=asked.seed)),
        **({} if asked.learner == "mixed" else {"steps": asked.steps, "episodes": asked.episodes}),
        "messages": list(table.messages),
    }


def _planned_mixed(frame: pd.DataFrame, asked: TaskLearning, why: str, read: ReadTargets) -> dict[str, Any]:
    """Tell of a table whose targets networks cannot answer: nothing is tried."""
    columns = pooled_columns(asked.columns, asked.task_column)
    features = columns.features(frame)
    _, names, notes = read_tasks(frame, columns, asked.task_column)
    rows, targets = read.rows, read.targets
    return {
        "rows": len(rows),
        "target": ", ".join(target.task.name for target in targets),
        "kind": ", ".join(target.kind for target in targets),
        "task_column": asked.task_column,
        "tasks": len(names),
        "features": TableEncoder.fit(frame, columns=features, train_rows=rows).n_features,
        "learners": ["mixed"],
        "messages": [*notes, *([asked.mixed_text(why)] if asked.learner == "auto" else [])],
    }


def _training(config: Any) -> dict[str, int]:
    """Say of what a step is made: episodes, or images of all known classes."""
    if not learner_entry(config.learner).by_episodes:
        return {"steps": config.steps, "images_a_step": config.batch_size}
    return {
        "steps": config.steps,
        "episodes_per_step": config.episodes,
        "train_way": config.train_way,
        "n_query": config.n_query,
    }
