"""Running means over pairs of tasks that are not always seen."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from polytask.balancing.state.objective_index import ObjectiveIndex
from polytask.core import Episode
from polytask.relate.affinity import Affinity

__all__ = ["PairMeans"]


class PairMeans(nn.Module):
    """The means of a figure of every pair of tasks, and the rows that the tasks have in common.

    What was seen is kept in buffers, so that a checkpoint carries it.

    Args:
        names: The tasks, in the order of rows and columns.

    Example:
        >>> means = PairMeans(["a", "b", "c"])
        >>> means.add(["a", "c"], torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
        >>> means.add(["a", "c"], torch.tensor([[1.0, 0.3], [0.5, 1.0]]))
        >>> print(means.affinity().format(1))
        from \\ to    a  b    c
        a          1.0  –  0.4
        b            –  –    –
        c          0.5  –  1.0
    """

    sums: Tensor
    counts: Tensor
    rows: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._index = ObjectiveIndex(names, type(self).__name__)
        self.names = tuple(names)
        shape = (len(names), len(names))
        self.register_buffer("sums", torch.zeros(shape, dtype=torch.float64))
        self.register_buffer("counts", torch.zeros(shape, dtype=torch.long))
        self.register_buffer("rows", torch.zeros(shape, dtype=torch.long))  # labelled for both

    def add(self, names: Sequence[str], values: Tensor) -> None:
        """Take note of one step.

        Args:
            names: The tasks that it has labels of.
            values: ``[from task, to task]`` in their order; NaN where a pair has no value.

        Raises:
            InputError: A task is unknown.
        """
        places = self._index.of(names).to(self.sums.device)
        known = ~values.isnan()
        self.sums[places[:, None], places] += torch.where(known, values, 0.0).to(self.sums)
        self.counts[places[:, None], places] += known.to(self.counts)

    def add_rows(self, episodes: Iterable[Episode]) -> None:
        """Count the rows of a step's queries that are labelled for both tasks of a pair.

        Raises:
            InputError: A task is unknown.
        """
        for episode in episodes:
            names = [task.name for task in episode.tasks]
            places = self._index.of(names).to(self.rows.device)
            labelled = torch.stack([episode.query.labelled(name).cpu() for name in names])  # [task, row]
            labelled = labelled.to(self.rows.device, torch.float64)  # exact up to 2**53 rows
            self.rows[places[:, None], places] += (labelled @ labelled.T).long()

    def affinity(self) -> Affinity:
        """Return the means so far; the overlap is known once rows were counted."""
        own = self.rows.diagonal()
        either = own[:, None] + own - self.rows
        return Affinity(
            names=self.names,
            matrix=self.sums / self.counts,  # 0 / 0 is NaN: never seen
            n_seen=self.counts.clone(),
            overlap=self.rows.double() / either if bool(own.any()) else None,
        )
