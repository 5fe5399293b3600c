"""Which networks are trained at once, and what they look like."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from polytask.data.tables.folds import Fold

__all__ = ["Members", "NetworkForm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkForm:
    """The form of a network.

    Args:
        width: Units of each layer.
        depth: Layers; 0 for a linear model.
        dropout: Probability of dropping a unit.
        bins: Bins of a number at most; 0 for none.
        decay: A factor on the weight decay.
    """

    width: int
    depth: int
    dropout: float
    bins: int
    decay: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Members:
    """The networks that are trained: which rows each sees, which rows judge it, and what it learns.

    Args:
        folds: Of each network.
        models: The model that each network belongs to.
        repeats: The repeat of the folds that each belongs to.
        learns: Bool ``[network, target]``.
    """

    folds: tuple[Fold, ...]
    models: tuple[int, ...]
    repeats: tuple[int, ...]
    learns: Tensor

    @classmethod
    def joint(cls, repeats: Sequence[Sequence[Fold]], n_targets: int) -> "Members":
        """Plan one model of all targets: a network for every fold of every repeat."""
        planned = [(fold, repeat) for repeat, folds in enumerate(repeats) for fold in folds]
        return cls(
            folds=tuple(fold for fold, _ in planned),
            models=(0,) * len(planned),
            repeats=tuple(repeat for _, repeat in planned),
            learns=torch.ones(len(planned), n_targets, dtype=torch.bool),
        )

    @classmethod
    def baselines(cls, repeats: Sequence[Sequence[Fold]], known: np.ndarray) -> "Members":
        """Plan a model for every target alone, of the rows that have a label of it.

        Args:
            repeats: The folds.
            known: Where there is a label, bool ``[row, target]``.
        """
        planned = [
            (fold, target, repeat)
            for target, labelled in enumerate(known.T)
            for fold, repeat in _of_target(repeats, labelled)
        ]
        models = torch.tensor([target for _, target, _ in planned])
        return cls(
            folds=tuple(fold for fold, _, _ in planned),
            models=tuple(models.tolist()),
            repeats=tuple(repeat for _, _, repeat in planned),
            learns=models[:, None] == torch.arange(known.shape[1]),
        )


def _of_target(repeats: Sequence[Sequence[Fold]], labelled: np.ndarray) -> list[tuple[Fold, int]]:
    """Keep the labelled rows of each fold; folds without any on one side are left out, unless all are so."""
    everything = [(fold, repeat) for repeat, folds in enumerate(repeats) for fold in folds]
    of_labelled = [
        (
            Fold(train=fold.train[labelled[fold.train]], held_out=fold.held_out[labelled[fold.held_out]]),
            repeat,
        )
        for fold, repeat in everything
    ]
    usable = [(fold, repeat) for fold, repeat in of_labelled if len(fold.train) and len(fold.held_out)]
    return usable or [(fold, repeat) for fold, repeat in everything if len(fold.held_out)]
