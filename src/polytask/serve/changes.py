"""Changes of models that a client asks for: new ones from examples, more examples, other names, and back."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from polytask.core.names import counted
from polytask.data import LabelledExamples
from polytask.estimators.adapt_examples import adapt as adapt_examples
from polytask.models.few_shot_classifier import FewShotClassifier
from polytask.models.few_shot_model import AdaptedModel, FewShotModel
from polytask.models.in_context_model import InContextModel
from polytask.models.learned_features import LearnedFeatures
from polytask.models.task_table_model import TaskTableModel
from polytask.serve.bases import Base
from polytask.serve.bodies import Body
from polytask.serve.failures import Refused
from polytask.serve.forms import Adapt, MoreExamples
from polytask.serve.items import examples_of
from polytask.serve.names import checked_name
from polytask.serve.rows import check_known, frame_of
from polytask.serve.settings import Limits
from polytask.serve.shelf import Served, Shelf
from polytask.serve.store import Store

__all__ = ["Changes"]


class Changes:
    """Makes and changes models of the store.

    Args:
        shelf: Where models are found.
        store: Where they are kept.
        limits: How much a client may send and keep.
        folder: For files that are removed again.
    """

    def __init__(self, shelf: Shelf, store: Store, limits: Limits, folder: Path) -> None:
        self._shelf, self._store, self._limits, self._folder = shelf, store, limits, folder

    def adapt(self, base: str, asked: Adapt, body: Body) -> Served:
        """Make a new model from another one, or from an encoder, and labelled examples.

        Raises:
            Refused: The name is taken, or the request is not for this model.
        """
        served, name = self._shelf.get(base), checked_name(asked.name)
        self._check_free(name)
        model = self._learned(served, asked, body)
        with self._store.changing(name) as before:
            self._check_free(name)
            ledger = self._store.commit(name, before, model.save, change=f"made from {base}")
            return self._shelf.put(name, model, ledger)

    def learn_more(self, name: str, asked: MoreExamples, body: Body) -> Served:
        """Add examples to a model that was made here; labels that are new become classes."""

        def change(served: Served) -> Any:
            return self._learned(served, asked, body)

        n_given = len(asked.examples or asked.rows or ())
        return self._changed(
            name, f"learned {counted(n_given, 'example')}" if n_given else "learned rows", change
        )

    def classify(self, name: str, what: str, words: Sequence[str]) -> Served:
        """Change classes or examples of a classifier.

        Args:
            name: The model.
            what: ``"rename"``, ``"remove"``, ``"correct"`` or ``"remove_example"``.
            words: As the method of this name of `FewShotClassifier` takes them.
        """

        def change(served: Served) -> Any:
            model = served.model
            if not isinstance(model, FewShotClassifier):
                raise _no_living_classes(name)
            changed = getattr(model, what)(*words)
            self._check_size(changed)
            return changed if what == "rename" else changed.refit()

        said = what.replace("_", " ")
        return self._changed(name, f"{said} {' -> '.join(words)}"[:300], change)

    def undo(self, name: str) -> Served:
        """Go back to the state before the last change."""
        self._made_here(name)
        with self._store.changing(name) as before:
            if before is None:
                self._shelf.get(name)  # says that there is none
                raise Refused(404, f"There is no model {name!r}.", where="name")
            self._store.undo(name, before)
            return self._shelf.get(name)

    def delete(self, name: str) -> None:
        """Remove a model that was made here."""
        self._made_here(name)
        with self._store.changing(name):
            self._store.delete(name)
        self._shelf.drop(name)

    def _changed(self, name: str, said: str, change: Callable[[Served], Any]) -> Served:
        self._made_here(name)
        with self._store.changing(name) as before:
            served = self._shelf.get(name)  # as it is now that nobody else changes it
            model = change(served)
            ledger = self._store.commit(name, before, model.save, change=said)
            return self._shelf.put(name, model, ledger)

    def _learned(self, served: Served, asked: MoreExamples, body: Body) -> Any:
        model = served.model
        if isinstance(model, TaskTableModel | InContextModel):
            adapted = model.adapt(frame_of(asked.rows, body, self._limits, self._folder))
            check_known(model, adapted, self._limits, where="rows")
            return adapted
        if not isinstance(model, Base | LearnedFeatures | FewShotClassifier | FewShotModel):
            what = "keeps no examples" if isinstance(model, AdaptedModel) else "has no tasks to be learned"
            raise Refused(
                409,
                f"The model {served.name!r} {what}.",
                where="name",
                remedy="Adapt an encoder, a classifier of examples, or a model that has tasks.",
            )
        if asked.examples is None or asked.rows is not None:
            raise Refused(
                422, "The model learns from labelled examples.", where="examples",
                remedy='Send {"examples": [{..., "class": ...}]}.',
            )  # fmt: skip
        if isinstance(model, FewShotModel):
            return model.adapt(_support(model, *examples_of("image", asked.examples, self._limits)))
        kind = model.kind if isinstance(model, Base) else model.space.kind
        items, labels = examples_of(kind, asked.examples, self._limits)
        if isinstance(model, FewShotClassifier):
            learned = model.add(items, labels=labels)
            self._check_size(learned)
            return learned.refit()
        if isinstance(model, LearnedFeatures):
            return model.adapt(items, labels)
        if len(set(labels)) < 2:
            raise Refused(
                422, "There is one class; at least 2 are needed to tell apart.", where="examples",
                remedy="Send examples of another one.",
            )  # fmt: skip
        return adapt_examples(items, labels, kind=kind, encoder=model.encoder)

    def _check_size(self, model: FewShotClassifier) -> None:
        for count, most, what in (
            (len(model.examples), self._limits.examples, "examples"),
            (len(model.classes), self._limits.classes, "classes"),
        ):
            if count > most:
                raise Refused(
                    413,
                    f"The model would have {count:,} {what}; at most {most:,} are taken.",
                    where="examples",
                    remedy="Remove some first.",
                )

    def _check_free(self, name: str) -> None:
        if self._shelf.taken(name):
            raise Refused(
                409, f"There is a model {name!r} already.", where="name",
                remedy="Choose another name, or add examples to it.",
            )  # fmt: skip

    def _made_here(self, name: str) -> None:
        if self._shelf.get(name).origin != "made":
            raise Refused(
                409,
                f"The model {name!r} was there when the service was started, and stays as it is.",
                where="name",
                remedy=f"Adapt it under a new name, and change that one: POST /models/{name}/adapt.",
            )


def _support(model: FewShotModel, items: Sequence[bytes], labels: Sequence[str]) -> LabelledExamples:
    names = tuple(sorted(set(labels)))
    inputs, images = model.config.preparation.read(list(items))
    codes = torch.tensor([names.index(label) for label in labels])
    return LabelledExamples(inputs=inputs, labels=codes, class_names=names, class_groups=names, images=images)


def _no_living_classes(name: str) -> Refused:
    return Refused(
        409, f"The classes of {name!r} cannot be changed.", where="name",
        remedy="Only classifiers that were made of labelled examples have classes that can.",
    )  # fmt: skip
