"""Solvers for the linear system of implicit differentiation, on parameters by name."""

from collections.abc import Callable

import torch
from torch import Tensor

from polytask.core.learner import State

__all__ = ["conjugate_gradient", "neumann"]

Product = Callable[[State], State]
"""A symmetric matrix times a vector; vectors are parameters by name."""


def conjugate_gradient(product: Product, target: State, *, n_iterations: int) -> State:
    """Solve ``product(x) = target`` for a positive definite matrix, by a fixed number of iterations from 0.

    A fixed number runs within `torch.func.vmap`; a system that is solved earlier stays as it is.

    Args:
        product: The matrix.
        target: The right-hand side.
        n_iterations: Products with the matrix.

    Example:
        >>> double = lambda x: {"w": 2 * x["w"]}
        >>> conjugate_gradient(double, {"w": torch.tensor([2.0, 4.0])}, n_iterations=3)
        {'w': tensor([1., 2.])}

    References:
        Hestenes, Stiefel. Methods of Conjugate Gradients for Solving Linear Systems. Journal of Research of
        the National Bureau of Standards 49(6), 1952.
    """
    found = {name: torch.zeros_like(tensor) for name, tensor in target.items()}
    residual, direction = target, target
    length = _dot(residual, residual)
    for _ in range(n_iterations):
        image = product(direction)
        step = _ratio(length, _dot(direction, image))
        found = _plus(found, step, direction)
        residual = _plus(residual, -step, image)
        shorter = _dot(residual, residual)
        direction = _plus(residual, _ratio(shorter, length), direction)
        length = shorter
    return found


def neumann(product: Product, target: State, *, n_terms: int) -> State:
    r"""Sum :math:`\sum_{j=0}^{J} (I - A)^j b`, which tends to :math:`A^{-1} b` if :math:`\|I - A\| < 1`.

    Args:
        product: The matrix :math:`A`.
        target: The right-hand side :math:`b`.
        n_terms: Products with the matrix, :math:`J`; 0 returns the right-hand side.

    Example:
        >>> half = lambda x: {"w": 0.5 * x["w"]}
        >>> neumann(half, {"w": torch.tensor([1.0])}, n_terms=3)
        {'w': tensor([1.8750])}

    References:
        Lorraine, Vicol, Duvenaud. Optimizing Millions of Hyperparameters by Implicit Differentiation. AISTATS
        2020, arXiv:1911.02590, algorithm 3.
    """
    found, term = target, target
    for _ in range(n_terms):
        term = _plus(term, -1.0, product(term))
        found = _plus(found, 1.0, term)
    return found


def _dot(left: State, right: State) -> Tensor:
    return torch.stack([(left[name] * right[name]).sum() for name in left]).sum()


def _plus(start: State, factor: Tensor | float, direction: State) -> State:
    return {name: tensor + factor * direction[name] for name, tensor in start.items()}


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    """Divide, with 0 where the system is solved already."""
    positive = below > torch.finfo(below.dtype).tiny
    return torch.where(positive, above / torch.where(positive, below, 1.0), 0.0)
