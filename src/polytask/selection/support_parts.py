"""Parts of a support batch to leave out in turn, such that what is left still has every class."""

from collections.abc import Sequence

import torch
from torch import Tensor

from polytask.core import Batch, InputError, Task

__all__ = ["support_folds"]


def support_folds(
    tasks: Sequence[Task], support: Batch, *, n_folds: int, generator: torch.Generator
) -> Tensor:
    """Give every row the fold in which it is left out, or -1 where it cannot be.

    Without the rows of any one fold, each task still has a label of every class that the support has one of,
    and each task a label at all. Rows are dealt in random order, each to the fold with the fewest rows of its
    classes, of those that may have it; so folds are stratified. A row without a label of any task is not left
    out, and neither is a class's only one.

    Args:
        tasks: The tasks; classes are those of binary and multiclass ones.
        support: Their labelled examples.
        n_folds: Folds, 2 or more; some may be empty.
        generator: Of the order.

    Raises:
        InputError: There are fewer than 2 folds.

    Example:
        >>> task = Task(name="kind", kind="multiclass", n_outputs=2)
        >>> support = Batch(inputs=torch.zeros(5, 1), targets={"kind": torch.tensor([0, 0, 0, 0, 1])})
        >>> folds = support_folds([task], support, n_folds=2, generator=torch.Generator().manual_seed(0))
        >>> folds[:4].bincount(), int(folds[4])  # the only example of class 1 stays
        (tensor([2, 2]), -1)
    """
    if n_folds < 2:
        raise InputError(f"`n_folds` must be at least 2, got {n_folds}.")
    groups = torch.stack([_groups(task, support) for task in tasks], dim=1)  # [row, task]
    starts = torch.cat([torch.zeros(1, dtype=torch.long), (groups.amax(0) + 1).cumsum(0)])
    of_row = [[int(starts[t]) + g for t, g in enumerate(row) if g >= 0] for row in groups.tolist()]
    totals = [0] * int(starts[-1])
    for members in of_row:
        for group in members:
            totals[group] += 1
    taken = [[0] * len(totals) for _ in range(n_folds)]
    sizes = [0] * n_folds
    folds = torch.full((len(support),), -1)
    order = torch.randperm(len(support), generator=generator).tolist()
    # Rare classes first: they have the fewest places to go.
    for row in sorted(order, key=lambda r: min((totals[g] for g in of_row[r]), default=0)):
        members = of_row[row]
        may = [f for f in range(n_folds) if all(taken[f][g] + 1 < totals[g] for g in members)]
        if members and may:
            fold = min(may, key=lambda f: (sum(taken[f][g] for g in members), sizes[f], f))
            folds[row] = fold
            sizes[fold] += 1
            for group in members:
                taken[fold][group] += 1
    return folds


def _groups(task: Task, support: Batch) -> Tensor:
    """Return each row's class, or 0 for whatever label of another kind of task; -1 without a label."""
    known = support.labelled(task.name).cpu()
    found = torch.zeros(len(support), dtype=torch.long)
    if task.kind in ("binary", "multiclass"):
        target = support.targets[task.name].cpu().reshape(-1)
        found = torch.where(known, target.nan_to_num(0), 0).long()
    return torch.where(known, found, -1)
