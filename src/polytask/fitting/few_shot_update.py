"""Let a trained few-shot model of images learn from a new task: what it knows across tasks moves, guarded.

The steps are those of `polytask.online.ContinualUpdate`: episodes of the new task, beside replayed ones of
the classes that the model was trained on. Four sets of images take part, and none is in two of them:

- the support of the new task trains, and is what the model adapts to when it is judged;
- its queries judge the new task;
- validation classes guard: where they are clearly worse afterwards, the update is undone;
- test classes judge what was known, and decide nothing.
"""

import copy
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.optim import Adam

from polytask.core import Batch, DataError, EpisodicLearner, Task, derive_seed, generator
from polytask.core.defaults import usual_defaults
from polytask.core.modes import evaluating
from polytask.core.names import counted
from polytask.data import ClassificationEpisodes, ImagePreparation, LabelledExamples
from polytask.evaluate import evaluate_episodes
from polytask.fitting.few_shot_episodes import class_sizes, judging_episodes
from polytask.fitting.few_shot_source import ClassSplit
from polytask.meta.catalogue import learner_entry
from polytask.models.few_shot_images import read_support
from polytask.models.few_shot_model import FewShotModel
from polytask.models.update_results import BeforeAfter, UpdateResults
from polytask.online import ContinualUpdate
from polytask.train.progress import phase

__all__ = ["NewTask", "read_new_task", "update_model"]

_LEAST = 3  # images of a class: two that an episode is cut from, one that judges
_MOST_REPLAYED = 100  # tasks
_MOST_BYTES = 2**28  # of all replayed tasks


