"""A model that learns new classes from few images, and one that has."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import Batch, BundleError, DataError, EpisodicLearner, Predictor, Task
from polytask.data import LabelledExamples, image_files, read_images
from polytask.estimators.bundle import Bundle, load_bundle, save_bundle
from polytask.estimators.few_shot_config import FewShotConfig
from polytask.estimators.few_shot_results import FewShotResults
from polytask.meta import learner_by_name, learner_entries

__all__ = ["AdaptedModel", "FewShotModel", "build_few_shot_learner"]

_ADAPTED = "adapted/"


def build_few_shot_learner(config: FewShotConfig) -> EpisodicLearner:
    """Build an untrained learner of images ``[batch, 1, size, size]``."""
    return learner_by_name(config.learner, config.image_task())


class FewShotModel:
    """Knows how to learn classes from few images; made by `polytask.learn` or `polytask.load`.

    Args:
        learner: The trained learner.
        config: How it was built.
        data: Where it came from.
        results: Its figures on unseen classes; None for a loaded model.
    """

    kind = "few-shot"

    def __init__(
        self,
        learner: EpisodicLearner,
        *,
        config: FewShotConfig,
        data: dict[str, object],
        results: FewShotResults | None = None,
    ) -> None:
        self.learner = learner.eval()
        self.config = config
        self.data = data
        self.results = results

    def adapt(self, support: LabelledExamples) -> "AdaptedModel":
        """Learn the classes of a support set; the model itself does not change.

        Args:
            support: A few images of each new class, uint8 ``[example, 1, size, size]``.

        Raises:
            DataError: A learner with a fixed number of classes gets another one, or the images have another
                size.
        """
        n_classes = support.n_classes
        if learner_entries()[self.config.learner].fixed_way and n_classes != self.config.way:
            raise DataError(
                f"This {self.config.learner} model tells {self.config.way} classes apart, but the support "
                f"has {n_classes}. Give {self.config.way} classes, train with `--way {n_classes}`, or use "
                "prototypes."
            )
        if n_classes < 2:
            raise DataError(f"The support has {n_classes} class; at least 2 are needed to tell apart.")
        if tuple(support.inputs.shape[1:]) != (1, self.config.size, self.config.size):
            raise DataError(
                f"The support's images are {tuple(support.inputs.shape[1:])}, but the model reads "
                f"(1, {self.config.size}, {self.config.size})."
            )
        task = Task(name="class", kind="multiclass", n_outputs=n_classes, labels=support.class_names)
        batch = Batch(inputs=_floats(support.inputs), targets={"class": support.labels})
        predictor = self.learner.adapt([task], batch)
        return AdaptedModel(self, predictor, support.class_names)

    def save(self, directory: str | Path) -> Path:
        """Write a model directory: safetensors, JSON and, after training, its results."""
        files = (
            {}
            if self.results is None
            else {"results.json": json.dumps(self.results.to_json(), indent=2) + "\n"}
        )
        config = {"model": self.config.to_json()}
        return save_bundle(
            directory,
            Bundle(
                kind=self.kind,
                config=config,
                tensors=self.learner.state_dict(),
                data=dict(self.data),
                files=files,
            ),
        )

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "FewShotModel":
        """Build the model that a bundle describes.

        Raises:
            BundleError: Its parts do not fit together.
        """
        try:
            config = FewShotConfig.from_json(bundle.config["model"])
            learner = build_few_shot_learner(config)
            own = {name: tensor for name, tensor in bundle.tensors.items() if not name.startswith(_ADAPTED)}
            learner.load_state_dict(own)
        except (KeyError, TypeError, RuntimeError, ValueError) as error:
            raise BundleError(
                f"The model's description and its tensors do not fit together: {error}."
            ) from error
        return cls(learner, config=config, data=bundle.data)

    @classmethod
    def load(cls, directory: str | Path) -> "FewShotModel":
        """Load a model directory."""
        return cls.from_bundle(load_bundle(directory, kind=cls.kind))


class AdaptedModel:
    """Tells the classes of one support set apart; made by `FewShotModel.adapt` or `polytask.load`.

    Args:
        base: The model that was adapted.
        predictor: What adaptation gave.
        classes: The classes' names.
    """

    kind = "few-shot-adapted"

    def __init__(self, base: FewShotModel, predictor: Predictor, classes: Sequence[str]) -> None:
        self.base = base
        self.predictor = predictor
        self.classes = tuple(classes)

    def predict(self, images: str | Path | Tensor) -> pd.DataFrame:
        """Name the class of every image.

        Args:
            images: An image file, a folder of them, or uint8 ``[image, 1, size, size]``.

        Returns:
            One row per image, by file or number: ``class``, and ``p(CLASS)`` for every class.

        Raises:
            DataError: There is no image, or one cannot be read.
        """
        index: Any
        if isinstance(images, Tensor):
            tensor, index = images, pd.RangeIndex(len(images))
        else:
            files = image_files(images)
            if not files:
                raise DataError(f"There is no image in {images}.")
            tensor = read_images(files, size=self.base.config.size)
            index = pd.Index([str(file) for file in files], name="file")
        with torch.inference_mode():
            logits = torch.cat([self.predictor(_floats(part))["class"] for part in tensor.split(256)])
        probabilities = logits.softmax(-1).numpy()  # [image, class]
        answers = {"class": np.asarray(self.classes, dtype=object)[probabilities.argmax(-1)]}
        answers |= {f"p({name})": probabilities[:, column] for column, name in enumerate(self.classes)}
        return pd.DataFrame(answers, index=index)

    def save(self, directory: str | Path) -> Path:
        """Write a model directory with the learner and what it learned."""
        tensors = dict(self.base.learner.state_dict())
        tensors |= {_ADAPTED + name: tensor for name, tensor in self.predictor.state.items()}
        config = {"model": self.base.config.to_json(), "classes": list(self.classes)}
        return save_bundle(
            directory, Bundle(kind=self.kind, config=config, tensors=tensors, data=dict(self.base.data))
        )

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "AdaptedModel":
        """Build the model that a bundle describes.

        Raises:
            BundleError: Its parts do not fit together.
        """
        base = FewShotModel.from_bundle(bundle)
        classes = bundle.config.get("classes")
        state = {
            name.removeprefix(_ADAPTED): tensor
            for name, tensor in bundle.tensors.items()
            if name.startswith(_ADAPTED)
        }
        if not classes or not state:
            raise BundleError(
                "The adapted model lacks its classes or what it learned of them. Adapt it again."
            )
        task = Task(name="class", kind="multiclass", n_outputs=len(classes), labels=tuple(classes))
        return cls(base, base.learner.predictor([task], state), classes)


def _floats(images: Tensor) -> Tensor:
    """Scale uint8 images to [0, 1]."""
    return images.float() / 255
