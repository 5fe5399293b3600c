"""A check that new classes are new."""

import hashlib

from polytask.core import DataError
from polytask.data.episodes.labelled_examples import LabelledExamples

__all__ = ["check_new_classes"]


def check_new_classes(known: LabelledExamples, new: LabelledExamples, *, groups: bool = False) -> None:
    """Check that classes for evaluation are not known from training, by name or by example.

    Args:
        known: What a learner is meta-trained on.
        new: What it is judged on.
        groups: Whether the groups of classes must be new as well, e.g. the alphabets.

    Raises:
        DataError: A class, a group where asked, or an example occurs in both; lists all of it.

    Example:
        >>> import torch
        >>> def some(names: str, start: int) -> LabelledExamples:
        ...     return LabelledExamples(inputs=torch.arange(start, start + 4.0), labels=torch.arange(4) % 2,
        ...                             class_names=tuple(names), class_groups=("g",) * 2)
        >>> check_new_classes(some("ab", 0), some("cd", 9))
        >>> check_new_classes(some("ab", 0), some("bc", 9))
        Traceback (most recent call last):
        ...
        polytask.core.errors.DataError: Not new: class 'b' is known from training. Split by class ...
    """
    problems = [f"class {name!r} is known" for name in _shared(known.class_names, new.class_names)]
    if groups:
        problems += [f"group {name!r} is known" for name in _shared(known.class_groups, new.class_groups)]
    same = len(_digests(known) & _digests(new))
    if same:
        problems.append(f"{same} examples are known")
    if problems:
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise DataError(
            f"Not new: {shown} from training. Split by class (and by group where classes of a group are "
            "alike) before drawing episodes."
        )


def _shared(known: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
    return sorted(set(known) & set(new))


def _digests(examples: LabelledExamples) -> set[bytes]:
    rows = examples.inputs.numpy(force=True)
    return {hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in rows}