class NewTask:
    """A new task, cut into what is learned from and what judges.

    Args:
        examples: Images of at least two classes, three of each or more.
        images: How they were read.
        seed: Decides the cut.
    """

    def __init__(self, examples: LabelledExamples, images: ImagePreparation, *, seed: int) -> None:
        self.classes = examples.class_names
        self.task = Task(name="class", kind="multiclass", n_outputs=len(self.classes), labels=self.classes)
        draw = generator(seed, "new task")
        support: list[int] = []
        for label in range(examples.n_classes):
            rows = (examples.labels == label).nonzero().flatten()
            rows = rows[torch.randperm(len(rows), generator=draw)].tolist()
            support += rows[: min(len(rows) - 1, max(2, len(rows) // 2))]
        query = sorted(set(range(len(examples))) - set(support))
        self.support = _batch(examples, images, sorted(support))
        self.query = _batch(examples, images, query)


def read_new_task(model: FewShotModel, source: object, classes: ClassSplit, *, seed: int) -> NewTask:
    """Read a new task as the model reads images, and check it.

    Args:
        model: The model that shall learn from it.
        source: A folder with one folder of images per class, or `LabelledExamples`.
        classes: Those that the model knows, guards with and is judged by.
        seed: Decides the cut into support and queries.

    Raises:
        DataError: There are too few classes or images, or images that guard or judge are among them.
    """
    examples, images = read_support(source, model.config.preparation)
    config = model.config
    problems = []
    if learner_entry(config.learner).fixed_way and examples.n_classes != config.way:
        problems.append(
            f"this {config.learner} model tells {config.way} classes apart, but the task has "
            f"{examples.n_classes}"
        )
    if examples.n_classes < 2:
        problems.append(f"it has {counted(examples.n_classes, 'class', 'classes')}, and needs at least 2")
    few = [
        f"{name} ({size})"
        for name, size in zip(examples.class_names, class_sizes(examples), strict=True)
        if size < _LEAST
    ]
    if few:
        problems.append(
            f"{counted(len(few), 'class has', 'classes have')} fewer than {_LEAST} images, two to learn from "
            f"and one to judge by: {', '.join(few[:5])}{' …' if len(few) > 5 else ''}"
        )
    seen = _digests(examples) & (_digests(classes.validation) | _digests(classes.test))
    if seen:
        problems.append(
            f"{counted(len(seen), 'image')} of it guard the update or judge what is known; leave "
            f"{'it' if len(seen) == 1 else 'them'} out"
        )
    if problems:
        raise DataError("The new task: " + "; ".join(problems) + ".")
    return NewTask(examples, images, seed=seed)


def update_model(
    model: FewShotModel,
    new: NewTask,
    classes: ClassSplit,
    *,
    steps: int,
    learning_rate: float,
    n_replayed: int,
    n_episodes: int,
    seed: int,
) -> tuple[FewShotModel, UpdateResults]:
    """Update a copy of a model by a new task, and return what stands: the copy, or the model itself.

    Args:
        model: The model; it does not change.
        new: The new task.
        classes: The classes of the model's training, cut as they were there.
        steps: Of Adam.
        learning_rate: Of Adam.
        n_replayed: Replayed tasks a step, beside the new one.
        n_episodes: Of the guard, and as many of the test classes.
        seed: Decides replay, cuts, and the episodes.
    """
    learner = copy.deepcopy(model.learner)
    with usual_defaults():
        phase("judging the model as it is")
        before = _scores(learner, model, new, classes, n_episodes=n_episodes, seed=seed)
        phase("updating")
        start = time.perf_counter()
        update = _prepared(
            learner,
            model,
            classes,
            steps=steps,
            learning_rate=learning_rate,
            n_replayed=n_replayed,
            seed=seed,
        )
        finite = update.observe([new.task], new.support).kept
        seconds = time.perf_counter() - start
        phase("judging the update")
        after = _scores(learner, model, new, classes, n_episodes=n_episodes, seed=seed)
    new_task, guard, known = map(BeforeAfter.of, before, after)
    kept, reason = _decided(guard, finite=finite)
    results = UpdateResults(
        classes=new.classes,
        n_support=len(new.support),
        n_query=len(new.query),
        new_task=new_task,
        guard=guard,
        known=known,
        kept=kept,
        reason=reason,
        steps=steps,
        seconds=seconds,
    )
    if not kept:
        return model, results
    told = {"classes": list(new.classes), "images": len(new.support), "steps": steps, "seed": seed}
    earlier = model.data.get("updates")
    data = {**model.data, "updates": [*(earlier if isinstance(earlier, list) else []), told]}
    return FewShotModel(learner, config=model.config, data=data, updated=results), results


def _prepared(
    learner: EpisodicLearner,
    model: FewShotModel,
    classes: ClassSplit,
    *,
    steps: int,
    learning_rate: float,
    n_replayed: int,
    seed: int,
) -> ContinualUpdate:
    """Return the update of a learner, with known tasks to replay; the guard is not its, but ours."""
    config = model.config
    n_query = max(1, min(config.n_query or 5, min(class_sizes(classes.train)) - config.shot))
    update = ContinualUpdate(
        learner,
        optimizer=lambda parameters: Adam(parameters, lr=learning_rate),
        n_replayed=n_replayed,
        n_updates=steps,
        held_out_every=0,
        support_share=config.shot / (config.shot + n_query),
        seed=derive_seed(seed, "update"),
    )
    source = ClassificationEpisodes(
        replace(classes.train, inputs=classes.images.checked(classes.train.inputs)),
        n_way=min(config.train_way or config.way, classes.train.n_classes),
        n_shot=config.shot,
        n_query=n_query,
        seed=derive_seed(seed, "replay"),
    )
    size = source.n_way * (config.shot + n_query) * classes.train.inputs[0].numel() * 4  # bytes of a task
    n_tasks = min(steps * n_replayed, _MOST_REPLAYED, max(n_replayed, _MOST_BYTES // size))
    for index in range(n_tasks):
        (episode,) = source.step(index)
        update.replay.add(episode.tasks, _whole(episode.support, episode.query, model.dtype))
    return update


def _whole(support: Batch | None, query: Batch, dtype: torch.dtype) -> Batch:
    """Put an episode together again; it is cut anew each time that it is replayed."""
    parts = [query] if support is None else [support, query]
    images = [part.inputs for part in parts if isinstance(part.inputs, Tensor)]
    labels = [part.targets["class"] for part in parts]
    return Batch(inputs=torch.cat(images).to(dtype), targets={"class": torch.cat(labels)})


def _scores(
    learner: EpisodicLearner,
    model: FewShotModel,
    new: NewTask,
    classes: ClassSplit,
    *,
    n_episodes: int,
    seed: int,
) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
    """Return the scores on queries of the new task, on the guard's episodes, and on those of known tasks."""
    with evaluating(learner), torch.no_grad():
        answers = learner.adapt([new.task], new.support)(new.query.inputs)["class"]
    right = (answers.argmax(-1) == new.query.targets["class"]).double().tolist()
    found = [
        evaluate_episodes(
            learner,
            judging_episodes(examples, model.config, seed=derive_seed(seed, "update", part)),
            n_episodes=n_episodes,
        ).values
        for part, examples in (("guard", classes.validation), ("known", classes.test))
    ]
    return right, found[0], found[1]


def _decided(guard: BeforeAfter, *, finite: bool) -> tuple[bool, str]:
    """Tell whether an update stands, and why."""
    change = guard.change.format(1, scale=100)
    if not finite:
        return False, "The steps on the new task diverged; use a smaller `learning_rate`."
    if guard.words == "worse":
        return False, (
            f"Held-out known classes are clearly worse after it ({change} points of accuracy). Fewer `steps` "
            "or a smaller `learning_rate` change less."
        )
    return True, f"Held-out known classes are not clearly worse after it ({change} points of accuracy)."


def _batch(examples: LabelledExamples, images: ImagePreparation, rows: list[int]) -> Batch:
    return Batch(inputs=images.floats(examples.inputs[rows]), targets={"class": examples.labels[rows]})


def _digests(examples: LabelledExamples) -> set[bytes]:
    return {image.numpy(force=True).tobytes() for image in examples.inputs}
