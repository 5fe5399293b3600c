"""Make a classifier from a few labelled examples of any kind: `polytask.adapt`."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from polytask.core import DataWarning, InputError, MissingPackageError
from polytask.core.png import png_address, shrunk
from polytask.core.warned import warn_all
from polytask.data.examples.examples import Examples, check_two_classes
from polytask.data.examples.labelled_twice import labelled_twice
from polytask.data.examples.reading import read_examples
from polytask.encoders.frozen import FrozenEncoder
from polytask.encoders.frozen_choice import FROZEN_ENCODERS, best_encoder, frozen_encoder
from polytask.encoders.frozen_features import frozen_features
from polytask.encoders.frozen_functions import encoder_of
from polytask.encoders.hashed_text import HashedText
from polytask.estimators.adapt_images import image_encoders, image_space
from polytask.estimators.left_out import can_leave_out, left_out_loss
from polytask.meta.heads.head_choice import check_head
from polytask.models.feature_space import FeatureSpace
from polytask.models.few_shot_classifier import FewShotClassifier
from polytask.models.known_examples import KnownExamples, beginnings
from polytask.models.known_tasks import known_tasks
from polytask.models.left_out_details import with_items

__all__ = ["adapt", "encoded_space", "encoders_to_try"]

_DEEP = "minilm-3-layers"
_SHARES = (0.5, 1.0, 2.0)  # of the words themselves, beside what they mean
_WORDS = 2048  # numbers of a text for its words: with fewer, pieces of words in other languages run together
_LONGEST = 300  # letters of a text that a report shows
_MIDDLE = 0.7  # where no example can be left out


def adapt(
    support: Any,
    labels: Sequence[Any] | None = None,
    *,
    kind: str | None = None,
    item_column: str | None = None,
    label_column: str | None = None,
    encoder: Any = None,
    head: str = "auto",
    strength: float | None = None,
) -> FewShotClassifier:
    """Learn classes from a few labelled texts, images, sounds or vectors; nothing has to be learned before.

    A frozen encoder turns examples into features, and a linear head tells the classes apart. Head and
    strength are chosen by leaving out one example of every class in turn, and so is how sure probabilities
    are, and from where on an example is none of these. The model's `messages` tell what was found in the
    support; what was left out of it, and a simple encoder in place of a good one, are a `DataWarning` each.

    Args:
        support: Labelled examples in any form that `polytask.data.read_examples` takes: a folder with a
            folder for each class, a table of texts, paths or numbers, a dictionary from class to
            examples, arrays.
        labels: One for each example, where they are not in the support.
        kind: ``"text"``, ``"image"``, ``"sound"`` or ``"vector"``; None: what is found.
        item_column: The column of the examples in a table; None: what is found.
        label_column: The column of the labels in a table; None: what is found.
        encoder: A name of `polytask.encoders.FROZEN_ENCODERS`; an encoder of your own, such as a module of
            timm or of sentence-transformers, see `polytask.encoders.encoder_of`; None for the best here.
            Texts are encoded by what they mean and by their words; images as photos or as drawings, or as
            both, as left-out examples say, or else the look of the images.
        head: ``"auto"``, or one of `polytask.meta.heads.HEADS`: ``"logistic"``, ``"class-means"``,
            ``"ridge"``, ``"svm"``.
        strength: Of a head that is named; None for what left-out examples choose.

    Returns:
        The classifier. It keeps features of all examples, so that classes can be added and removed.

    Raises:
        InputError: An argument is wrong, or the encoder is not at hand.
        DataError: The support cannot be read, or has one class only.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(action="ignore"):
        ...     model = adapt(
        ...         {"money": ["pay my bill", "what do I owe"], "weather": ["is it cold", "will it rain"]},
        ...         encoder="hashed-text",
        ...     )
        >>> list(model.predict(["when must I pay the bill"])["class"])
        ['money']
    """
    check_head(head, strength)
    examples = read_examples(
        support,
        labelled=True,
        kind=kind,
        item_column=item_column,
        label_column=label_column,
        labels=labels,
    )
    warn_all(examples.messages[1:], stacklevel=2)  # the first says what was found; the model tells it, too
    given = examples.labels or ()
    check_two_classes(examples)
    messages = list(examples.messages)
    if unsure := labelled_twice(examples):
        warnings.warn(unsure, DataWarning, stacklevel=2)
        messages.append(unsure)
    space, vectors, reasons = encoded_space(examples, encoder, words=_WORDS)
    messages += reasons
    names = _names(examples)
    known = KnownExamples.of(space.joined(vectors), given, names, beginnings(examples, names))
    model = FewShotClassifier.fitted(
        space,
        known,
        head=head,
        strength=strength,
        origin=examples.origin,
        data={"examples": len(examples), "classes": len(known.classes), "messages": messages},
    )
    if model.details is not None:
        named = dict(zip(zip(given, names, strict=True), examples.items, strict=True))
        model.details = with_items(model.details, named, _shown)
    if model.left_out_accuracy is None and len(model.references):
        known_from = known_tasks(tuple(view.name for view in space.views))
        about = known_from.about if known_from else "other data"
        warnings.warn(
            "Every class has one example, so none could be left out: how sure probabilities are, and what is "
            f"none of the classes, is as it was for tasks of {about}."
            + ("" if model.refuses else f" No {space.kind} is called none unless `refuse` asks for it.")
            + " Give two or more of a class.",
            DataWarning,
            stacklevel=2,
        )
    elif not len(model.references):
        warnings.warn(
            "Every class has one example, so nothing says how unlike it another one may be: no example is "
            "called none of these, and how sure probabilities are is a guess. Give two or more of a class.",
            DataWarning,
            stacklevel=2,
        )
    return model


def encoded_space(
    examples: Examples, encoder: Any, *, words: int = 1024, stacklevel: int = 2
) -> tuple[FeatureSpace, list[Tensor], list[str]]:
    """Choose encoders for labelled examples, and encode them.

    Args:
        examples: Labelled ones.
        encoder: As for `adapt`.
        words: Numbers for the words of a text, where the encoder is chosen here.
        stacklevel: Whose line warnings point at; 2 for the line of the caller's caller.

    Returns:
        The space; the vectors of the examples, one tensor for each of its encoders; and what there is to say
        of the choice.

    Raises:
        InputError: The encoder is not at hand, or is for other examples.
    """
    if encoder is None and examples.kind == "image":
        space, vectors, reason = image_space(examples)
        return space, vectors, [reason]
    encoders = _encoders(examples, encoder, words, stacklevel=stacklevel + 2)
    vectors = [frozen_features(one, examples.items) for one in encoders]
    return _space(examples, encoders, vectors), vectors, []


def encoders_to_try(examples: Examples, encoder: Any) -> list[FrozenEncoder]:
    """Return the encoders of which `encoded_space` takes one or several, without encoding anything.

    Raises:
        InputError: The encoder is not at hand, or is for other examples.
    """
    if encoder is None and examples.kind == "image":
        return image_encoders(examples)
    return _encoders(examples, encoder, _WORDS, stacklevel=4)


def _shown(item: object) -> dict[str, str]:
    """Return what a report shows of an example; nothing of sounds and vectors."""
    if isinstance(item, str):
        return {"text": item if len(item) <= _LONGEST else f"{item[: _LONGEST - 1]}…"}
    if isinstance(item, np.ndarray) and item.dtype == np.uint8 and item.ndim == 3:
        return {"image": png_address(shrunk(item))}
    return {}


def _names(examples: Examples) -> list[str]:
    """Name examples by their files, or by their number."""
    if examples.index.name == "file":
        return [str(name) for name in examples.index]
    return [str(number) for number in range(len(examples))]


def _encoders(examples: Examples, encoder: Any, width: int, *, stacklevel: int) -> list[FrozenEncoder]:
    """Return what encodes the examples."""
    chosen: list[FrozenEncoder]
    if isinstance(encoder, str):
        if encoder in FROZEN_ENCODERS:
            _check_kind(examples, encoder, FROZEN_ENCODERS[encoder].kind)
        chosen = [frozen_encoder(encoder, corpus=examples.items)]
    elif encoder is not None:
        encoder = _own_encoder(encoder, examples)
        _check_kind(examples, encoder.name, encoder.kind)
        chosen = [encoder]
    elif examples.kind != "text":
        chosen = [best_encoder(examples.kind, corpus=examples.items)]
    else:
        words = HashedText(examples.items, width=width)
        try:
            chosen = [frozen_encoder(_DEEP), words]
        except (InputError, MissingPackageError) as error:
            warnings.warn(
                f"Texts are told apart by their words alone, not by what they mean. {error}",
                DataWarning,
                stacklevel=stacklevel,
            )
            chosen = [words]
    return chosen


def _own_encoder(encoder: Any, examples: Examples) -> FrozenEncoder:
    if examples.kind == "vector" and not hasattr(encoder, "encode"):
        raise InputError("Vectors are used as they are. Leave `encoder` out.")
    return encoder_of(encoder, kind=examples.kind)


def _check_kind(examples: Examples, name: str, kind: str) -> None:
    if kind != examples.kind:
        raise InputError(
            f"The examples are {examples.kind}s, but the encoder {name!r} takes {kind}s. Choose another "
            "`encoder`, or say what they are by `kind`."
        )


def _space(examples: Examples, encoders: Sequence[FrozenEncoder], vectors: Sequence[Tensor]) -> FeatureSpace:
    """Weigh encoders by what left-out examples say; the first has weight 1."""
    if len(encoders) == 1:
        return FeatureSpace.of(examples.kind, encoders, vectors, [1.0])
    spaces = [FeatureSpace.of(examples.kind, encoders, vectors, [1.0, share]) for share in _SHARES]
    given = examples.labels or ()
    if can_leave_out(given):
        losses = [left_out_loss(space.joined(vectors), given) for space in spaces]
        return spaces[losses.index(min(losses))]
    return FeatureSpace.of(examples.kind, encoders, vectors, [1.0, _MIDDLE])
