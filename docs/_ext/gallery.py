"""The order of the gallery's pages, and what each starts from."""

from pathlib import Path
from typing import Any

import torch

__all__ = ["AsListed", "ORDER", "reset"]

ORDER = (
    "one_net_two_tasks.py",
    "two_inputs_two_heads.py",
    "what_balancing_sees.py",
    "conflict_and_its_resolution.py",
    "which_tasks_together.py",
    "curricula.py",
    "learning_to_learn.py",
    "ways_to_adapt.py",
    "a_learned_optimizer.py",
    "neural_processes.py",
    "plasticity.py",
    "bandits_by_rl2.py",
    "continual_updates.py",
    "choosing_a_learner.py",
    "few_labels_of_a_molecule.py",
    "a_new_speaker.py",
    "own_parts.py",
)
"""From two tasks in one net to parts of your own; others follow by name."""


class AsListed:
    """Sorts examples as `ORDER` lists them."""

    def __init__(self, src_dir: str) -> None:
        self.src_dir = src_dir

    def __call__(self, filename: str) -> tuple[int, str]:
        """Return what an example is sorted by."""
        name = Path(filename).name
        return (ORDER.index(name) if name in ORDER else len(ORDER), name)

    def __repr__(self) -> str:
        return "<AsListed>"


def reset(_conf: Any, _name: str) -> None:
    """Give each example the same numbers, whichever ran before it."""
    torch.manual_seed(0)
