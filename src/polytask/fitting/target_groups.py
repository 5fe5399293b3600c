"""Which targets are trained together: groups as people write them, each target in one."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard

from polytask.core import InputError
from polytask.core.doors import by_door
from polytask.core.names import name_problem, short_name
from polytask.core.settings import SettingsCheck, shown
from polytask.data.tables.target_kinds import parse_target

__all__ = [
    "AUTO",
    "Groups",
    "check_groups",
    "found_message",
    "group_name",
    "group_problems",
    "groups_text",
    "read_groups",
    "settled",
]

Groups: TypeAlias = tuple[tuple[str, ...], ...]
"""Names of targets that are trained together; each is in one group."""

AUTO = "auto"
"""Asks for the groups that `polytask.relate` finds."""

_MOST_NAMED = 12  # targets of a group in a message


def check_groups(check: SettingsCheck, given: Any) -> Any:
    """Check groups as people write them, as far as that can be done before the targets are known.

    Args:
        check: Takes the problems.
        given: ``"auto"``; a text as it is typed, ``"a,b;c"``; or names in sequences, ``[["a", "b"], ["c"]]``.

    Returns:
        The text, or the names as plain Python; None for none.
    """
    if given is None or isinstance(given, str):
        return given
    groups = list(given) if _several(given) else []
    if not groups or not all(map(_several, groups)):
        check.problems.append(
            "`groups` must be 'auto', or the names of targets that are trained together, as "
            f"[['a', 'b'], ['c']] or 'a,b;c', got {shown(given)}"
        )
        return None
    return tuple(tuple(str(name) for name in one) for one in groups)


def _several(given: Any) -> TypeGuard[Iterable[Any]]:
    return isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping)


def read_groups(text: str, names: Iterable[str] = ()) -> Groups:
    """Read groups as they are typed: a semicolon between groups, a comma within one.

    Args:
        text: As ``"a,b;c"``.
        names: Of targets, which may hold commas and semicolons of their own.

    Raises:
        InputError: A name is empty.

    Example:
        >>> read_groups("a, b; c"), read_groups("size, cm;c", ["size, cm", "c"])
        ((('a', 'b'), ('c',)), (('size, cm',), ('c',)))
    """
    either = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name)
    known = re.compile(rf"\s*({either})\s*(?=[,;]|$)" if either else r"(?!)")
    other = re.compile(r"([^,;]*)")
    groups, place = [[]], 0
    while True:
        found = known.match(text, place) or other.match(text, place)
        name = "" if found is None else found[1].strip()
        if not name:
            raise InputError(
                f"the groups {text!r} have an empty name; write them as a,b;c, with commas within a group"
            )
        groups[-1].append(name)
        place = len(text) if found is None else found.end()
        if place >= len(text):
            return tuple(map(tuple, groups))
        if text[place] == ";":
            groups.append([])
        place += 1


def settled(given: Any, names: Sequence[str]) -> Groups | None:
    """Return groups in the order of the targets; None where all of these are in one, or none was asked for.

    Args:
        given: What `check_groups` returned, but for ``"auto"``.
        names: The targets.

    Raises:
        InputError: A target is in no group, or in two, or is none of the table.

    Example:
        >>> settled((("c",), ("b", "a")), ["a", "b", "c"])
        (('a', 'b'), ('c',))
    """
    if given is None:
        return None
    groups = _read(given, names) if isinstance(given, str) else given
    groups = [[name if name in names else parse_target(name)[0] for name in group] for group in groups]
    if problems := group_problems(groups, names):
        told = f"{'; '.join(problems)}. Each target belongs in one group: {', '.join(names)}."
        raise InputError(f"`groups`: {told}{_meant(groups)}")
    place = {name: index for index, name in enumerate(names)}
    ordered = sorted(
        (sorted(group, key=place.__getitem__) for group in groups), key=lambda one: place[one[0]]
    )
    return tuple(map(tuple, ordered)) if len(ordered) > 1 else None


def _read(text: str, names: Sequence[str]) -> Groups:
    try:
        return read_groups(text, names)
    except InputError as error:
        raise InputError(f"`groups`: {error}.") from None


def _meant(groups: Sequence[Sequence[str]]) -> str:
    """Say which option may be meant, where one name is given alone."""
    one = len(groups) == 1 and len(groups[0]) == 1
    text = " (A column whose rows stay together is given by `group`.)"
    return by_door(python=text, command=text, estimator="") if one else ""


def group_problems(groups: Sequence[Sequence[str]], names: Sequence[str]) -> list[str]:
    """Tell why groups do not hold each of the targets once; nothing where they do."""
    counts = Counter(name for group in groups for name in group)
    problems = [
        name_problem(f"there is no target {name!r}", name, names) for name in counts if name not in names
    ]
    problems += [f"{name!r} stands there {count} times" for name, count in counts.items() if count > 1]
    problems += [f"{name!r} is in none" for name in names if name not in counts]
    problems += ["a group is empty"] * (not all(groups))
    return problems


def groups_text(groups: Sequence[Sequence[str]]) -> str:
    """Write groups as they are typed.

    Example:
        >>> groups_text([["a", "b"], ["c"]])
        'a,b;c'
    """
    return ";".join(",".join(group) for group in groups)


def found_message(groups: Sequence[Sequence[str]]) -> str:
    """Say which groups were found, and what that means for the figures."""
    if len(groups) == 1:
        return "`groups='auto'`: by their affinities all targets belong in one network, as without groups."
    several = [group_name(group, most=_MOST_NAMED) for group in groups if len(group) > 1]
    single = [group[0] for group in groups if len(group) == 1]
    parts = [f"together {'; '.join(several)}"] if several else []
    parts += [f"alone {group_name(single, most=_MOST_NAMED)}"] if single else []
    return (
        f"`groups='auto'` trains {', and '.join(parts)}. Rows that chose the groups judge the model, too, "
        "so its figures may flatter it a little; `polytask.compare` with the candidate groups:auto finds "
        "groups without the rows that judge."
    )


def group_name(group: Sequence[str], most: int = 3) -> str:
    """Return a short name of a group: its targets, or the first of many.

    Example:
        >>> group_name(["a", "b"]), group_name(["a", "b", "c", "d", "e"])
        ('a, b', 'a, b, c and 2 more')
    """
    names = [short_name(name, 40) for name in group[:most]]
    more = f" and {len(group) - most} more" if len(group) > most else ""
    return ", ".join(names) + more
