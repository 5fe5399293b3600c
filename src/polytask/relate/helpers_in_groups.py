"""Tasks that help in groups which do not serve them."""

from collections.abc import Iterator, Sequence

from polytask.relate.group_value import Allowance, GroupValue, Part

__all__ = ["parts_with_helpers"]


def parts_with_helpers(
    groups: Sequence[frozenset[int]], value: GroupValue, allowance: Allowance
) -> list[Part]:
    """Start from disjoint groups, and let tasks join others while those served gain from it.

    One task joins or leaves a group at a time, or is served by another group of its own, whichever raises the
    gain most within the budget. The result is never worse than the groups given.
    """
    parts = [Part(group, group) for group in groups]
    least = 1e-9 * max(1e-300, float(abs(value.gains).max()))
    while True:
        total, best, found = _total(parts, value), least, None
        for change in _changes(parts, value.n_tasks):
            raised = _total(change, value) - total
            if raised > best and allowance.covers_all([part.group for part in change], value):
                best, found = raised, change
        if found is None:
            return parts
        parts = found


def _total(parts: Sequence[Part], value: GroupValue) -> float:
    return sum(value.of(part.serves, part.group) for part in parts)


def _changes(parts: list[Part], n_tasks: int) -> Iterator[list[Part]]:
    for position, part in enumerate(parts):
        others = [*parts[:position], *parts[position + 1 :]]
        for task in range(n_tasks):
            if task not in part.group:
                yield [*others, Part(part.group | {task}, part.serves)]
            elif task not in part.serves:
                yield [*others, Part(part.group - {task}, part.serves)]
                yield _served_here(parts, position, task)


def _served_here(parts: list[Part], position: int, task: int) -> list[Part]:
    """Serve a task where it only helped; a group that then serves nobody is dropped."""
    changed = []
    for other, part in enumerate(parts):
        serves = part.serves | {task} if other == position else part.serves - {task}
        if serves:
            changed.append(Part(part.group, serves))
    return changed
