"""Learning to learn as an estimator of scikit-learn: fit on many classes, adapt to new ones, predict."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.utils.validation import check_is_fitted

from polytask.core import InputError
from polytask.data import LabelledExamples
from polytask.data.images.image_preparation import Ground
from polytask.estimators.learn_images import learn_images
from polytask.models.few_shot_model import AdaptedModel, FewShotModel
from polytask.models.few_shot_results import FewShotResults

__all__ = ["FewShotEstimator"]

_OF_LEARN = ("way", "shot", "learner", "n_episodes", "seed", "channels", "ground", "resume_folder")
_OF_LEARN += ("accelerator", "progress")


class FewShotEstimator(BaseEstimator):
    """Learns from many classes of images how to learn new ones from few.

    It is `polytask.learn` with the manners of scikit-learn: `fit` on known classes, `adapt` to a few labelled
    images of new ones, as often as is wanted, and `predict` to tell these apart.

    Args:
        way: Classes of a task.
        shot: Labelled examples of each class.
        learner: See `polytask.meta.learner_names`.
        n_episodes: Held-out episodes for the figures.
        size: Height and width of the images; None: 28, or that of the examples. This and all that follows
            down to ``inner_steps`` is as in `polytask.models.FewShotConfig`; None for its default.
        width: Channels of each layer.
        steps: Training steps.
        train_way: Classes of a training episode.
        n_query: Queries of each class in a training episode.
        episodes: Episodes a step.
        learning_rate: Of Adam.
        batch_size: Images a step, of learners that train on all known classes at once.
        inner_rate: Of learners by gradients.
        inner_steps: Of learners by gradients.
        seed: The same one gives the same model.
        channels: 1 to read a folder's images in grey, 3 in colour.
        ground: Whether a folder's images show things on a ``"dark"`` or a ``"light"`` ground.
        resume_folder: A folder where a killed fit continues.
        accelerator: As in Lightning Fabric.
        progress: Show a bar.

    Attributes:
        model_: The `FewShotModel`; ``model_.save(folder)`` keeps it without pickle.
        results_: Its accuracy on unseen classes, beside that of raw pixels.
        adapted_: The `AdaptedModel` of the last `adapt`.
        classes_: The classes that it tells apart, sorted.

    Example:
        >>> images = np.random.default_rng(0).random((160, 1, 16, 16), dtype=np.float32)
        >>> known = np.repeat(np.arange(20), 8)
        >>> settings = {"way": 2, "batch_size": 8, "steps": 1, "width": 4}
        >>> estimator = FewShotEstimator(n_episodes=2, **settings).fit(images, known)
        >>> estimator.adapt(images[:2], ["cat", "dog"]).predict(images[:2]).tolist()
        ['cat', 'dog']
    """

    model_: FewShotModel
    results_: FewShotResults | None
    adapted_: AdaptedModel
    classes_: np.ndarray

    def __init__(
        self,
        *,
        way: int = 5,
        shot: int = 1,
        learner: str = "varied-prototypes",
        n_episodes: int = 600,
        size: int | None = None,
        width: int | None = None,
        steps: int | None = None,
        train_way: int | None = None,
        n_query: int | None = None,
        episodes: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        inner_rate: float | None = None,
        inner_steps: int | None = None,
        seed: int = 0,
        channels: int | None = None,
        ground: Ground | None = None,
        resume_folder: str | Path | None = None,
        accelerator: str = "cpu",
        progress: bool = False,
    ) -> None:
        self.way = way
        self.shot = shot
        self.learner = learner
        self.n_episodes = n_episodes
        self.size = size
        self.width = width
        self.steps = steps
        self.train_way = train_way
        self.n_query = n_query
        self.episodes = episodes
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.inner_rate = inner_rate
        self.inner_steps = inner_steps
        self.seed = seed
        self.channels = channels
        self.ground = ground
        self.resume_folder = resume_folder
        self.accelerator = accelerator
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Train on known classes, and judge on some that are kept unseen.

        Args:
            X: ``"glyphs"``, ``"omniglot"``, a folder with one folder of images per class, `LabelledExamples`,
                or with ``y`` images ``[example, channel, size, size]``: uint8 or floats in [0, 1].
            y: The class of each image ``[example]``; None where ``X`` has them.

        Raises:
            InputError: A setting or the source is wrong; it is a ValueError.
        """
        settings = {
            name: value
            for name, value in self.get_params(deep=False).items()
            if name in _OF_LEARN or value is not None
        }
        self.__dict__.pop("adapted_", None)
        self.__dict__.pop("classes_", None)
        self.model_ = learn_images(X if y is None else _examples(X, y)[0], stacklevel=3, **settings)
        self.results_ = self.model_.results
        return self

    def adapt(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Learn new classes from a few images of each; an earlier `adapt` is forgotten, `fit` is not.

        Args:
            X: A folder with one folder of images per class, `LabelledExamples`, or with ``y`` images
                ``[example, channel, size, size]``.
            y: The class of each image ``[example]``; None where ``X`` has them.

        Raises:
            InputError: The images have another size or type, or there are too few classes.
        """
        check_is_fitted(self, "model_")
        support, classes = (X, None) if y is None else _examples(X, y)
        self.adapted_ = self.model_.adapt(support)
        self.classes_ = np.array(self.adapted_.classes, dtype=object) if classes is None else classes
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Name the class of every image ``[image]``, as the labels of `adapt` were."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Predict the probability of every class, in the order of ``classes_``: ``[image, class]``.

        Args:
            X: Images in memory, or files, as `AdaptedModel.predict` takes them.
        """
        check_is_fitted(self, "model_")
        if not hasattr(self, "adapted_"):
            raise NotFittedError("It knows no classes yet: call `adapt` with a few labelled images first.")
        return self.adapted_.predict(X).drop(columns="class").to_numpy()

    def score(self, X: Any, y: Any) -> float:  # noqa: N803
        """Return the accuracy on images ``X`` with classes ``y``."""
        return float(accuracy_score(y, self.predict(X)))

    def __sklearn_tags__(self) -> Any:
        """Tell scikit-learn that inputs are images."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags


def _examples(images: Any, labels: Any) -> tuple[LabelledExamples, np.ndarray]:
    """Return images with labels as examples, and the classes as `numpy.unique` sorts them."""
    inputs = images if isinstance(images, torch.Tensor) else torch.as_tensor(np.array(images))
    values = np.asarray(labels)
    if values.ndim != 1 or len(values) != len(inputs):
        raise InputError(
            f"`y` needs one class for each of the {len(inputs)} images, got an array {list(values.shape)}."
        )
    classes, codes = np.unique(values, return_inverse=True)
    names = tuple(map(str, classes.tolist()))
    examples = LabelledExamples(
        inputs=inputs, labels=torch.as_tensor(codes.astype(np.int64)), class_names=names, class_groups=names
    )
    return examples, classes
