"""Steps of a few images of each of many known classes, of a few groups."""

import numpy as np
import torch
from torch import Tensor

from polytask.core import Batch, DataError, Episode, Task, derive_seed
from polytask.core.random import numpy_generator
from polytask.data.episodes.class_episodes import unit_interval
from polytask.data.episodes.labelled_examples import LabelledExamples
from polytask.data.images.varied_images import ORIENTATIONS, oriented, varied_images
from polytask.data.source import Source

__all__ = ["ClassBatches"]


class ClassBatches(Source):
    """Draw batches of a few images of each of many classes, to train on all of them against each other.

    Every orientation of a class, turned by quarters and mirrored, is a class of its own. The classes of a
    step are of a few groups, each in one orientation, as classes of one group are the hardest to tell apart.

    Args:
        examples: What to draw from: square images, uint8 or floats, bright on a ground of 0.
        n_classes: Classes of a step.
        n_each: Images of each.
        n_groups: Groups of a step, at least: small ones are filled up by others.
        strength: How far images are varied, see `varied_images`; None leaves them as they are.
        seed: Decides every step.

    Raises:
        DataError: A number is out of range, the images are not square, or a class has too few of them.

    Example:
        >>> examples = LabelledExamples(
        ...     inputs=torch.zeros(40, 1, 16, 16, dtype=torch.uint8), labels=torch.arange(40) % 20,
        ...     class_names=tuple("abcdefghijklmnopqrst"), class_groups=("letter",) * 20)
        >>> (episode,) = ClassBatches(examples, n_classes=8).step(0)
        >>> episode.query.inputs.shape, episode.query.targets["class"][:4]
        (torch.Size([16, 1, 16, 16]), tensor([0, 0, 1, 1]))
    """

    def __init__(
        self,
        examples: LabelledExamples,
        *,
        n_classes: int = 64,
        n_each: int = 2,
        n_groups: int = 4,
        strength: float | None = 1.0,
        seed: int = 0,
    ) -> None:
        labels = examples.labels.numpy(force=True)
        self._rows = [np.flatnonzero(labels == index) for index in range(examples.n_classes)]
        _check(examples, self._rows, n_classes=n_classes, n_each=n_each, n_groups=n_groups)
        self.examples = examples
        self.n_classes, self.n_each, self.n_groups = n_classes, n_each, n_groups
        self.strength, self.seed = strength, seed
        self.tasks = (Task(name="class", kind="multiclass", n_outputs=n_classes),)
        groups = np.array(examples.class_groups)
        self._members = [np.flatnonzero(groups == name) for name in sorted(set(examples.class_groups))]

    def step(self, index: int) -> tuple[Episode, ...]:
        """Return one batch; see `Source.step`."""
        draw = numpy_generator(self.seed, "step", index)
        chosen = self._chosen(draw)
        rows = np.concatenate([draw.choice(self._rows[c], self.n_each, replace=False) for c, _ in chosen])
        orientation = torch.tensor([turn for _, turn in chosen]).repeat_interleave(self.n_each)
        device = self.examples.inputs.device
        images = unit_interval(self.examples.inputs[torch.from_numpy(rows).to(device)])
        images = self._varied(oriented(images, orientation.to(device)), index)
        labels = torch.arange(self.n_classes, device=device).repeat_interleave(self.n_each)
        return (Episode(tasks=self.tasks, query=Batch(inputs=images, targets={"class": labels})),)

    def _chosen(self, draw: np.random.Generator) -> list[tuple[int, int]]:
        """Draw different classes with their orientations, group by group in proportion to their sizes."""
        sizes = np.array([len(group) for group in self._members])
        each = -(-self.n_classes // self.n_groups)
        chosen: dict[tuple[int, int], None] = {}
        while len(chosen) < self.n_classes:
            group = self._members[draw.choice(len(sizes), p=sizes / sizes.sum())]
            turn = int(draw.integers(ORIENTATIONS))
            chosen |= {(int(c), turn): None for c in draw.permutation(group)[:each]}
        return list(chosen)[: self.n_classes]

    def _varied(self, images: Tensor, index: int) -> Tensor:
        if self.strength is None:
            return images
        draw = torch.Generator().manual_seed(derive_seed(self.seed, "variation", index))
        return varied_images(images, draw, strength=self.strength)


def _check(
    examples: LabelledExamples, rows: list[np.ndarray], *, n_classes: int, n_each: int, n_groups: int
) -> None:
    problems = []
    if examples.inputs.ndim != 4 or examples.inputs.shape[2] != examples.inputs.shape[3]:
        problems.append(f"the images must be square, but the inputs are {list(examples.inputs.shape)}")
    most = ORIENTATIONS * examples.n_classes
    for name, value, high in (("n_classes", n_classes, most), ("n_groups", n_groups, n_classes)):
        least = 2 if name == "n_classes" else 1
        if not least <= value <= high:
            problems.append(f"`{name}` must be from {least} to {high}, got {value}")
    if n_each < 2:
        problems.append(f"`n_each` must be at least 2, got {n_each}")
    few = [name for name, own in zip(examples.class_names, rows, strict=True) if len(own) < n_each]
    if few:
        problems.append(f"`n_each` is {n_each}, but {few[0]!r} has fewer images")
    if problems:
        raise DataError("ClassBatches: " + "; ".join(problems) + ".")
