"""Examples of many classes, the raw material of few-shot episodes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from polytask.core import DataError
from polytask.data.images.image_preparation import ImagePreparation

__all__ = ["LabelledExamples"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledExamples:
    """Examples with one class each.

    Args:
        inputs: ``[example, ...]``; images are uint8 or float ``[example, channel, height, width]``.
        labels: Class index of each example, long ``[example]``.
        class_names: A name for every class.
        class_groups: The group of every class, e.g. its alphabet; splits by group never cut one.
        images: How image files became these inputs; None where they were none.

    Raises:
        DataError: Inputs or labels are no tensors, names are no texts, the lengths do not fit, or a label is
            out of range.
    """

    inputs: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    class_groups: tuple[str, ...]
    images: ImagePreparation | None = None

    def __post_init__(self) -> None:
        n_classes = len(self.class_names)
        for name, value in (("inputs", self.inputs), ("labels", self.labels)):
            if not isinstance(value, Tensor):
                raise DataError(
                    f"`{name}` must be a tensor, got {type(value).__name__}; use `torch.as_tensor`."
                )
        if self.labels.ndim != 1 or self.labels.dtype != torch.long or self.inputs.ndim == 0:
            raise DataError(
                "`labels` must be whole numbers, torch.long [example], beside inputs [example, ...]; got "
                f"{self.labels.dtype} {list(self.labels.shape)}, inputs {list(self.inputs.shape)}."
            )
        if self.inputs.shape[0] != self.labels.shape[0]:
            raise DataError(
                f"Inputs and labels differ in number: {self.inputs.shape[0]} and {self.labels.shape[0]}."
            )
        odd = [name for name in (*self.class_names, *self.class_groups) if not isinstance(name, str)]
        if odd:
            raise DataError(
                f"`class_names` and `class_groups` must be texts, got {odd[0]!r}; use "
                "`tuple(map(str, names))`."
            )
        if len(self.class_groups) != n_classes:
            raise DataError(
                f"Class names and groups differ in number: {n_classes} and {len(self.class_groups)}."
            )
        if self.labels.numel() and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < n_classes:
            raise DataError(f"Labels must lie in [0, {n_classes}), as there are {n_classes} class names.")

    def __len__(self) -> int:
        return self.labels.shape[0]

    def fingerprint(self) -> str:
        """Hash inputs, labels and class names: the same examples give the same text in every process."""
        digest = hashlib.sha256(
            repr((self.class_names, tuple(self.inputs.shape), self.inputs.dtype)).encode()
        )
        for tensor in (self.inputs, self.labels):
            digest.update(tensor.numpy(force=True).tobytes())
        return digest.hexdigest()

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names)

    def of_classes(self, classes: Iterable[int]) -> "LabelledExamples":
        """Keep the examples of these classes, renumbered from 0 in the order given."""
        kept = list(classes)
        renumber = torch.full((self.n_classes,), -1, dtype=torch.long)
        renumber[kept] = torch.arange(len(kept))
        labels = renumber[self.labels]
        return LabelledExamples(
            inputs=self.inputs[labels >= 0],
            labels=labels[labels >= 0],
            class_names=tuple(self.class_names[index] for index in kept),
            class_groups=tuple(self.class_groups[index] for index in kept),
            images=self.images,
        )

    def of_groups(self, groups: Iterable[str]) -> "LabelledExamples":
        """Keep the classes of these groups.

        Raises:
            DataError: A group is unknown.
        """
        wanted = set(groups)
        unknown = sorted(wanted - set(self.class_groups))
        if unknown:
            raise DataError(
                f"No class is in group {', '.join(unknown)}; there are {sorted(set(self.class_groups))}."
            )
        return self.of_classes(i for i, group in enumerate(self.class_groups) if group in wanted)
