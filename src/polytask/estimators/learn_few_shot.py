"""Learn from known tasks how to learn new ones: classes of anything, many tasks of a table, a prior."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, overload

from polytask.core import InputError
from polytask.core.doors import by_door
from polytask.core.files import user_path
from polytask.core.names import all_of
from polytask.core.settings import SettingsCheck
from polytask.data import LabelledExamples
from polytask.data.examples.decoding import kind_of_file
from polytask.data.examples.examples import ExampleKind
from polytask.data.examples.tables import TABLES
from polytask.data.images.image_preparation import Ground
from polytask.estimators.learn_examples import learn_examples
from polytask.estimators.learn_images import learn_images
from polytask.estimators.learn_prior import Prior, learn_prior
from polytask.estimators.learn_tasks import learn_tasks
from polytask.estimators.task_learning import task_learning
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_model import FewShotModel
from polytask.models.in_context_model import InContextModel
from polytask.models.learned_features import LearnedFeatures
from polytask.models.task_table_model import TaskTableModel
from polytask.renamed import renamed_settings

__all__ = [
    "check_example_settings",
    "check_image_settings",
    "check_task_settings",
    "holds_examples",
    "learn",
]

_MOST_LOOKED_AT = 200  # files of a folder
_NO_SETTINGS = ("images", "prior", "settings", "source", "stacklevel")
_OLD_NAMES = {"checkpoint": "resume_folder"}


@overload
def learn(
    source: Any,
    labels: Any = None,
    *,
    kind: ExampleKind,
    **settings: Any,
) -> LearnedFeatures: ...
@overload
def learn(source: str | Path | LabelledExamples, **settings: Any) -> FewShotModel: ...
@overload
def learn(source: Prior, **settings: Any) -> InContextModel: ...
@overload
def learn(
    source: Any, *, task_column: str, target: str | Sequence[str], **settings: Any
) -> InContextModel | TaskTableModel: ...
@overload
def learn(
    source: Mapping[Any, Any] | Sequence[Any], labels: Any = None, **settings: Any
) -> FewShotModel | LearnedFeatures: ...
def learn(
    source: Any,
    labels: Any = None,
    *,
    kind: ExampleKind | None = None,
    item_column: str | None = None,
    label_column: str | None = None,
    encoder: Any = None,
    way: int | None = None,
    shot: int | None = None,
    learner: str | None = None,
    n_episodes: int | None = None,
    seed: int = 0,
    channels: int | None = None,
    ground: Ground | None = None,
    task_column: str | None = None,
    target: str | Sequence[str] | None = None,
    resume_folder: str | Path | None = None,
    accelerator: str = "cpu",
    progress: bool | None = None,
    **settings: Any,
) -> FewShotModel | InContextModel | LearnedFeatures | TaskTableModel:
    """Learn from many known tasks how to learn new ones, and judge it on tasks that were held out.

    - **Texts, sounds, vectors or photos of many classes** are encoded by a frozen encoder, as
      `polytask.adapt` does; a map of the features that shrinks what differs within known classes is taken, if
      it is clearly better on known classes that were held out, and else none. What comes back adapts to new
      classes.
    - **Images of many classes** train a network of pixels that tells new classes apart. With ``kind="image"``
      they are photos for the frozen encoder instead.
    - **A table with a task column** (shops, patients, chicks) trains a network that predicts numbers of a
      new task from 0, 1, 5 or 20 of its rows, with their whole distribution: a neural process (``"cnp"``,
      ``"np"``, ``"anp"``; of one feature ``"convcnp"``), one with a transformer (``"tnp"``) or, of one
      number or of classes, a prior-fitted network (``"pfn"``); or a logistic regression of the task's own
      rows, whose scales and penalty are learned over the tasks (``"logistic"``, with ``own_classes``); or
      fits what `polytask.fit` does with a task column (``"mixed"``). ``"auto"`` tries mixed, cnp, tnp and
      pfn, of classes mixed and pfn, of classes of a task's own logistic and pfn, and cross-validation over
      the known tasks chooses by the log density of their labels.
    - **A prior**, a function that draws data sets, trains a network that answers as the posterior does.

    Args:
        source: For images ``"glyphs"``, ``"omniglot"``, a folder with one folder of images per class, or
            examples of images, uint8 or floats in [0, 1] ``[example, 1 or 3, size, size]``. With
            ``task_column`` a table, in whatever `polytask.data.read_table` reads. Or a function from a
            `torch.Generator`, its only source of randomness, to one data set of a prior: inputs
            ``[point, input]`` and targets ``[point]``, which are exchangeable and as many in every draw;
            targets as floats are numbers, as whole numbers (int64, from 0) or truth values classes, whose
            order means nothing.
            For classes of anything else, whatever `polytask.data.read_examples` takes.
        labels: One for each example, where they are not in the source.
        kind: ``"text"``, ``"sound"``, ``"vector"`` or ``"image"``, for a frozen encoder; None: texts, sounds
            and vectors are found, images train a network of pixels.
        item_column: Of a table of examples, as for `polytask.adapt`.
        label_column: Likewise.
        encoder: Likewise; also for images.
        way: Classes of a task (5).
        shot: Labelled examples of each class (1).
        learner: For images see `polytask.meta.learner_names`, or ``"auto"``: varied-prototypes, prototypes,
            simple-shot, ridge and maml each train a little, and validation classes choose; of those that are
            not clearly behind the best, the first is trained. With ``task_column`` one of those above. For
            a prior ``"pfn"``, of numbers a neural process, of classes ``"logistic"``. None:
            varied-prototypes, auto, and pfn.
        n_episodes: Held-out episodes for the figures (600).
        seed: The same one gives the same model.
        channels: 1 to read a folder's images in grey, 3 in colour; None: 3 if one of them has colour.
        ground: Whether a folder's images show things on a ``"dark"`` or a ``"light"`` ground; None: as most
            of them do. Those on a light ground are inverted. The model reads all later images alike.
        task_column: The column of a table that tells the task of a row.
        target: With ``task_column`` the column of numbers to predict, as ``"weight"`` or ``"weight:log"``,
            or several, which ``"pfn"`` and nobody else refuses; or a column of classes, for ``"mixed"`` and
            ``"pfn"``; with a prior how the targets are called (``"y"``).
        resume_folder: A folder; a killed run on images that is called again with it continues where it was.
            A run with other images or settings is refused there.
        accelerator: As in Lightning Fabric, for images.
        progress: Show one line for the whole run: its phase, the time left; None where a person watches.
        **settings: For images see `FewShotConfig`: ``steps``, ``width``, ``inner_rate`` …. Else ``steps``
            (400 with a task column, 2,000 for a prior), ``width``, ``learning_rate`` and ``episodes`` of a
            step of networks, which ``"mixed"`` does not have; ``most_classes`` of a task (as many as there
            are, up to 10); with a task column ``drop``, columns that are not used, and ``own_classes``,
            whether each task has classes of its own, whose names mean nothing to other tasks: its rows name
            them, and other classes have probability 0; for a prior ``columns``, how the inputs are called.

    Returns:
        The model. For images its ``results`` hold the accuracy on unseen classes beside that of raw pixels;
        with a task column the log density and error of all learners that were tried, on tasks that they did
        not see.

    Raises:
        InputError: A setting or the source is wrong; the message says what, where and how to mend it.
        DataError: A table cannot be used, or has too few tasks.

    Warns:
        ResultWarning: The result is not clearly better than raw pixels, or than levels of tasks.
        DataWarning: Something of a folder is left out, or noteworthy of a table.

    Example:
        >>> def lines(generator):
        ...     slope, level = torch.randn(2, generator=generator)
        ...     x = torch.rand(10, 1, generator=generator)
        ...     return x, level + slope * x[:, 0]
        >>> import torch
        >>> model = learn(lines, learner="pfn", steps=2, width=8)
        >>> known = model.adapt([[0.0], [0.5]], [1.0, 2.0])
        >>> list(known.predict([[1.0]], intervals=0.9).columns)
        ['y', 'y:low', 'y:high']
    """
    of_examples = {
        "labels": labels, "kind": kind, "item_column": item_column, "label_column": label_column,
        "encoder": encoder,
    }  # fmt: skip
    of_examples = {name: value for name, value in of_examples.items() if value is not None}
    named: dict[str, Any] = {
        "way": way, "shot": shot, "learner": learner, "n_episodes": n_episodes, "channels": channels,
        "ground": ground, "target": target, "resume_folder": resume_folder,
        **renamed_settings(settings, _OLD_NAMES),
    }  # fmt: skip
    asked = {name: value for name, value in named.items() if value is not None}
    common = {"seed": seed, "progress": progress}
    by_features = bool(of_examples) or holds_examples(source)
    if of_examples and (task_column is not None or (callable(source) and not isinstance(source, str | Path))):
        raise InputError(
            f"`{next(iter(of_examples))}` is for classes of examples, not for tasks of a table or a prior; "
            "leave it out."
        )
    if task_column is not None:
        check_task_settings({**asked, **({} if accelerator == "cpu" else {"accelerator": accelerator})})
        return learn_tasks(
            source,
            task_learning(task_column=task_column, **{"target": None, **asked}, **common),
            stacklevel=3,
        )
    if callable(source) and not isinstance(source, str | Path | LabelledExamples):
        _check_names(asked, accelerator, "a prior")
        prior: Any = source
        return learn_prior(prior, **asked, **common)
    if by_features and target is None:
        check_example_settings({**asked, **({} if accelerator == "cpu" else {"accelerator": accelerator})})
        return learn_examples(source, **of_examples, **common, stacklevel=3)
    if target is not None:
        raise InputError("`target` belongs to a table with tasks. Name its `task_column`, too.")
    check_image_settings(asked)
    return learn_images(source, accelerator=accelerator, stacklevel=3, **asked, **common)


def holds_examples(source: Any) -> bool:
    """Tell whether a source holds examples that are no images: texts, sounds or vectors of many classes.

    Args:
        source: A path, or something in memory.

    Example:
        >>> holds_examples({"pets": ["a cat", "a dog"]}), holds_examples("glyphs")
        (True, False)
    """
    if isinstance(source, LabelledExamples) or callable(source):
        return False
    if not isinstance(source, str | Path):
        return True
    path = user_path(source)
    if path.is_file():
        return path.name.lower().endswith(TABLES)
    if not path.is_dir():
        return False
    files = itertools.islice((file for file in path.glob("*/*") if file.is_file()), _MOST_LOOKED_AT)
    kinds = [kind_of_file(file) for file in files]
    known = [kind for kind in kinds if kind is not None]
    return bool(known) and known.count("image") * 2 < len(known)


def check_task_settings(asked: Mapping[str, Any]) -> None:
    """Refuse settings that a table with tasks does not take.

    Raises:
        InputError: All of them.
    """
    _check_names(asked, "cpu", "a table with a task column")


def check_image_settings(asked: Mapping[str, Any]) -> None:
    """Refuse settings that images for a network of pixels do not take.

    Raises:
        InputError: All of them.
    """
    _check_names(asked, "cpu", "images")


def check_example_settings(asked: Mapping[str, Any]) -> None:
    """Refuse settings that known classes of a frozen encoder do not take.

    Raises:
        InputError: All of them.
    """
    _check_names(asked, "cpu", "examples of a frozen encoder")


def _check_names(asked: Mapping[str, Any], accelerator: str, what: str) -> None:
    """Refuse settings of other sources, and such as do not exist.

    Raises:
        InputError: All of them.
    """
    sources: dict[str, Callable[..., Any]] = {
        "images": learn_images, "a table with a task column": task_learning, "a prior": learn_prior,
        "examples of a frozen encoder": learn_examples,
    }  # fmt: skip
    unseen = by_door(python=what, command="a prior")
    takes = {of: [*signature(learn).parameters] for of, learn in sources.items()}
    takes["images"] += [*FewShotConfig.__dataclass_fields__]
    known = [name for name in takes[what] if name not in _NO_SETTINGS]
    check = SettingsCheck()
    given = [*asked, *(["accelerator"] if accelerator != "cpu" else [])]
    others = {
        name: having
        for name in given
        if name not in known and (having := [of for of in takes if name in takes[of] and of != unseen])
    }
    check.problems += [
        f"`{name}` is for {all_of(having)}, not for {what}; leave it out" for name, having in others.items()
    ]
    check.names([name for name in given if name not in others], known)
    check.done()
