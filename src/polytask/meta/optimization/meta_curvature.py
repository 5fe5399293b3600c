"""Meta-Curvature: learn a Kronecker-factored matrix that transforms the gradients of the inner loop."""

import math
from collections.abc import Mapping
from typing import Unpack

import torch
from torch import Tensor, nn

from polytask.core import InputError
from polytask.core.learner import State
from polytask.meta.adaptation.gradient_learner import GradientLearner
from polytask.meta.adaptation.inner_options import InnerOptions, adapted_parameters
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule
from polytask.meta.entry import BOTH, by_gradients, catalogued
from polytask.meta.optimization.parameter_names import as_key

__all__ = ["KroneckerCurvature", "MetaCurvature"]


@catalogued(
    "meta-curvature",
    "Park and Oliva, NeurIPS 2019, arXiv:1902.03356",
    family="optimization",
    build=by_gradients(rate=0.1, steps=3),
    fixed_way=True,
    inner=BOTH,
)
class MetaCurvature(GradientLearner):
    """Meta-Curvature: MAML whose inner gradients are transformed by `KroneckerCurvature`.

    Args:
        model: See `polytask.meta.initialization.MAML`.
        inner_rate: Learning rate of the inner steps.
        n_steps: Inner steps.
        second_order: Whether the meta-gradient goes through the inner gradients.
        options: See `GradientLearner`.

    Raises:
        InputError: See `GradientLearner`.

    Example:
        >>> learner = MetaCurvature(nn.Linear(3, 2))
        >>> {name: tuple(p.shape) for name, p in learner.rule.named_parameters()}
        {'outputs.weight': (2, 2), 'outputs.bias': (2, 2), 'inputs.weight': (3, 3)}

    When to use:
        As `MetaSGD`, where directions within a layer belong together. More work a step.

    References:
        Park, Oliva. Meta-Curvature. NeurIPS 2019, arXiv:1902.03356, section 3.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        inner_rate: float = 0.1,
        n_steps: int = 1,
        second_order: bool = True,
        **options: Unpack[InnerOptions],
    ) -> None:
        adapted = adapted_parameters(model, options)
        super().__init__(
            model,
            rule=KroneckerCurvature(adapted, rate=inner_rate) if adapted else None,
            n_steps=n_steps,
            n_differentiated=None if second_order else 0,
            **options,
        )


class KroneckerCurvature(UpdateRule):
    r"""Descends along :math:`M_o\, G\, M_i \times_f M_f`, with one learned matrix for each kind of dimension.

    The gradient of a weight is an array of outputs, inputs and, for convolutions, positions of the kernel.
    Each dimension has its own square matrix, the identity at first; so the first steps are plain descent.

    Args:
        parameters: The adapted parameters by name, for their shapes.
        rate: Learning rate.

    Raises:
        InputError: The rate is not positive.

    Example:
        >>> rule = KroneckerCurvature({"w": torch.zeros(4, 2, 3, 3)})
        >>> [tuple(p.shape) for p in rule.parameters()]
        [(4, 4), (2, 2), (9, 9)]

    References:
        Park, Oliva. NeurIPS 2019, arXiv:1902.03356, equations 3 to 6.
    """

    def __init__(self, parameters: Mapping[str, Tensor], *, rate: float = 0.1) -> None:
        if not rate > 0:
            raise InputError(f"`rate` must be above 0, got {rate}.")
        super().__init__()
        self.rate = rate
        self.outputs, self.inputs, self.kernel = nn.ParameterDict(), nn.ParameterDict(), nn.ParameterDict()
        for name, parameter in parameters.items():
            sizes = _sizes(parameter)
            for size, kind in zip(sizes, (self.outputs, self.inputs, self.kernel), strict=False):
                eye = torch.eye(size, dtype=parameter.dtype, device=parameter.device)
                kind[as_key(name)] = nn.Parameter(eye)

    def forward(self, step: InnerStep, optimizer_state: State) -> tuple[State, State]:
        """Descend along the transformed gradients."""
        return {
            name: p - self.rate * self._transformed(as_key(name), step.gradients[name])
            for name, p in step.parameters.items()
        }, optimizer_state

    def _transformed(self, key: str, gradient: Tensor) -> Tensor:
        found = gradient.reshape(_sizes(gradient))
        found = torch.tensordot(self.outputs[key], found, dims=1)
        if found.ndim > 1:
            found = torch.einsum("oi...,ij->oj...", found, self.inputs[key])
        if found.ndim > 2:
            found = found @ self.kernel[key]
        return found.reshape(gradient.shape)


def _sizes(parameter: Tensor) -> list[int]:
    """Return the numbers of outputs, inputs and kernel positions, as far as a parameter has them."""
    shape = list(parameter.shape) or [1]
    return shape if len(shape) < 3 else [*shape[:2], math.prod(shape[2:])]
