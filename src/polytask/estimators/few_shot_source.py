"""Where a few-shot learner finds its known and its unseen classes."""

from dataclasses import dataclass
from pathlib import Path

from polytask.core import DataError, numpy_generator
from polytask.data import LabelledExamples, glyphs, image_folder, omniglot

__all__ = ["ClassSplit", "class_split"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSplit:
    """Classes to train on, to validate with, and never seen.

    Args:
        name: Where they come from, for people.
        train: Known classes.
        validation: For early stopping.
        test: Unseen classes.
    """

    name: str
    train: LabelledExamples
    validation: LabelledExamples
    test: LabelledExamples


def class_split(source: str | Path | LabelledExamples, *, size: int, seed: int) -> ClassSplit:
    """Load a source and split its classes.

    Args:
        source: ``"glyphs"`` (built in, split by script), ``"omniglot"`` (Vinyals split, rotations as
            classes), an image folder, or examples; the latter two are split 60/20/20 by group where there
            are at least five groups, else by class.
        size: Height and width of the images.
        seed: Governs the split of a folder.

    Raises:
        DataError: The source is unknown, or has too few classes.
    """
    if isinstance(source, LabelledExamples):
        return _split("examples", source, seed=seed)
    if source == "glyphs":
        parts = [glyphs(part, size=size) for part in ("train", "validation", "test")]
        return ClassSplit(name="glyphs", train=parts[0], validation=parts[1], test=parts[2])
    if source == "omniglot":
        parts = [omniglot(part, size=size) for part in ("train", "validation", "test")]
        return ClassSplit(name="omniglot, Vinyals split", train=parts[0], validation=parts[1], test=parts[2])
    if not Path(source).is_dir():
        raise DataError(f"There is no source {source}: give glyphs, omniglot, or a folder of class folders.")
    return _split(str(source), image_folder(source, size=size), seed=seed)


def _split(name: str, examples: LabelledExamples, *, seed: int) -> ClassSplit:
    """Split by group if there are enough groups, else by class."""
    groups = sorted(set(examples.class_groups))
    by_group = 5 <= len(groups) < examples.n_classes
    units = groups if by_group else [str(index) for index in range(examples.n_classes)]
    if len(units) < 5:
        raise DataError(
            f"{name} has {len(units)} classes; at least 5 are needed to train on some and test on others."
        )
    order = [units[index] for index in numpy_generator(seed, "classes").permutation(len(units))]
    n_held_out = max(1, len(order) // 5)
    held_out = [order[:n_held_out], order[n_held_out : 2 * n_held_out], order[2 * n_held_out :]]

    def pick(chosen: list[str]) -> LabelledExamples:
        return examples.of_groups(chosen) if by_group else examples.of_classes(sorted(map(int, chosen)))

    test, validation, train = (pick(chosen) for chosen in held_out)
    return ClassSplit(name=name, train=train, validation=validation, test=test)
