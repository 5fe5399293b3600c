"""GradDrop: of the gradients of one coordinate, keep those of one sign."""

from torchjd import aggregation

from polytask.balancing.balancer import catalogued
from polytask.balancing.wrappers.torchjd import Aggregated

__all__ = ["GradDrop"]


@catalogued("grad-drop", "Chen et al., NeurIPS 2020, arXiv:2010.06808", signed=True)
class GradDrop(Aggregated):
    """Keep, coordinate by coordinate, the gradients of one sign, drawn by how much of the whole has it.

    When to use:
        Many objectives, where signs of gradients disagree coordinate by coordinate. It needs all
        gradients, and its randomness needs more steps.

    References:
        Zhao Chen et al., "Just Pick a Sign: Optimizing Deep Multitask Models with Gradient Sign Dropout",
        NeurIPS 2020, arXiv:2010.06808; by TorchJD's aggregator.

    Example:
        >>> import torch
        >>> from polytask.balancing import Evidence
        >>> rows = torch.tensor([[1.0, 2.0], [3.0, 4.0]])  # of one sign, so that nothing is dropped
        >>> GradDrop()(Evidence(("a", "b"), torch.ones(2), lambda: rows)).values
        tensor([4., 6.])
    """

    def __init__(self) -> None:
        super().__init__(aggregation.GradDrop(), mean=False)
