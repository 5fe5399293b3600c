"""Own inputs, common outputs: every task has a first layer of its own, and shares all that follows."""

from collections.abc import Callable, Sequence

from torch import nn

from polytask.architectures.entry import ArchitectureEntry, catalogued
from polytask.core import PerTask, Representation, Sharing
from polytask.core.batch import Inputs

__all__ = ["OwnInputSharing"]


@catalogued(
    ArchitectureEntry(
        name="own-input",
        build=lambda plan: OwnInputSharing(
            plan.names,
            plan.layers()[0],
            nn.Sequential(*[build() for build in plan.layers()[1:]]),
        ),
        reference="after Silver, Poirier, Currie, Machine Learning 73, 2008",
        summary="each task its own first layer, then common layers and outputs",
        shared_heads=True,
    )
)
class OwnInputSharing(Sharing):
    r"""Read the inputs by a layer of each task's own, and run the same later layers on what it gives.

    .. math:: h^t = S(\sigma({W_1^t}^T x + b_1^t)), \qquad f^t(x) = W^T h^t + b

    It is hard sharing upside down: there tasks part at the output, here at the input. What is common is how
    an answer follows from features; what features are, each task learns for itself. It suits one question
    that is asked of several views or devices, whose columns mean the same but are not of one scale, and
    targets that are alike up to what they depend on.

    The first layers are private, so that there is no place where a task leaves the shared part. With a head
    that all tasks share (`SharedModel` takes one module for several tasks) the output weights :math:`W`,
    :math:`b` are common as well; the catalogue builds it so for tables.

    Args:
        names: The names of all tasks.
        layer: Builds the first layer of a task, from the inputs to what the trunk reads.
        trunk: The later layers :math:`S`, to ``[batch, feature]``; all its parameters are shared. An empty
            `torch.nn.Sequential` for none.

    When to use:
        Tasks whose inputs have other columns, units or senses, over a body that fits all.

    References:
        Daniel L. Silver, Ryan Poirier, Duane Currie, "Inductive Transfer with Context-Sensitive Neural
        Networks", Machine Learning 73, 2008: one output for all tasks, and the task enters at the input.
        Deviation: there a task has as its own what a further input for it adds, the bias :math:`b_1^t`; here
        the whole first layer.

    Example:
        >>> import torch
        >>> sharing = OwnInputSharing(["a", "b"], lambda: nn.Linear(3, 8), nn.Sequential(nn.ReLU()))
        >>> found = sharing(torch.ones(5, 3), ["a", "b"]).by_task
        >>> found["a"].shape, torch.equal(found["a"], found["b"])
        (torch.Size([5, 8]), False)
    """

    def __init__(self, names: Sequence[str], layer: Callable[[], nn.Module], trunk: nn.Module) -> None:
        super().__init__()
        self.layers = PerTask({name: layer() for name in names})
        self.trunk = trunk

    def forward(self, inputs: Inputs, names: Sequence[str]) -> Representation:
        """See `Sharing.forward`."""
        return Representation(by_task={name: self.trunk(self.layers[name](inputs)) for name in names})
