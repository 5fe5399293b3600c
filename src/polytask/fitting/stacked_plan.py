"""Which networks are trained at once, and what they look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from polytask.data.tables.folds import Fold
from polytask.models.number_bins import NumberBins

__all__ = ["Members", "NetworkForm", "StackStart"]


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
        indices: The index of each network's fold in its repeat.
    """

    folds: tuple[Fold, ...]
    models: tuple[int, ...]
    repeats: tuple[int, ...]
    learns: Tensor
    indices: tuple[int, ...]

    @classmethod
    def joint(cls, repeats: Sequence[Sequence[Fold]], n_targets: int) -> "Members":
        """Plan one model of all targets: a network for every fold of every repeat."""
        planned = _planned(repeats)
        return cls(
            folds=tuple(one.fold for one in planned),
            models=(0,) * len(planned),
            repeats=tuple(one.repeat for one in planned),
            learns=torch.ones(len(planned), n_targets, dtype=torch.bool),
            indices=tuple(one.index for one in planned),
        )

    @classmethod
    def baselines(cls, repeats: Sequence[Sequence[Fold]], known: np.ndarray) -> "Members":
        """Plan a model for every target alone, of the rows that have a label of it.

        Args:
            repeats: The folds.
            known: Where there is a label, bool ``[row, target]``.
        """
        return cls.of_groups(repeats, known, [[target] for target in range(known.shape[1])])

    @classmethod
    def of_groups(
        cls, repeats: Sequence[Sequence[Fold]], known: np.ndarray, groups: Sequence[Sequence[int]]
    ) -> "Members":
        """Plan a model for each group of targets, of the rows that have a label of one of them.

        Args:
            repeats: The folds.
            known: Where there is a label, bool ``[row, target]``.
            groups: Indices of targets; each is in one group.
        """
        planned = [
            (model, one)
            for model, group in enumerate(groups)
            for one in _of_rows(repeats, np.asarray(known[:, list(group)].any(1)))
        ]
        learned = torch.zeros(len(groups), known.shape[1], dtype=torch.bool)
        for model, group in enumerate(groups):
            learned[model, list(group)] = True
        models = [model for model, _ in planned]
        return cls(
            folds=tuple(one.fold for _, one in planned),
            models=tuple(models),
            repeats=tuple(one.repeat for _, one in planned),
            learns=learned[models],
            indices=tuple(one.index for _, one in planned),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StackStart:
    """Where networks start that have learned something before.

    Args:
        embedding: How features are read.
        weights: Of a `NetworkStack` of their form, its ``state_dict``.
    """

    embedding: NumberBins
    weights: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """A fold, the repeat that it belongs to, and its index there."""

    fold: Fold
    repeat: int
    index: int


def _planned(repeats: Sequence[Sequence[Fold]]) -> list[_Planned]:
    return [
        _Planned(fold=fold, repeat=repeat, index=index)
        for repeat, folds in enumerate(repeats)
        for index, fold in enumerate(folds)
    ]


def _of_rows(repeats: Sequence[Sequence[Fold]], labelled: np.ndarray) -> list[_Planned]:
    """Keep the labelled rows of each fold; folds without any on one side are left out, unless all are so."""
    everything = _planned(repeats)
    of_labelled = [
        replace(
            one,
            fold=Fold(
                train=one.fold.train[labelled[one.fold.train]],
                held_out=one.fold.held_out[labelled[one.fold.held_out]],
            ),
        )
        for one in everything
    ]
    usable = [one for one in of_labelled if len(one.fold.train) and len(one.fold.held_out)]
    return usable or [one for one in everything if len(one.fold.held_out)]
