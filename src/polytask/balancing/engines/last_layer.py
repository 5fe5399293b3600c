"""The Gramian at the last layer that the tasks share."""

from torch import Tensor, nn

from polytask.balancing.engines.engine import Engine
from polytask.balancing.step.gradients import StepGradients
from polytask.core import InputError, shared_parameters

__all__ = ["LastLayer"]


class LastLayer(Engine):
    """Take gradients at the parameters of the last shared layer, in place of those at all of them.

    A backward pass an objective, from its head to that layer. GradNorm is published in this form; for other
    methods it is a heuristic, since conflicts in one layer need not be conflicts in all.

    Memory: objectives × the layer's parameters; across processes these gradients are summed.

    Args:
        layer: Name of the layer, as `torch.nn.Module.get_submodule` takes it. By default the last one in
            ``learner.modules()`` that itself holds a shared weight of two or more dimensions.

    References:
        Zhao Chen, Vijay Badrinarayanan, Chen-Yu Lee, Andrew Rabinovich, "GradNorm: Gradient Normalization for
        Adaptive Loss Balancing in Deep Multitask Networks", ICML 2018, arXiv:1711.02257, section 3.1.
    """

    exact = False

    def __init__(self, layer: str | None = None) -> None:
        self.layer = layer
        self.parameters: list[Tensor] = []
        """Those of the layer that are shared and trained; none before `open`."""

    def open(self, learner: nn.Module) -> None:
        """Look the layer up; see `Engine.open`.

        Raises:
            InputError: The learner has no such layer, or the layer no shared parameter that is trained.
        """
        shared = {id(parameter) for parameter in shared_parameters(learner)}
        if self.layer is not None:
            own = list(_submodule(learner, self.layer).parameters())
        else:
            matrices = [
                module
                for module in learner.modules()
                if any(id(p) in shared and p.ndim > 1 for p in module.parameters(recurse=False))
            ]
            own = list(matrices[-1].parameters(recurse=False)) if matrices else []
        self.parameters = [parameter for parameter in own if id(parameter) in shared]
        if not self.parameters:
            where = "The learner" if self.layer is None else f"The layer {self.layer!r}"
            raise InputError(f"{where} has no shared weight that is trained; use another layer or engine.")

    def gramian(self, step: StepGradients) -> Tensor:
        """See `Engine.gramian`."""
        rows = step.rows(self._trained())
        return rows @ rows.T

    def _trained(self) -> list[Tensor]:
        """Leave out what was frozen since."""
        return [parameter for parameter in self.parameters if parameter.requires_grad]


def _submodule(learner: nn.Module, layer: str) -> nn.Module:
    try:
        return learner.get_submodule(layer)
    except AttributeError as error:
        names = [name for name, module in learner.named_modules() if list(module.parameters(recurse=False))]
        raise InputError(f"There is no layer {layer!r}; the learner has {', '.join(names)}.") from error
