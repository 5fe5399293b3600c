"""Which rows of the support an inner step sees."""

from polytask.core import Batch
from polytask.core.batch import batch_size
from polytask.core.random import numpy_generator

__all__ = ["InnerBatches"]


class InnerBatches:
    """Deals the rows of a support to inner steps: every row once before any comes a second time.

    The positions depend on the step only, so that episodes of equal size can be run at once and a run can be
    repeated. Rows are shuffled, since an episode's come class by class.

    Args:
        size: Rows a step; None means all of them.

    Example:
        >>> import torch
        >>> support = Batch(inputs=torch.arange(4), targets={"y": torch.arange(4)})
        >>> batches = InnerBatches(2)
        >>> torch.cat([batches.rows(support, step).inputs for step in (0, 1)]).sort().values
        tensor([0, 1, 2, 3])
    """

    def __init__(self, size: int | None) -> None:
        self.size = size

    def rows(self, support: Batch, step: int) -> Batch:
        """Return the rows of a step."""
        n_rows = batch_size(support.inputs)
        if self.size is None or self.size >= n_rows:
            return support
        first = step * self.size
        found = []
        while len(found) < self.size:
            position = first + len(found)
            order = numpy_generator(0, "inner rows", position // n_rows).permutation(n_rows).tolist()
            found += order[position % n_rows :][: self.size - len(found)]
        return support.map(lambda tensor: tensor[found])
