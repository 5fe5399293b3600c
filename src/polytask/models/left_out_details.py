"""What a report of few examples shows: how those that were left out were told, and the worst mistakes."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from polytask.meta.heads import ChosenHead
from polytask.meta.heads.softmax import softmax
from polytask.models.class_counts import counted_classes
from polytask.models.known_examples import KnownExamples
from polytask.models.report_details import Item, ReportDetails

__all__ = ["left_out_details", "with_items"]

_MOST_MISSES = 16


def left_out_details(chosen: ChosenHead, labels: np.ndarray, examples: KnownExamples) -> ReportDetails:
    """Collect how examples were told that were left out in turn.

    Args:
        chosen: The head, with the scores of rows that were left out.
        labels: The class of each row.
        examples: The same rows, class by class.
    """
    rows = np.flatnonzero(chosen.judged)
    if not len(rows):
        return ReportDetails(notes=("Every class has one example: none could be left out.",))
    names = [name for held in examples.names.values() for name in held]
    shares = softmax(chosen.sharpness * chosen.held_out[rows])
    answers = shares.argmax(1)
    wrong = np.flatnonzero(answers != labels[rows])
    worst = wrong[np.argsort(-shares[wrong].max(1, initial=0.0), kind="stable")][:_MOST_MISSES]
    classes, confusion = counted_classes(examples.classes, labels[rows], answers)
    return ReportDetails(
        misses=tuple(
            Item(
                truth=examples.classes[labels[rows[index]]],
                predicted=examples.classes[answers[index]],
                probability=round(float(shares[index].max()), 3),
                name=names[rows[index]],
            )
            for index in worst
        ),
        classes=classes,
        confusion=confusion,
        notes=(f"{len(rows)} of {len(labels)} examples were left out in turn, and told by the others.",),
    )


def with_items(
    details: ReportDetails, shown: Mapping[tuple[str, str], object], show: Callable[[object], dict[str, str]]
) -> ReportDetails:
    """Add to the mistakes what the examples are.

    Args:
        details: What `left_out_details` gave.
        shown: The examples by class and name.
        show: Returns ``text`` or ``image`` of an example.
    """
    return replace(
        details,
        misses=tuple(
            replace(item, **show(shown[item.truth, item.name])) if (item.truth, item.name) in shown else item
            for item in details.misses
        ),
    )
