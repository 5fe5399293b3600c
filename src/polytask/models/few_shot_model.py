"""A model that learns new classes from few images, and one that has."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from polytask.core import Batch, DataError, EpisodicLearner, InputError, Predictor, Task, generator
from polytask.core.errors import NotFiniteError
from polytask.data import ImagePreparation, LabelledExamples
from polytask.meta.catalogue import learner_by_name, learner_entry
from polytask.models.bundle import Bundle
from polytask.models.bundle_tensors import build_filled
from polytask.models.few_shot_config import FewShotConfig
from polytask.models.few_shot_images import read_queries, read_support
from polytask.models.few_shot_results import FewShotResults
from polytask.models.saved_model import Contents, SavedModel, part
from polytask.models.states import flat_states, nested_states
from polytask.models.tensor_parts import named_part, other_parts, taken_part
from polytask.models.update_results import UpdateResults

__all__ = ["AdaptedModel", "FewShotModel", "build_few_shot_learner"]

_ADAPTED = "adapted/"
_MOST_AT_ONCE = 256


def build_few_shot_learner(config: FewShotConfig) -> EpisodicLearner:
    """Build an untrained learner of images ``[batch, channel, size, size]``."""
    return learner_by_name(config.learner, config.image_task())


class FewShotModel(SavedModel):
    """Knows how to learn classes from few images; made by `polytask.learn` or `polytask.load`.

    Args:
        learner: The trained learner.
        config: How it was built.
        data: Where it came from.
        results: Its figures on unseen classes; None for a loaded model.
        updated: What the update found that made it; None where none did.
    """

    kind = "few-shot"
    tried_when_read = False  # it would have to adapt, in as many steps as the file says

    def __init__(
        self,
        learner: EpisodicLearner,
        *,
        config: FewShotConfig,
        data: dict[str, object],
        results: FewShotResults | None = None,
        updated: UpdateResults | None = None,
    ) -> None:
        self.learner = learner.eval()
        self.config = config
        self.data = data
        self.results = results
        self.updated = updated

    def adapt(self, support: LabelledExamples | str | Path) -> "AdaptedModel":
        """Learn the classes of a support set; the model itself does not change.

        Args:
            support: A folder with one folder of images per new class, read as the training images were; or
                examples, uint8 or floats in [0, 1] ``[example, channel, size, size]``.

        Returns:
            What tells the new classes apart. It reads images as its support was read.

        Raises:
            InputError: The support is something else, or its images have another size or type.
            DataError: A folder has no classes or no readable images; there are too few classes, one has no
                image; or a learner with a fixed number of classes gets another one.
            NotFiniteError: The gradient steps on the support diverged.
        """
        examples, images = read_support(support, self.config.preparation)
        names = examples.class_names
        if learner_entry(self.config.learner).fixed_way and len(names) != self.config.way:
            raise DataError(
                f"This {self.config.learner} model tells {self.config.way} classes apart, but the support "
                f"has {len(names)}. Give {self.config.way} classes, learn a model with `way={len(names)}`, "
                "or one of prototypes, which tell any number apart."
            )
        if len(names) < 2:
            raise DataError(f"The support has {len(names)} class; at least 2 are needed to tell apart.")
        task = Task(name="class", kind="multiclass", n_outputs=len(names), labels=names)
        inputs = images.floats(examples.inputs).to(self.dtype)
        batch = Batch(inputs=inputs, targets={"class": examples.labels})
        predictor = self.learner.adapt([task], batch)
        _check_finite(flat_states(predictor.state).values(), "What the support taught it")
        return AdaptedModel(self, predictor, names, images=images)

    @property
    def dtype(self) -> torch.dtype:
        """The type of its weights, to which images are brought."""
        return next((p.dtype for p in self.learner.parameters()), torch.float32)

    def _contents(self) -> Contents:
        config = {"model": self.config.to_json()}
        return Contents(
            config=config,
            tensors=self.learner.state_dict(),
            data=self.data,
            results=self.results or self.updated,
            details=self.details,
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        weights = other_parts(_ADAPTED, bundle.tensors)
        config = FewShotConfig.from_json(part(bundle, "model"))
        learner = build_filled(lambda: build_few_shot_learner(config), weights)
        return cls(learner, config=config, data=bundle.data)

    def _tried(self) -> tuple[list[Task], dict[str, Tensor]]:
        """Adapt to noise, and predict it."""
        task = Task(name="class", kind="multiclass", n_outputs=self.config.way)
        images = _trial_images(self, self.config.way)
        labels = torch.arange(self.config.way, device=images.device)
        support = Batch(inputs=images, targets={"class": labels})
        with torch.inference_mode():
            return [task], self.learner.adapt([task], support)(images)


class AdaptedModel(SavedModel):
    """Tells the classes of one support set apart; made by `FewShotModel.adapt` or `polytask.load`.

    Args:
        base: The model that was adapted.
        predictor: What adaptation gave.
        classes: The classes' names.
        images: How the support was read; None: as the model reads images.
    """

    kind = "few-shot-adapted"

    def __init__(
        self,
        base: FewShotModel,
        predictor: Predictor,
        classes: Sequence[str],
        *,
        images: ImagePreparation | None = None,
    ) -> None:
        self.base = base
        self.predictor = predictor
        self.classes = tuple(classes)
        self.images = images or base.config.preparation

    def predict(self, images: Any) -> pd.DataFrame:
        """Name the class of every image.

        Args:
            images: An image file, its bytes, a `PIL.Image.Image`, several of such, or a folder, which are all
                read as the support was; or a tensor or an array as it was given to
                `FewShotModel.adapt`, ``[image, channel, size, size]``, or a list of its images.

        Returns:
            One row per image, by file or number: ``class``, and ``p(CLASS)`` for every class.

        Raises:
            InputError: The images are something else, or have another size or type.
            DataError: There is no image, or one cannot be read.
            NotFiniteError: An answer is NaN or infinite.
        """
        tensor, index = read_queries(images, self.images)
        logits = self._logits(tensor)  # [image, class]
        _check_finite([logits], "An answer")
        probabilities = logits.softmax(-1).numpy()  # [image, class]
        answers = {"class": np.asarray(self.classes, dtype=object)[probabilities.argmax(-1)]}
        answers |= {f"p({name})": probabilities[:, column] for column, name in enumerate(self.classes)}
        return pd.DataFrame(answers, index=index)

    def _logits(self, images: Tensor) -> Tensor:
        """Answer images in batches; together where answers depend on the other queries."""
        transductive = self.base.learner.transductive
        batches = images.split(len(images) if transductive else _MOST_AT_ONCE)
        with torch.inference_mode():
            answers = [
                self.predictor(self.images.floats(batch).to(self.base.dtype))["class"].float()
                for batch in batches
            ]
        return torch.cat(answers)

    def _contents(self) -> Contents:
        base = self.base._contents()
        state = named_part(_ADAPTED, flat_states(self.predictor.state))
        return Contents(
            config={**base.config, "classes": list(self.classes), "images": self.images.to_json()},
            tensors={**base.tensors, **state},
            data=base.data,
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        base = FewShotModel.from_bundle(bundle)
        state = taken_part(_ADAPTED, bundle.tensors, copied=True)
        classes = _read_classes(part(bundle, "classes"))
        task = Task(name="class", kind="multiclass", n_outputs=len(classes), labels=classes)
        images = ImagePreparation.from_json(part(bundle, "images"))
        if images.shape != base.config.preparation.shape:
            raise InputError(f"images are read as {images.shape}, not {base.config.preparation.shape}")
        predictor = base.learner.predictor([task], nested_states(state, [task.name]))
        return cls(base, predictor, classes, images=images)

    def _tried(self) -> tuple[Sequence[Task], dict[str, Tensor]]:
        """Predict noise."""
        with torch.inference_mode():
            return self.predictor.tasks, self.predictor(_trial_images(self.base, len(self.classes)))


def _check_finite(found: Iterable[Tensor], what: str) -> None:
    if not all(bool(tensor.isfinite().all()) for tensor in found):
        raise NotFiniteError(
            f"{what} is not finite. Learn a model with a smaller `inner_rate` or fewer `inner_steps`, if it "
            "has them, or with a smaller `learning_rate`."
        )


def _read_classes(names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError("the description has no list of class names")
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"the classes are {names[:10]}; there must be two or more, each with its own name")
    return tuple(names)


def _trial_images(model: FewShotModel, n_images: int) -> Tensor:
    task = model.config.image_task()
    shape = (n_images, task.in_channels, task.size, task.size)
    images = torch.rand(shape, generator=generator(0, "trial"), dtype=torch.float32)
    return images.to(next(model.learner.parameters()).device, model.dtype)
