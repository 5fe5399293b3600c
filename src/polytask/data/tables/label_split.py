"""Make a split fair to its labels: every target has some in each part, and every class some in training.

A split moves whole units: a row, or all rows of a group. What the labels ask is a list of needs, each a set
of units of which one at least must be in a certain part. A split drawn at random usually meets all of them;
where it does not, single units are moved (`_repair`); where that gets stuck, an integer program finds a split
that meets the needs whenever there is one (`_search`).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Labels", "Need", "needs_of_labels", "parts_that_meet"]

_PARTS = range(3)
_MOST_PATTERNS = 20_000
_MOST_NODES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labels:
    """The labels of one target.

    Args:
        codes: A number for each label, -1 where there is none, int64 ``[row]``.
        all_in_training: Whether training needs every label, as it does of classes.
    """

    codes: np.ndarray
    all_in_training: bool = True


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Need:
    """One of these units must be in this part.

    Args:
        units: int64 ``[unit]``, different ones.
        part: 0 for training, 1 for validation, 2 for test.
    """

    units: np.ndarray
    part: int


def needs_of_labels(labels: Sequence[Labels], unit_of_row: np.ndarray) -> list[Need]:
    """List what the labels ask of a split.

    Args:
        labels: Of each target, for the same rows.
        unit_of_row: int64 ``[row]``.
    """
    needs = [Need(units=np.unique(unit_of_row), part=part) for part in _PARTS]
    for target in labels:
        labelled = np.flatnonzero(target.codes >= 0)
        needs += [Need(units=np.unique(unit_of_row[labelled]), part=part) for part in _PARTS]
        if target.all_in_training:
            order = labelled[np.argsort(target.codes[labelled], kind="stable")]
            ends = np.flatnonzero(np.diff(target.codes[order])) + 1
            needs += [Need(units=np.unique(unit_of_row[rows]), part=0) for rows in np.split(order, ends)]
    return [need for need in needs if len(need.units)]


def parts_that_meet(
    needs: Sequence[Need], parts: np.ndarray, sizes: np.ndarray, draw: np.random.Generator
) -> np.ndarray | None:
    """Change a split as little as it takes to meet all needs.

    Args:
        needs: What must hold.
        parts: The part of each unit, int64 ``[unit]``.
        sizes: Rows of each unit ``[unit]``.
        draw: Decides which of several units moves.

    Returns:
        The part of each unit; None if no split meets the needs.
    """
    repaired = _repair(needs, parts.copy(), sizes, draw)
    return repaired if repaired is not None else _search(needs, parts, sizes, draw)


def _repair(
    needs: Sequence[Need], parts: np.ndarray, sizes: np.ndarray, draw: np.random.Generator
) -> np.ndarray | None:
    """Move single units to where they are needed, and others of the same size back."""
    counts = np.array([np.count_nonzero(parts[need.units] == need.part) for need in needs])
    unmet = np.flatnonzero(counts == 0)
    if not len(unmet):
        return parts
    asked_of: defaultdict[int, list[int]] = defaultdict(list)
    for index in np.flatnonzero(counts <= 2 * len(unmet)).tolist():  # so few moves leave the others met
        for unit in needs[index].units.tolist():
            asked_of[unit].append(index)

    def may_leave(unit: int) -> bool:
        return all(counts[index] > 1 for index in asked_of[unit] if needs[index].part == parts[unit])

    def move(unit: int, part: int) -> None:
        for index in asked_of[unit]:
            counts[index] += (needs[index].part == part) - int(needs[index].part == parts[unit])
        parts[unit] = part

    for index in sorted(unmet.tolist(), key=lambda index: len(needs[index].units)):
        if counts[index]:
            continue
        part = needs[index].part
        unit = next((u for u in draw.permutation(needs[index].units).tolist() if may_leave(u)), None)
        if unit is None:
            return None
        left = int(parts[unit])
        move(unit, part)
        others = draw.permutation(np.flatnonzero((parts == part) & (sizes == sizes[unit])))[:50].tolist()
        back = next((u for u in others if u != unit and may_leave(u)), None)
        if back is not None:
            move(back, left)
    return parts if counts.all() else None


def _search(
    needs: Sequence[Need], parts: np.ndarray, sizes: np.ndarray, draw: np.random.Generator
) -> np.ndarray | None:
    """Solve for the number of units of each pattern in each part, with sizes close to the given ones.

    Units of one size that serve the same needs are of one pattern.
    """
    served: list[list[int]] = [[] for _ in parts]
    for index, need in enumerate(needs):
        for unit in need.units.tolist():
            served[unit].append(index)
    keys = [(int(size), tuple(indices)) for size, indices in zip(sizes, served, strict=True)]
    patterns = sorted(set(keys))
    if len(patterns) > _MOST_PATTERNS:
        return None
    position = {pattern: index for index, pattern in enumerate(patterns)}
    pattern_of = np.array([position[key] for key in keys])
    shares = np.array([sizes[parts == part].sum() for part in _PARTS], dtype=float)
    solved = _solve(needs, patterns, Counter(keys), shares, draw)
    if solved is None:
        return None
    found = np.zeros_like(parts)
    for index in range(len(patterns)):
        units = draw.permutation(np.flatnonzero(pattern_of == index))
        found[units] = np.repeat(np.arange(3), solved[index])
    return found


def _solve(
    needs: Sequence[Need],
    patterns: Sequence[tuple[int, tuple[int, ...]]],
    n_units: Counter[tuple[int, tuple[int, ...]]],
    shares: np.ndarray,
    draw: np.random.Generator,
) -> np.ndarray | None:
    """Return how many units of each pattern are in each part ``[pattern, part]``; None if it cannot be."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # here, as it takes a while to import
    from scipy.sparse import coo_array

    n_patterns = len(patterns)
    available = np.array([n_units[pattern] for pattern in patterns], dtype=float)
    entries: list[tuple[int, int, float]] = []  # row, variable, coefficient
    low, high = [], []
    for index in range(n_patterns):  # each unit is in one part
        entries += [(index, 3 * index + part, 1.0) for part in _PARTS]
        low.append(available[index])
        high.append(available[index])
    for index, (_, indices) in enumerate(patterns):
        entries += [(n_patterns + need, 3 * index + needs[need].part, 1.0) for need in indices]
    low += [1.0] * len(needs)
    high += [np.inf] * len(needs)
    for part in _PARTS:  # the last three variables are how far the parts are from their shares
        for sign in (1.0, -1.0):
            entries += [
                (len(low), 3 * index + part, -sign * size) for index, (size, _) in enumerate(patterns)
            ]
            entries.append((len(low), 3 * n_patterns + part, 1.0))
            low.append(-sign * shares[part])
            high.append(np.inf)
    rows, columns, values = zip(*entries, strict=True)
    n_variables = 3 * n_patterns + 3
    solved = milp(
        # Small random costs, so that each seed has a split of its own.
        np.r_[draw.random(3 * n_patterns) * shares.sum() / len(available) / 10, np.ones(3)],
        constraints=LinearConstraint(
            coo_array((values, (rows, columns)), (len(low), n_variables)).tocsr(), low, high
        ),
        integrality=np.r_[np.ones(3 * n_patterns), np.zeros(3)],
        bounds=Bounds(0, np.r_[np.repeat(available, 3), [np.inf] * 3]),
        options={"node_limit": _MOST_NODES},
    )
    if solved.x is None:
        return None
    return np.rint(solved.x[: 3 * n_patterns]).astype(np.int64).reshape(n_patterns, 3)
