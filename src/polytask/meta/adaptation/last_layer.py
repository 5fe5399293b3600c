"""The gradient of a linear last layer, written out, for inner loops that change no other layer."""

import contextlib
from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from polytask.core import Batch, Task
from polytask.core.learner import State
from polytask.meta.adaptation.own_model import OwnModel

__all__ = ["LastLayer", "last_layer"]

_LEFT_OUT = -100  # the label of rows that `torch.nn.functional.cross_entropy` leaves out


class LastLayer:
    r"""The loss of a task on features that stay, and its gradient in a linear layer behind them.

    With outputs :math:`z = W f + b` and the loss that a kind of task has unless told otherwise, the gradient
    is :math:`\partial L / \partial W = \delta^\top f`, :math:`\partial L / \partial b = \sum_i \delta_i`,
    where :math:`\delta = (h(z) - y) / n` with the softmax, the sigmoid, or twice the identity for squares.
    Autograd finds the same, but takes the loss apart in each step, and once more for the second derivative:
    this takes half of the time.

    Args:
        layer: The layer.
        name: Its name in the model.
        task: The one task.
        features: ``[row, n_features]``.
        targets: Of the task.
    """

    def __init__(self, layer: nn.Linear, name: str, task: Task, features: Tensor, targets: Tensor) -> None:
        self._layer = layer
        self._weight, self._bias = f"{name}.weight", f"{name}.bias"
        self._task = task
        self._features = features
        self._targets = targets
        self._known, self._scale = _scaled(task, targets, features.dtype)

    def __call__(
        self, parameters: State, _batch: Batch, _index: int, first_order: bool
    ) -> tuple[State, Tensor]:
        """Return gradients by name and the loss; without a graph behind them if of first order."""
        features, bias = self._features, parameters.get(self._bias, self._layer.bias)
        weight = parameters.get(self._weight, self._layer.weight)
        graph = torch.is_grad_enabled() and not first_order
        if not graph:
            features, weight = features.detach(), weight.detach()
            bias = None if bias is None else bias.detach()
        with contextlib.nullcontext() if graph else torch.no_grad():
            outputs = nn.functional.linear(features, weight, bias)
            loss = self._task.objective(outputs, self._targets)
            error = _answers(self._task, outputs) * self._scale - self._known  # [row, output]
            found = {
                name: error.t() @ features if name == self._weight else error.sum(0) for name in parameters
            }
            return found, loss


def last_layer(
    own: OwnModel, n_fixed: int, changed: Collection[str], tasks: Sequence[Task], support: Batch
) -> LastLayer | None:
    """Return the last layer, if no other is changed and its gradient is known; else None.

    Args:
        own: The model.
        n_fixed: Layers that ran on the support already.
        changed: Names of the parameters that the inner loop changes.
        tasks: The tasks.
        support: Features beyond the layers that ran, and targets.
    """
    found = own.last_linear(n_fixed) if n_fixed else None
    if found is None or len(tasks) != 1:
        return None
    name, layer = found
    task, features = tasks[0], support.inputs
    targets = support.targets.get(task.name)
    usual = task.loss is None and task.name not in support.masks
    if not (usual and set(changed) <= {f"{name}.weight", f"{name}.bias"}):
        return None
    if targets is None or not isinstance(features, Tensor) or features.ndim != 2 or not len(features):
        return None
    if features.dtype != layer.weight.dtype or torch.is_autocast_enabled(features.device.type):
        return None
    shape = features.shape[:1] + (() if _is_flat(task) else (task.n_outputs,))
    converted = task.kind == "regression" and targets.dtype != features.dtype
    if layer.out_features != task.n_outputs or targets.shape != shape or converted:
        return None
    return LastLayer(layer, name, task, features, targets)


def _is_flat(task: Task) -> bool:
    """Tell whether targets have one number a row."""
    return task.kind == "multiclass" or task.n_outputs == 1


def _answers(task: Task, outputs: Tensor) -> Tensor:
    if task.kind == "regression":
        return outputs
    return outputs.softmax(-1) if task.kind == "multiclass" else outputs.sigmoid()


def _scaled(task: Task, targets: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor | float]:
    """Return targets ``[row, output]`` times what a row counts for in the loss, and the latter."""
    if task.kind == "multiclass":
        labels = targets.long().unsqueeze(-1)
        counted = (labels != _LEFT_OUT).to(dtype)
        scale = counted / counted.sum()
        classes = torch.arange(task.n_outputs, device=labels.device)
        return (labels == classes).to(dtype) * scale, scale
    factor = (2.0 if task.kind == "regression" else 1.0) / targets.numel()
    known = targets.unsqueeze(-1) if _is_flat(task) else targets
    return known.to(dtype) * factor, factor
