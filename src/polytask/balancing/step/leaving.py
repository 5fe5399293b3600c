"""Where the tasks of a step leave what they share, and whether all of it lies before that place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor
from torch.autograd.graph import Node

from polytask.core import Objectives

__all__ = ["Leaving", "leaving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """The taps of a step that can be relied on.

    Args:
        taps: For each encoding that is trained, the taps by name. Empty where nothing before them is trained,
            or where there are none.
        known: Whether the tasks have a representation in common, trained or not.
        behind: Shared parameters that act behind the taps too, such as a head that two tasks have: a
            gradient taken at the taps lacks their part.
        users: By node of a tap, the nodes that use it.
    """

    taps: tuple[Mapping[str, Tensor], ...] = ()
    known: bool = False
    behind: tuple[Tensor, ...] = ()
    users: Mapping[Node, Sequence[Node]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether all that the objectives share can be reached from the taps."""
        return bool(self.taps) and not self.behind


def leaving(objectives: Objectives, shared: Sequence[Tensor]) -> Leaving:
    """Look up in the graph which taps every path from a shared parameter to an objective leads through.

    Taps are relied on where all of an encoding are plain views of one tensor, and each objective comes by
    none but its own; the graph is followed from every objective down to the taps, no further.

    Args:
        objectives: The objectives of a step, or of a part of it.
        shared: The shared parameters that are trained.
    """
    given = [taps for taps in objectives.taps if taps]
    trained = [taps for taps in given if any(tap.requires_grad for tap in taps.values())]
    roots = _roots(objectives.values)
    if not given or len(roots) != len(objectives) or not all(_views_of_one(taps) for taps in trained):
        return Leaving()
    owners = {tap.grad_fn: name for taps in trained for name, tap in taps.items()}
    found, users = set[int](), dict[Node, list[Node]]()
    for name, root in zip(objectives.names, roots):
        reached, leaves = _down_to_taps(root, owners, users)
        if reached - {name}:  # a task that uses another's tap: gradients at the taps would be mixed
            return Leaving()
        found |= leaves
    behind = tuple(parameter for parameter in shared if id(parameter) in found)
    return Leaving(taps=tuple(trained), known=True, behind=behind, users=users)


def _roots(values: Tensor) -> list[Node | None]:
    """Return the node that each value comes from; fewer than values where their graph does not tell."""
    waiting, roots = [values.grad_fn], list[Node | None]()
    while waiting:
        node = waiting.pop(0)
        if node is None:  # part of the values comes from nowhere: how many, the graph does not tell
            return []
        following = [used for used, _ in node.next_functions]
        if node.name() == "StackBackward0":
            roots += following
        elif node.name() == "CatBackward0":
            waiting = following + waiting
    return roots


def _views_of_one(taps: Mapping[str, Tensor]) -> bool:
    """Tell whether taps are different views of one tensor, as `polytask.core.shared_model.tap` makes them."""
    nodes = [tap.grad_fn for tap in taps.values()]
    return (
        all(node is not None and node.name() == "ViewBackward0" for node in nodes)
        and len(set(nodes)) == len(nodes)
        and len({node.next_functions for node in nodes if node is not None}) == 1
        and len({tap.shape for tap in taps.values()}) == 1
    )


def _down_to_taps(
    root: Node | None, owners: Mapping[Node | None, str], users: dict[Node, list[Node]]
) -> tuple[set[str], set[int]]:
    """Return whose taps an objective comes by, and the ids of the leaves that it meets before.

    Who uses a tap is added to ``users``.
    """
    if root is not None and root in owners:
        users.setdefault(root, []).append(root)  # the tap itself is the objective
        return {owners[root]}, set()
    reached, leaves, seen = set[str](), set[int](), {root}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        following = node.next_functions
        if not following and (variable := getattr(node, "variable", None)) is not None:
            leaves.add(id(variable))
        for used, _ in following:
            if used is None:
                continue
            if used in owners:
                reached.add(owners[used])
                users.setdefault(used, []).append(node)
            elif used not in seen:
                seen.add(used)
                waiting.append(used)
    return reached, leaves
