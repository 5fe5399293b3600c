"""The gradients at the place where the tasks leave what they share, from which its backward pass starts.

How it works. Where every task leaves by a linear layer of its own, such as a head of one layer, the gradient
of objective t at the representation is a product, ``D_t W_t``, of what arrives at the layer and its weight.
Then the backward pass stops at the layers, and what is wanted is made of the factors: inner products are
``<D_t W_t, D_s W_s> = sum((D_t^T D_s) * (W_t W_s^T))``, and a weighted sum is one product of matrices with
the outputs of all tasks side by side. Nothing as large as objectives x representation is written or read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge, Node

from polytask.core.torch_internals import saved, tensor_hooks

__all__ = ["LinearExit", "LinearSeeds", "Seeds", "StackedSeeds", "linear_exits"]


class Seeds(Protocol):
    """The gradients of all objectives at one representation."""

    def row(self, index: int) -> Tensor:
        """Return the gradient of one objective, of the representation's shape."""
        ...

    def combined(self, weights: Tensor) -> Tensor:
        """Return the sum of the gradients, weighted by ``[objective]``, of the representation's shape."""
        ...

    def gramian(self, dtype: torch.dtype) -> Tensor:
        """Return their inner products, ``[objective, objective]``, computed in this type."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StackedSeeds:
    """Gradients as they are.

    Args:
        rows: ``[objective, ...]``.
    """

    rows: Tensor

    def row(self, index: int) -> Tensor:
        """See `Seeds.row`."""
        return self.rows[index]

    def combined(self, weights: Tensor) -> Tensor:
        """See `Seeds.combined`."""
        return torch.tensordot(weights.to(self.rows), self.rows, dims=1)

    def gramian(self, dtype: torch.dtype) -> Tensor:
        """See `Seeds.gramian`."""
        rows = self.rows.flatten(1).to(dtype)
        return rows @ rows.T


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearExit:
    """The product ``inputs @ matrix`` by which an objective leaves the representation, its inputs.

    Args:
        node: Its node in the graph.
        matrix: ``[input, output]``.
    """

    node: Node
    matrix: Tensor

    @property
    def edge(self) -> GradientEdge:
        """Where the gradient is to be taken: at the product."""
        return GradientEdge(self.node, 0)


class LinearSeeds:
    """Gradients that are products of two small matrices each.

    Args:
        arrived: What arrives at the products, ``[row, output]`` each.
        matrices: What they multiply with, ``[input, output]`` each.
        owners: The objective that each of them belongs to, by position.
        n_objectives: How many objectives there are; those without a product have a gradient of 0.

    Example:
        >>> seeds = LinearSeeds([torch.ones(2, 1)], [torch.tensor([[1.0], [2.0], [3.0]])], [0], 2)
        >>> seeds.row(0)
        tensor([[1., 2., 3.],
                [1., 2., 3.]])
        >>> seeds.gramian(torch.float32)
        tensor([[28.,  0.],
                [ 0.,  0.]])
    """

    def __init__(
        self, arrived: Sequence[Tensor], matrices: Sequence[Tensor], owners: Sequence[int], n_objectives: int
    ) -> None:
        with torch.no_grad():  # a matrix may have a graph behind it
            self._arrived = torch.cat(list(arrived), 1).T  # [output of all, row]
            self._weights = torch.cat(list(matrices), 1).T  # [output of all, input]
        self._n_objectives = n_objectives
        sizes = [matrix.shape[1] for matrix in matrices]
        self._owners = [owner for owner, size in zip(owners, sizes, strict=True) for _ in range(size)]

    def row(self, index: int) -> Tensor:
        """See `Seeds.row`."""
        own = [column for column, owner in enumerate(self._owners) if owner == index]
        if not own:
            return self._weights.new_zeros(self._arrived.shape[1], self._weights.shape[1])
        mine = slice(own[0], own[-1] + 1)  # side by side
        return self._arrived[mine].T @ self._weights[mine]

    def combined(self, weights: Tensor) -> Tensor:
        """See `Seeds.combined`."""
        of_outputs = weights.to(self._arrived)[self._owners]
        return (self._arrived * of_outputs[:, None]).T @ self._weights

    def gramian(self, dtype: torch.dtype) -> Tensor:
        """See `Seeds.gramian`."""
        arrived, weights = self._arrived.to(dtype), self._weights.to(dtype)
        products = (arrived @ arrived.T) * (weights @ weights.T)  # [output of all, output of all]
        if self._owners == list(range(self._n_objectives)):
            return products
        owners = torch.tensor(self._owners, device=products.device)
        by_row = products.new_zeros(self._n_objectives, len(products)).index_add_(0, owners, products)
        return by_row.new_zeros(self._n_objectives, self._n_objectives).index_add_(1, owners, by_row)


def linear_exits(
    taps: Mapping[str, Tensor], users: Mapping[Node, Sequence[Node]], names: Sequence[str]
) -> list[LinearExit | None] | None:
    """Return the product by which each objective leaves a representation; None for one that does not use it.

    Args:
        taps: The views of the representation, by the objective's name.
        users: By node of a tap, the nodes that use it.
        names: Those of the objectives.

    Returns:
        As many as objectives; None in place of all where one leaves otherwise, where a hook waits for the
        gradient at a tap, or where the gradients themselves are cheaper to handle, as for many outputs.
    """
    exits: list[LinearExit | None] = []
    n_outputs = 0
    for name in names:
        tap = taps.get(name)
        node = None if tap is None else tap.grad_fn
        using = () if node is None else users.get(node, ())
        if tap is None or not using:
            exits.append(None)
            continue
        matrix = _matrix(using[0], node) if len(using) == 1 else None
        if matrix is None or tensor_hooks(tap):
            return None
        exits.append(LinearExit(node=using[0], matrix=matrix))
        n_outputs += matrix.shape[1]
    n_rows, n_inputs = next(iter(taps.values())).shape if n_outputs else (0, 0)
    saves = n_outputs**2 * (n_rows + n_inputs) <= n_rows * n_inputs * len(names) * (len(names) + 1)
    return exits if n_outputs and saves else None


def _matrix(node: Any, tap: Node | None) -> Tensor | None:
    """Return the matrix ``[input, output]`` that a tap is multiplied with; None where there is none."""
    name = node.name()
    if name == "AddmmBackward0":
        _, (used, _), (other, _) = node.next_functions
        plain = saved(node, "alpha") == 1
    elif name == "MmBackward0":
        (used, _), (other, _) = node.next_functions
        plain = True
    else:
        return None
    matrix = saved(node, "mat2") if plain and used is tap and other is not tap else None
    return matrix if matrix is not None and matrix.layout is torch.strided else None
