"""What the bundle of a classifier of few examples must hold: checked before anything is computed from it."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from polytask.core import InputError
from polytask.core.records import record_from_json
from polytask.meta.heads import HEADS
from polytask.models.classifier_head import ClassifierHead, HeadSettings
from polytask.models.known_examples import KnownExamples

__all__ = [
    "check_head",
    "check_tensors",
    "examples_tensors",
    "examples_to_json",
    "head_tensors",
    "read_head",
    "stored_examples",
]


def head_tensors(head: ClassifierHead) -> dict[str, Tensor]:
    """Return the tensors of a head by name; its settings are kept apart."""
    return {"weight": head.weight, "bias": head.bias, "references": head.references, "losses": head.losses}


def read_head(described: Any, tensors: Mapping[str, Tensor], n_classes: int, width: int) -> ClassifierHead:
    """Read a head.

    Args:
        described: Its settings, as they were read.
        tensors: Those of the bundle.
        n_classes: Classes.
        width: Features.

    Raises:
        InputError: There is no such head.
    """
    settings = record_from_json(HeadSettings, described, name="the head")
    check_head(
        asked=settings.asked,
        name=settings.name,
        strength=settings.strength,
        sharpness=settings.sharpness,
    )
    check_tensors(tensors, n_classes, width)
    return ClassifierHead(
        settings=settings,
        weight=tensors["weight"],
        bias=tensors["bias"],
        references=tensors["references"],
        losses=tensors["losses"],
    )


def check_head(*, asked: str, name: str, strength: float, sharpness: float) -> None:
    """Refuse a head that does not exist, or numbers that no head has.

    Raises:
        InputError: One of them is wrong.
    """
    if name not in HEADS or asked not in ("auto", *HEADS):
        raise InputError(f"there is no head {name if name not in HEADS else asked!r}")
    for what, number in (("strength", strength), ("sharpness", sharpness)):
        if not (math.isfinite(number) and number > 0):
            raise InputError(f"the {what} of the head is {number!r}")


def check_tensors(tensors: Mapping[str, Tensor], n_classes: int, width: int) -> None:
    """Refuse tensors of other types and shapes than the head and what was left out have.

    Args:
        tensors: Those of the bundle.
        n_classes: Classes.
        width: Features.

    Raises:
        InputError: A tensor is missing or wrong.
    """
    wanted = {
        "weight": (torch.float32, (n_classes, width)),
        "bias": (torch.float32, (n_classes,)),
        "references": (torch.float64, (None,)),
        "losses": (torch.float64, (None,)),
    }
    for name, (dtype, shape) in wanted.items():
        tensor = tensors.get(name)
        if tensor is None:
            raise InputError(f"the tensor {name!r} is missing")
        same = tensor.ndim == len(shape) and all(
            size in (None, given) for size, given in zip(shape, tensor.shape, strict=True)
        )
        if tensor.dtype != dtype or not same:
            raise InputError(f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)}")
        if not tensor.isfinite().all():
            raise InputError(f"{name} holds numbers that are not finite")


def examples_to_json(examples: KnownExamples) -> dict[str, Any]:
    """Return as plain JSON what the examples are called, class by class, and how texts begin."""
    return {
        "classes": list(examples.classes),
        "examples": [list(names) for names in examples.names.values()],
        "texts": dict(examples.texts),
    }


def examples_tensors(examples: KnownExamples) -> dict[str, Tensor]:
    """Return the features of the examples, and the index of each one's class."""
    features, labels = examples.rows()
    return {"features": torch.from_numpy(features).float(), "labels": torch.from_numpy(labels)}


def stored_examples(
    classes: Any,
    names: Any,
    features: Tensor,
    labels: Tensor,
    width: int,
    *,
    texts: Any = MappingProxyType({}),
) -> KnownExamples:
    """Put the examples of a bundle together.

    Args:
        classes: Their names, as they were read.
        names: What the examples of each class are called, as it was read.
        features: float32 ``[example, feature]``.
        labels: The index of each one's class, int64 ``[example]``.
        width: Features.
        texts: How texts begin, by the name of the example, as it was read.

    Raises:
        InputError: They do not fit together.
    """
    if not isinstance(texts, Mapping) or not all(isinstance(text, str) for text in texts.values()):
        raise InputError("the beginnings of texts must be texts by name")
    if (
        not isinstance(classes, list)
        or not isinstance(names, list)
        or not all(isinstance(name, str) for name in classes)
        or not 2 <= len(classes) == len(set(classes)) == len(names)
        or not all(isinstance(held, list) and held for held in names)
        or not all(isinstance(name, str) for held in names for name in held)
    ):
        raise InputError("the description must name two classes or more, and the examples of each")
    counts = [len(held) for held in names]
    wanted = torch.arange(len(classes)).repeat_interleave(torch.tensor(counts))
    if labels.dtype != torch.int64 or not torch.equal(labels.sort().values, wanted):
        raise InputError("the examples and their names differ in number")
    if features.dtype != torch.float32 or features.shape != (len(labels), width):
        raise InputError(f"the features are {features.dtype} of shape {tuple(features.shape)}")
    return KnownExamples(
        dict(zip(classes, features[labels.argsort(stable=True)].split(counts), strict=True)),
        {name: tuple(held) for name, held in zip(classes, names, strict=True)},
        texts,
    )
