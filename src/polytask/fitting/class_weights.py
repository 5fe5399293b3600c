r"""Losses in which some classes count more, and that still teach the probabilities of the table.

A loss in which class :math:`c` has the weight :math:`w_c` is lowest for the probabilities of another world,
:math:`q_c \propto w_c \, p_c`. So a network gives the logits :math:`z` of *this* world, and its loss is taken
at those of the other one:

.. math:: w_y \cdot \mathrm{CE}(z + \log w, \, y)

which is lowest at :math:`\mathrm{softmax}(z) = p`. Nothing has to be corrected afterwards. What the weights
change is where the network spends its effort, and the answer: the class of lowest expected cost, see
`TargetColumn.codes`.

References:
    Marco Saerens, Patrice Latinne, Christine Decaestecker, "Adjusting the Outputs of a Classifier to New a
    Priori Probabilities", Neural Computation 14, 2002, equation 2.4: how probabilities change with the
    frequencies of classes, here applied in the loss.

    Aditya Krishna Menon et al., "Long-Tail Learning via Logit Adjustment", ICLR 2021, arXiv:2007.07314: the
    shift of the logits in the loss. Deviation: there it stands alone, and the logits are those of the
    balanced world; here with the weight of the row they are those of the table.

    Charles Elkan, "The Foundations of Cost-Sensitive Learning", IJCAI 2001: the answer of lowest cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from polytask.core import Task

__all__ = ["WeightedClasses", "weighted_task"]


@dataclass(frozen=True, slots=True, eq=False)
class WeightedClasses:
    """The element loss of a classification target whose classes are weighted.

    Args:
        binary: Whether there is one logit for two classes.
        weights: Of each class, float64 ``[class]``.

    Example:
        >>> task = Task(name="sold", kind="binary")
        >>> weighted = WeightedClasses.of(task, (1.0, 3.0))
        >>> weighted(torch.tensor([0.0, 0.0]), torch.tensor([0.0, 1.0]))  # log 4, and 3 log 4/3
        tensor([1.3863, 0.8630])
    """

    binary: bool
    weights: Tensor

    @classmethod
    def of(cls, task: Task, weights: Sequence[float]) -> "WeightedClasses":
        """Weigh the classes of a binary or multiclass task."""
        return cls(task.kind == "binary", torch.tensor(weights, dtype=torch.float64))

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the losses ``[row]`` of logits: ``[row]`` for two classes, else ``[row, class]``."""
        shifted = prediction + self.shift.to(prediction)
        if self.binary:
            losses = functional.binary_cross_entropy_with_logits(
                shifted, target.to(shifted.dtype), reduction="none"
            )
        else:
            losses = functional.cross_entropy(shifted, target.long(), reduction="none")
        return losses * self.of_labels(target)

    @property
    def shift(self) -> Tensor:
        """What is added to logits: ``[class]``, or ``[1]`` for two classes."""
        logarithms = self.weights.log()
        return logarithms[1:] - logarithms[:1] if self.binary else logarithms

    def of_labels(self, target: Tensor) -> Tensor:
        """Return the weight of each label, float32 ``[row]``."""
        return self.weights.float().to(target.device)[target.long()]


def weighted_task(task: Task, weights: Sequence[float]) -> Task:
    """Give a task the loss in which its classes are weighted."""
    return replace(task, loss=WeightedClasses.of(task, weights))
