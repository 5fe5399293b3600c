"""Nearest mean of the raw inputs: the floor that every few-shot learner has to beat."""

import torch
from torch import Tensor, nn

from polytask.core.batch import Inputs
from polytask.meta.metric.prototypes import Prototypes

__all__ = ["NearestMean"]


class NearestMean(Prototypes):
    """A classifier by the nearest class mean of the raw inputs; it has nothing to train.

    Inputs are flattened; a mapping's tensors are joined in its order.

    When to use:
        Without any learning, as the least that any method must beat, or on frozen features that
        are good already.

    Example:
        >>> from polytask.core import Batch, Task
        >>> task = Task(name="digit", kind="multiclass", n_outputs=2)
        >>> images = torch.stack([torch.zeros(8, 8), torch.ones(8, 8)])
        >>> predictor = NearestMean().adapt([task], Batch(inputs=images, targets={"digit": torch.arange(2)}))
        >>> task.decide(predictor(images)["digit"])
        tensor([0, 1])
    """

    def __init__(self) -> None:
        super().__init__(_Flat())


class _Flat(nn.Module):
    def forward(self, inputs: Inputs) -> Tensor:
        """Flatten and join inputs to float features ``[batch, feature]``."""
        if isinstance(inputs, Tensor):
            inputs = inputs if inputs.is_floating_point() else inputs.to(torch.get_default_dtype())
            return inputs.flatten(1) if inputs.ndim > 1 else inputs.unsqueeze(1)
        return torch.cat([self(value) for value in inputs.values()], dim=1)
