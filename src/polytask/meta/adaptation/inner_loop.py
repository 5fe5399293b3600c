"""Inner steps, one after the other, with a graph behind them for as many as are asked for."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad_and_value

from polytask.core import Batch
from polytask.core.copied_module import module_copy
from polytask.core.learner import State
from polytask.core.random import numpy_generator
from polytask.core.torch_internals import inside_transform
from polytask.meta.adaptation.recompute import recomputed
from polytask.meta.adaptation.rules.rule import InnerStep, UpdateRule
from polytask.meta.layers.plain_attention import plain_attention

__all__ = ["InnerLoop", "inner_rows"]


class InnerLoop(nn.Module):
    """Makes steps of a rule down a loss.

    Args:
        loss: Of parameters on a batch at a step, a scalar.
        rule: Turns gradients into new parameters; a part of the owner.
        owner: Holds every parameter that ``loss`` reads beside those it is given.
        gradients: Of parameters on a batch at a step, whether of first order: the gradients by name, and the
            loss; None lets autograd find them.
    """

    def __init__(
        self,
        loss: Callable[[State, Batch, int], Tensor],
        rule: UpdateRule,
        owner: nn.Module,
        *,
        gradients: Callable[[State, Batch, int, bool], tuple[State, Tensor]] | None = None,
    ) -> None:
        super().__init__()
        self.loss = loss
        self.gradients = gradients or self._by_autograd
        self.rules = (rule,)  # a part of the owner: registered here, it would have a second name
        self.owner = owner

    def run(
        self, start: State, batches: Sequence[Batch], *, n_first_order: int = 0, recompute: bool = False
    ) -> list[State]:
        """Make one step on each batch.

        Args:
            start: The first parameters, by name.
            batches: The rows for each step.
            n_first_order: How many of the first steps take their gradients for constants.
            recompute: Whether to compute the inside of a step again in the backward pass, not to keep it.

        Returns:
            The parameters before the first step and after each one.
        """
        parameters, optimizer_state = start, self.rules[0].optimizer_state(start)
        found = [parameters]
        for index, batch in enumerate(batches):
            if recompute and index >= n_first_order:
                parameters, optimizer_state = self._recomputed(parameters, optimizer_state, batch, index)
            else:
                parameters, optimizer_state = self(
                    parameters, optimizer_state, batch, index, index < n_first_order
                )
            found.append(parameters)
        return found

    def forward(
        self, parameters: State, optimizer_state: State, batch: Batch, index: int, first_order: bool = False
    ) -> tuple[State, State]:
        """Make one step and return the new parameters and the rule's new memory."""
        gradients, value = self.gradients(parameters, batch, index, first_order)
        step = InnerStep(index=index, parameters=parameters, gradients=gradients, loss=value)
        return self.rules[0](step, optimizer_state)

    def _by_autograd(
        self, parameters: State, batch: Batch, index: int, first_order: bool
    ) -> tuple[State, Tensor]:
        if inside_transform():
            # Inside a transform only torch.func differentiates; under no_grad it does too, but leaves no
            # graph behind.
            with torch.no_grad() if first_order else contextlib.nullcontext():
                gradients, value = grad_and_value(self.loss)(parameters, batch, index)
            return gradients, value
        graph = torch.is_grad_enabled() and not first_order  # plain autograd is twice as fast on small nets
        with torch.enable_grad():
            # Views, so that a parameter computed from another one does not pass its gradient on to it.
            apart = all(p.is_leaf for p in parameters.values())
            point = {
                name: (p if apart else p.view_as(p))
                if graph and p.requires_grad
                else p.detach().requires_grad_()
                for name, p in parameters.items()
            }
            value = self.loss(point, batch, index)
            found = torch.autograd.grad(
                value, list(point.values()), create_graph=graph, allow_unused=True, materialize_grads=True
            )
        return dict(zip(point, found, strict=True)), value if graph else value.detach()

    def _recomputed(
        self, parameters: State, optimizer_state: State, batch: Batch, index: int
    ) -> tuple[State, State]:
        """Make one step by a function of nothing but its tensors, as recomputing needs."""

        def step(tensors: dict[str, Any]) -> tuple[State, State]:
            rows = Batch(**tensors["batch"])
            own = module_copy(self, tensors["owned"])
            with plain_attention():  # as in the forward pass
                return own(tensors["parameters"], tensors["memory"], rows, index)

        return recomputed(
            step,
            {
                "owned": dict(self.named_parameters()),
                "parameters": parameters,
                "memory": optimizer_state,
                "batch": {"inputs": batch.inputs, "targets": batch.targets, "masks": batch.masks},
            },
        )


def inner_rows(support: Batch, size: int | None, step: int) -> Batch:
    """Return the rows of the support that an inner step sees: each once before any comes a second time.

    The positions depend on the step only, so that episodes of equal size can be run at once and a run can be
    repeated. Rows are shuffled, since an episode's come class by class.

    Args:
        support: The support.
        size: Rows a step; None means all of them.
        step: The step, from 0.

    Example:
        >>> support = Batch(inputs=torch.arange(4), targets={"y": torch.arange(4)})
        >>> torch.cat([inner_rows(support, 2, step).inputs for step in (0, 1)]).sort().values
        tensor([0, 1, 2, 3])
    """
    n_rows = len(support)
    if size is None or size >= n_rows:
        return support
    found: list[int] = []
    while len(found) < size:
        position = step * size + len(found)
        order = numpy_generator(0, "inner rows", position // n_rows).permutation(n_rows).tolist()
        found += order[position % n_rows :][: size - len(found)]
    return support.map(lambda tensor: tensor[found])
