"""Linear layers as they stand in the graph of a step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from polytask.core.torch_internals import saved, tensor_hooks

__all__ = ["Consumers", "LinearUse", "consumers_of", "linear_uses", "plain_leaf"]

Consumers = Mapping[Node, Sequence[Node | None]]
"""By node of a graph, who uses what it makes; None stands for the gradient that comes from outside."""

_EIGEN = {"cpu": 45.0}  # operations that the eigenvectors of an [n, n] matrix cost, in n³
_EIGEN_ELSEWHERE = 3e4
_HOLD = 150.0  # operations that it costs to write, copy and read one number of the Jacobian


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearUse:
    r"""The one place in a graph where a weight is used: a product of inputs with it.

    The gradient of the weight is :math:`D_t^\top A`, with :math:`D_t` the gradient at the product and
    :math:`A` the inputs, whatever comes before and after.

    Args:
        parameters: The weight, and the bias where its gradient is wanted and it is used nowhere else.
        node: The node of the product.
        inputs: :math:`A`, ``[row, input]``.
    """

    parameters: tuple[Tensor, ...]
    node: Any
    inputs: Tensor

    @property
    def edge(self) -> GradientEdge:
        """Where the gradient is to be taken: at the product."""
        return GradientEdge(self.node, 0)

    @property
    def n_outputs(self) -> int:
        """Return how many outputs a row has."""
        return len(self.parameters[0])

    @property
    def narrow(self) -> bool:
        """Whether there are fewer rows than inputs."""
        return self.inputs.shape[0] < self.inputs.shape[1]

    def saved(self, n_objectives: int) -> float:
        """Return how many operations a factor of the inputs saves, by a fixed model of what things cost."""
        n_rows, n_inputs = self.inputs.shape
        each = 2.0 * n_rows + 2.0 * n_objectives + _HOLD  # of every number that is never formed
        eigen = _EIGEN.get(self.inputs.device.type, _EIGEN_ELSEWHERE)
        factor = 2.0 * n_rows**2 * n_inputs + eigen * n_rows**3
        return n_objectives * self.n_outputs * (n_inputs - n_rows) * each - factor

    def factor(self) -> Tensor:
        """Return R ``[row, row]`` with R Rᵀ = A Aᵀ; a bias is an input that is always 1."""
        dtype = self.parameters[0].dtype
        inputs = self.inputs.detach().to(dtype)
        products = inputs @ inputs.T
        if len(self.parameters) > 1:
            products = products + 1
        # In double precision: the root would double the relative error of small eigenvalues.
        values, vectors = torch.linalg.eigh(products.double())
        return (vectors * values.clamp(min=0).sqrt()).to(dtype)


def consumers_of(roots: Sequence[Tensor]) -> Consumers:
    """Return every node that a backward pass from these tensors comes by, with its users."""
    starts = [root.grad_fn for root in roots if root.grad_fn is not None]
    found: dict[Node, list[Node | None]] = {start: [None] for start in starts}
    waiting = list(found)
    while waiting:
        node = waiting.pop()
        for used, _ in node.next_functions:
            if used is None:
                continue
            if used not in found:
                found[used] = []
                waiting.append(used)
            found[used].append(node)
    return found


def plain_leaf(node: Node | None, consumers: Consumers, wanted: set[int]) -> Tensor | None:
    """Return the wanted parameter that is used here alone; None where the graph does not tell so.

    Casts, as autocast makes them, may lie between. A parameter whose gradient a hook may change is left out.

    Args:
        node: The node that stands for the parameter.
        consumers: See `consumers_of`.
        wanted: The ids of the parameters whose gradients are wanted.
    """
    while node is not None and len(consumers[node]) == 1:
        if node.name() == "ToCopyBackward0":
            node = node.next_functions[0][0]
            continue
        variable = getattr(node, "variable", None)
        plain = variable is not None and id(variable) in wanted and not tensor_hooks(variable)
        return variable if plain else None
    return None


def linear_uses(consumers: Consumers, shared: Sequence[Tensor]) -> Iterator[LinearUse]:
    """Yield the linear layers of a graph whose weight is a shared parameter and used once.

    It does not matter by which module, function or wrapper a layer was called: a weight that is pruned,
    normalized, parametrized, tied or used in another place too is none that is found.

    Args:
        consumers: See `consumers_of`.
        shared: The parameters whose gradients are wanted.
    """
    wanted = {id(parameter) for parameter in shared}
    for node in consumers:
        name = node.name()
        if name == "AddmmBackward0":
            (bias, _), _, (matrix, _) = node.next_functions
        elif name == "MmBackward0":
            bias, (matrix, _) = None, node.next_functions[1]
        else:
            continue
        if matrix is None or matrix.name() != "TBackward0" or len(consumers[matrix]) != 1:
            continue
        weight = plain_leaf(matrix.next_functions[0][0], consumers, wanted)
        if weight is None or not _plain_product(node, with_bias=name == "AddmmBackward0"):
            continue
        offset = plain_leaf(bias, consumers, wanted)
        fits = offset is not None and offset.shape == weight.shape[:1]
        yield LinearUse(
            parameters=(weight, offset) if fits and offset is not None else (weight,),
            node=node,
            inputs=saved(node, "mat1") if name == "AddmmBackward0" else saved(node, "self"),
        )


def _plain_product(node: Any, *, with_bias: bool) -> bool:
    inputs = saved(node, "mat1") if with_bias else saved(node, "self")
    scaled = with_bias and not (saved(node, "alpha") == 1 and saved(node, "beta") == 1)
    return inputs.layout is torch.strided and not scaled
