"""A classifier that was made from a few labelled texts, images, sounds or vectors, and keeps them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

import polytask
from polytask.core import DataError, DataWarning, Task
from polytask.core.names import counted
from polytask.core.warned import warn_all
from polytask.data.examples.examples import Examples
from polytask.data.examples.labelled_twice import labelled_twice
from polytask.data.examples.reading import read_examples
from polytask.encoders.frozen import FrozenEncoder
from polytask.meta.heads import choose_head
from polytask.models.bundle import Bundle
from polytask.models.class_predictions import AskedOfClasses, class_predictions
from polytask.models.classifier_head import ClassifierHead, HeadSettings
from polytask.models.feature_space import FeatureSpace
from polytask.models.kept_columns import beside, kept_columns
from polytask.models.known_examples import KnownExamples, beginnings
from polytask.models.known_tasks import known_tasks, stored_known_tasks
from polytask.models.label_next import label_next
from polytask.models.left_out_details import left_out_details
from polytask.models.saved_model import Contents, SavedModel, part
from polytask.models.stored_classifier import (
    examples_tensors,
    examples_to_json,
    head_tensors,
    read_head,
    stored_examples,
)
from polytask.models.tensor_parts import named_part, taken_part

__all__ = ["FewShotClassifier", "HeadSettings"]

_SPACE, _EXAMPLES = "space/", "examples/"
_REFUSED = 0.05  # of known examples, where nothing else is asked for


class FewShotClassifier(SavedModel):
    """Tells the classes of a few labelled examples apart; made by `polytask.adapt` or `polytask.load`.

    A frozen encoder turns an item into features, and a linear head scores the classes. Scores are computed
    in 64 bits and rounded to 32.

    The classes live: `add`, `correct`, `rename`, `remove` and `remove_example` return a changed model, and
    leave this one as it is. With class means of strength 1 only the classes concerned are computed
    anew, so that the scores of all others stay the same, bit for bit; another head is fitted again, to all
    examples. How sure probabilities are, and what is typical, stay as they were until `refit`.

    Args:
        space: How items become features.
        examples: The labelled ones.
        head: Scores the classes.
        origin: How the examples were read.
        data: Where they came from.
    """

    kind = "few-shot-classifier"

    def __init__(
        self,
        space: FeatureSpace,
        examples: KnownExamples,
        *,
        head: ClassifierHead,
        origin: Mapping[str, Any],
        data: Mapping[str, Any],
    ) -> None:
        self.space = space
        self.examples = examples
        self.head, self.settings = head, head.settings
        self.weight, self.bias = head.weight, head.bias
        self.references, self.losses = head.references, head.losses
        self.origin, self.data = dict(origin), dict(data)

    @classmethod
    def fitted(
        cls,
        space: FeatureSpace,
        examples: KnownExamples,
        *,
        head: str = "auto",
        strength: float | None = None,
        origin: Mapping[str, Any],
        data: Mapping[str, Any],
    ) -> Self:
        """Choose and fit a head.

        Raises:
            DataError: There is one class only.
            InputError: There is no such head.
        """
        if len(examples.classes) < 2:
            raise DataError(
                f"There is {counted(len(examples.classes), 'class', 'classes')}; at least 2 are needed "
                "to tell apart. Give examples of another one."
            )
        rows, labels = examples.rows()
        chosen = choose_head(rows, labels, len(examples.classes), name=head, strength=strength)
        known = stored_known_tasks(data)  # of the model that learned the features, if there was one
        if known is None and space.map is None:
            known = known_tasks(tuple(view.name for view in space.views))
        model = cls(
            space,
            examples,
            head=ClassifierHead.of(chosen, labels, asked=head, asked_strength=strength, known=known),
            origin=origin,
            data={**data, "left_out_accuracy": chosen.accuracy(labels)},
        )
        model.details = left_out_details(chosen, labels, examples)
        return model

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.examples.classes

    @property
    def left_out_accuracy(self) -> float | None:
        """The share of examples that were told right when they were left out; None where none could be."""
        return self.data.get("left_out_accuracy")

    @property
    def refuses(self) -> bool:
        """Whether `predict` says that an example is none of the classes without being asked to.

        What is typical of a class is learned from examples that were left out. Where every class has one,
        it would be that of classes of other data, which may reach less far than these or farther. So then
        nothing is called none unasked, unless it is known of classes of the same kind: see `polytask.learn`.
        """
        return bool(len(self.losses)) or stored_known_tasks(self.data) is not None

    @property
    def usual_refusal(self) -> float:
        """The share of examples of known classes that may be called none of these, unless told otherwise."""
        return _REFUSED if self.refuses else 0.0

    @property
    def messages(self) -> tuple[str, ...]:
        """What was noteworthy of the support: kind, columns, what was left out."""
        return tuple(map(str, self.data.get("messages", ())))

    def __repr__(self) -> str:
        return (
            f"<FewShotClassifier of {self.space.kind}s: {len(self.classes)} classes, {len(self.examples)} "
            f"examples, {'+'.join(view.name for view in self.space.views)}, {self.settings.name}>"
        )

    def predict(
        self,
        source: Any,
        *,
        refuse: float | None = None,
        probabilities: bool = False,
        sets: float | None = None,
        keep: Any = (),
    ) -> pd.DataFrame:
        """Name the class of every example, or say that it is none of these.

        Args:
            source: Examples in any form that `polytask.data.read_examples` takes, without labels; columns of
                tables are found as in the support.
            refuse: Which share of examples of known classes may be called none of these, 0 for never. It
                holds on average, where examples come as those of the support did. None for 0.05, or for 0
                where every class has one example: see `refuses`.
            probabilities: Whether the probability of every class is added.
            sets: Add the sets of classes that hold the right one for this share of examples, as 0.9.
            keep: Columns of a table that are put in front of the answers, by name; one, or several.

        Returns:
            A row for each example, by file or row: ``class`` and its ``probability``; ``typicality``, the
            share of known examples that fit no better; ``none``, whether that is at most `refuse`; with
            `sets` ``set``, the classes joined by ``|``, or a JSON list where one of them has a ``|``; with
            `probabilities` ``p(CLASS)`` for every class.

        Raises:
            InputError: An argument is out of range, or the encoder is not at hand; or there is no table with
                a column that is to be kept.
            DataError: An example cannot be read.
        """
        refuse = self.usual_refusal if refuse is None else refuse
        asked = AskedOfClasses(refuse=refuse, sets=sets, probabilities=probabilities)
        examples = self.read(source)
        kept = kept_columns(keep, examples.table)
        scores = self.scores(self.space.features(examples.items))
        columns = class_predictions(self.head, scores, self.classes, asked)
        answers = pd.DataFrame(columns, index=examples.index)
        return (
            answers
            if examples.table is None
            else beside(examples.table.set_axis(examples.index), kept, answers)
        )

    def evaluate(self, source: Any, labels: Any = None) -> pd.DataFrame:
        """Measure the answers to other labelled examples; see `polytask.estimators.evaluate_classes`."""
        return polytask.estimators.evaluate_classes(self, source, labels, stacklevel=3)

    def read(self, source: Any) -> Examples:
        """Read examples to predict, as the support was read.

        Raises:
            DataError: There is none, or one cannot be read.
        """
        examples = read_examples(source, labelled=False, origin=self.origin)
        if not len(examples):
            raise DataError("There is no example to predict.")
        return examples

    def read_labelled(self, source: Any, labels: Any = None) -> Examples:
        """Read more labelled examples, as the support was read; rows of a table without a label are left out.

        Raises:
            DataError: They cannot be read.
        """
        origin = self.origin
        if isinstance(source, Mapping) and origin.get("item_column") not in source:
            origin = {"kind": self.space.kind}  # examples by class, where the support was a table
        return read_examples(source, labelled=True, labels=labels, origin=origin, skip_unlabelled=True)

    def scores(self, features: Tensor) -> np.ndarray:
        """Score features ``[example, feature]``: float32 ``[example, class]``."""
        return self.head.scores(features)

    def add(self, source: Any, labels: Any = None) -> "FewShotClassifier":
        """Learn more examples; labels that are new become classes.

        What is left out is a `DataWarning`, also rows of a table without a label: see `suggest`; and so is a
        text that has another label already.

        Args:
            source: Labelled examples, as `polytask.adapt` takes them.
            labels: One for each example, where they are not in the source.
        """
        examples = self.read_labelled(source, labels)
        warn_all(examples.messages[1:], stacklevel=2)  # the first says what was found, which is as before
        given = examples.labels or ()
        names = self.examples.new_names(examples)
        features = self.space.features(examples.items)
        of_texts = self.space.kind == "text"
        known = self.examples.labels_of(examples.items, features) if of_texts else {}
        if unsure := labelled_twice(examples, known):
            warnings.warn(unsure, DataWarning, stacklevel=2)
        return self._changed(self.examples.added(features, given, names, beginnings(examples, names)))

    def suggest(self, pool: Any, n: int = 10) -> pd.DataFrame:
        """Choose the examples of a pool whose labels would help most; see `label_next`."""
        return label_next(self, pool, n)

    def correct(self, example: str, label: str) -> "FewShotClassifier":
        """Put an example, by its name in `examples`, into another class, which may be new."""
        return self._changed(self.examples.corrected(example, label))

    def remove_example(self, example: str) -> "FewShotClassifier":
        """Forget an example, by its name in `examples`."""
        return self._changed(self.examples.without_example(example))

    def remove(self, label: str) -> "FewShotClassifier":
        """Forget a class and its examples."""
        return self._changed(self.examples.without_class(label))

    def rename(self, label: str, new: str) -> "FewShotClassifier":
        """Give a class another name; nothing is computed anew."""
        return self._with(examples=self.examples.renamed(label, new))

    def refit(self) -> "FewShotClassifier":
        """Choose head, sharpness and what is typical anew, for the examples as they are now."""
        return self.fitted(
            self.space,
            self.examples,
            head=self.settings.asked,
            strength=self.settings.asked_strength,
            origin=self.origin,
            data=self.data,
        )

    def with_encoder(self, encoder: FrozenEncoder) -> "FewShotClassifier":
        """Return the model with its user's encoder, which is not saved along."""
        return self._with(space=self.space.with_encoder(encoder))

    def _changed(self, examples: KnownExamples) -> "FewShotClassifier":
        """Fit the head to other examples: the classes that are not shared with these, or all of them."""
        if len(examples.classes) < 2:
            raise DataError("One class would be left; at least 2 are needed to tell apart.")
        return self._with(examples=examples, head=self.head.changed(self.examples, examples))

    def _with(self, **changed: Any) -> "FewShotClassifier":
        parts: dict[str, Any] = {
            "space": self.space, "examples": self.examples, "head": self.head, "origin": self.origin,
            "data": self.data,
        }  # fmt: skip
        return type(self)(**(parts | changed))

    def _contents(self) -> Contents:
        return Contents(
            config={
                "space": self.space.to_json(),
                "head": asdict(self.settings),
                **examples_to_json(self.examples),
                "origin": self.origin,
            },
            tensors={
                **named_part(_SPACE, self.space.tensors()),
                **named_part(_EXAMPLES, examples_tensors(self.examples)),
                **head_tensors(self.head),
            },
            data=self.data,
            details=self.details,
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        tensors = {name: tensor.clone() for name, tensor in bundle.tensors.items()}  # the file stays free
        space = FeatureSpace.from_json(part(bundle, "space"), taken_part(_SPACE, tensors))
        examples = stored_examples(
            part(bundle, "classes"),
            part(bundle, "examples"),
            **taken_part(_EXAMPLES, tensors),
            width=space.width,
            texts=bundle.config.get("texts", {}),  # of earlier versions there are none
        )
        return cls(
            space,
            examples,
            head=read_head(part(bundle, "head"), tensors, len(examples.classes), space.width),
            origin=part(bundle, "origin"),
            data=bundle.data,
        )

    def _tried(self) -> tuple[Sequence[Task], Mapping[str, Tensor]]:
        """Score a known example; no encoder is needed."""
        task = Task(name="class", kind="multiclass", n_outputs=len(self.classes))
        first = next(iter(self.examples.features.values()))[:1]
        return [task], {"class": torch.from_numpy(self.scores(first))}
