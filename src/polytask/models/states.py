"""What an adapted learner knows, as a bundle keeps it: by one name a tensor."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from polytask.core.learner import TOGETHER, States

__all__ = ["flat_states", "nested_states"]

_BETWEEN = "/"


def flat_states(states: States) -> dict[str, Tensor]:
    """Return the tensors by ``"task/part"``.

    Example:
        >>> import torch
        >>> list(flat_states({"cat": {"means": torch.ones(2)}, TOGETHER: {"weight": torch.ones(1)}}))
        ['cat/means', '/weight']
    """
    return {
        f"{owner}{_BETWEEN}{part}": tensor
        for owner, parts in states.items()
        for part, tensor in parts.items()
    }


def nested_states(tensors: Mapping[str, Tensor], names: Sequence[str]) -> States:
    """Return what `flat_states` was given; also from bundles of before 0.4, which had several ways to name.

    Args:
        tensors: By name.
        names: The tasks; no name of one has a slash.

    Example:
        >>> import torch
        >>> nested_states({"cat/means": torch.ones(1)}, ["cat"])
        {'cat': {'means': tensor([1.])}}
        >>> nested_states({"cat.means": torch.ones(1), "0.weight": torch.ones(1)}, ["cat"])
        {'cat': {'means': tensor([1.])}, '': {'0.weight': tensor([1.])}}
    """
    states: States = {}
    for name, tensor in tensors.items():
        owner, part = _split(name, names)
        states.setdefault(owner, {})[part] = tensor
    return states


def _split(name: str, names: Sequence[str]) -> tuple[str, str]:
    if _BETWEEN in name:
        owner, _, part = name.partition(_BETWEEN)
        return owner, part
    for task in names:
        if name == task:
            return task, "summary"
        if name.startswith(f"{task}."):
            return task, name.removeprefix(f"{task}.")
        if name.endswith(f":{task}"):
            return task, name.removesuffix(f":{task}")
    return TOGETHER, name
