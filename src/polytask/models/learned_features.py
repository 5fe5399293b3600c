"""Features that were learned from many known classes: what makes classifiers of few examples of new ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd
import torch
from torch import Tensor

import polytask  # its rooms are looked up when they are asked for: what measures is no part of a model
from polytask.core import Interval, Task
from polytask.core.names import counted
from polytask.core.warned import warn_all
from polytask.data.examples.examples import Examples, check_two_classes
from polytask.data.examples.labelled_twice import labelled_twice
from polytask.data.examples.reading import read_examples
from polytask.meta.heads.head_choice import check_head
from polytask.models.bundle import Bundle
from polytask.models.feature_space import FeatureSpace
from polytask.models.few_shot_classifier import FewShotClassifier
from polytask.models.known_examples import KnownExamples, beginnings
from polytask.models.known_tasks import stored_known_tasks
from polytask.models.saved_model import Contents, SavedModel, part
from polytask.models.tensor_parts import named_part, taken_part

__all__ = ["LearnedFeatures", "LearnedFeaturesResults"]

_SPACE = "space/"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedFeaturesResults:
    """What held-out known classes say of features.

    Args:
        kind: What the examples are.
        n_classes: Known classes.
        n_examples: Their examples.
        encoders: By which they are encoded.
        trials: By map (``"none"``, or its strength) and number of examples a class: the accuracy of class
            means on known classes that the map was not made of.
        gain: How much more accurate the best map is than none, in episodes of these classes.
        chosen: The map that is taken.
        seconds: Wall time.
        messages: What was noteworthy.
    """

    kind: str
    n_classes: int
    n_examples: int
    encoders: tuple[str, ...]
    trials: Mapping[str, Mapping[int, Interval]]
    gain: Interval
    chosen: str
    seconds: float
    messages: tuple[str, ...]

    @property
    def learned(self) -> bool:
        """Whether a map is clearly better than the features as they are."""
        return self.chosen != "none"

    @property
    def words(self) -> str:
        """Say what was found."""
        gain = self.gain.format(1, scale=100)
        if self.learned:
            return f"A learned map is {gain} points more accurate on held-out known classes than none."
        return (
            f"No learned map is clearly better than the frozen features on held-out known classes ({gain} "
            "points for the best), so these are kept as they are."
        )

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "kind": self.kind,
            "n_classes": self.n_classes,
            "n_examples": self.n_examples,
            "encoders": list(self.encoders),
            "trials": [
                {"map": name, "shots": {str(shot): found.to_json() for shot, found in by_shot.items()}}
                for name, by_shot in self.trials.items()
            ],
            "gain": self.gain.to_json(),
            "chosen": self.chosen,
            "seconds": self.seconds,
            "messages": list(self.messages),
        }


class LearnedFeatures(SavedModel):
    """Makes classifiers of few examples of new classes; made by `polytask.learn` or `polytask.load`.

    Args:
        space: How items become features, with what was learned.
        origin: How the known examples were read.
        data: Where they came from, and how sure class means are on known classes.
        results: The figures; None for a loaded model.
    """

    kind = "learned-features"

    def __init__(
        self,
        space: FeatureSpace,
        *,
        origin: Mapping[str, Any],
        data: Mapping[str, Any],
        results: LearnedFeaturesResults | None = None,
    ) -> None:
        self.space = space
        self.origin, self.data = dict(origin), dict(data)
        self.results = results
        stored_known_tasks(self.data)  # refused here, and not at the first task

    def __repr__(self) -> str:
        """Say what it is for, and of how many classes it was made."""
        classes = counted(int(self.data.get("classes", 0)), "known class", "known classes")
        return f"<LearnedFeatures of {self.space.kind}s: {classes}>"

    def adapt(
        self, support: Any, labels: Any = None, *, head: str = "auto", strength: float | None = None
    ) -> FewShotClassifier:
        """Learn new classes from a few labelled examples; the model itself does not change.

        Args:
            support: As for `polytask.adapt`; read as the known examples were.
            labels: One for each example, where they are not in the support.
            head: As for `polytask.adapt`.
            strength: As for `polytask.adapt`.

        Raises:
            DataError: The support cannot be read, or has one class only.

        Warns:
            DataWarning: Something of the support is left out, or a text has two labels.
        """
        check_head(head, strength)
        examples = self.read_labelled(support, labels)
        unsure = labelled_twice(examples)
        messages = [*examples.messages, *([unsure] if unsure else [])]
        warn_all(messages[1:], stacklevel=2)
        given = examples.labels or ()
        files = examples.index.name == "file"
        names = [str(name) for name in examples.index] if files else list(map(str, range(len(examples))))
        features = self.space.features(examples.items)
        known = KnownExamples.of(features, given, names, beginnings(examples, names))
        return FewShotClassifier.fitted(
            self.space,
            known,
            head=head,
            strength=strength,
            origin=examples.origin,
            data={
                "examples": len(examples),
                "messages": messages,
                "known_tasks": self.data["known_tasks"],
                "classes": len(known.classes),
            },
        )

    def evaluate(self, source: Any, labels: Any = None, *, seed: int = 0) -> pd.DataFrame:
        """Measure how new classes are told apart; see `polytask.estimators.evaluate_new_classes`."""
        return polytask.estimators.evaluate_new_classes(self, source, labels, seed=seed, stacklevel=3)

    def read_labelled(self, support: Any, labels: Any = None) -> Examples:
        """Read examples of new classes, as the known ones were read.

        Raises:
            DataError: They cannot be read, or are of one class only.
        """
        examples = read_examples(support, labelled=True, labels=labels, origin=self._origin(support))
        check_two_classes(examples)
        return examples

    def _origin(self, support: Any) -> Mapping[str, Any]:
        """Return how the known examples were read, but for their columns where the support has others."""
        columns = set(map(str, getattr(support, "columns", ())))
        named = {str(self.origin[name]) for name in ("item_column", "label_column") if self.origin.get(name)}
        if isinstance(support, Mapping) or (columns and not named <= columns):
            return {"kind": self.space.kind}
        return self.origin

    def _contents(self) -> Contents:
        return Contents(
            config={"space": self.space.to_json(), "origin": self.origin},
            tensors=named_part(_SPACE, self.space.tensors()),
            data=self.data,
            results=self.results,
        )

    @classmethod
    def _built(cls, bundle: Bundle) -> Self:
        tensors = taken_part(_SPACE, bundle.tensors, copied=True)
        space = FeatureSpace.from_json(part(bundle, "space"), tensors)
        return cls(space, origin=part(bundle, "origin"), data=bundle.data)

    def _tried(self) -> tuple[Sequence[Task], Mapping[str, Tensor]]:
        """Map noise; no encoder is needed."""
        draw = torch.Generator().manual_seed(0)
        vectors = [torch.randn(1, len(view.centre), generator=draw) for view in self.space.views]
        features = self.space.joined(vectors)
        task = Task(name="features", kind="regression", n_outputs=self.space.width)
        return [task], {"features": features}
