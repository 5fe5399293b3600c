"""Directional derivatives by central differences, against which a gradient is held."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from polytask.core import generator

__all__ = ["Direction", "directions", "finite_difference_errors", "without_jumps"]

_STENCILS = (
    (3e-6, ((1, 1 / 2),)),
    (1e-4, ((1, 2 / 3), (2, -1 / 12))),
    (1e-3, ((1, 2 / 3), (2, -1 / 12))),
)
"""Step, and the multiples of it with their weights. Rounding spoils the short steps, a kink between the
points (ReLU, max-pooling) the long ones; where one of them agrees with a derivative, that is no accident."""

_JUMP, _ROUNDED = 0.1, 1e-8
"""A difference that shrinks less than to this part with the step is a jump, if it is more than rounding."""

_FLOOR = 1e-5
"""Of a derivative, relative to the value: below it the rounding of the value is all there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """A direction in the space of all parameters.

    Args:
        name: Of the parameter that it changes; empty where it changes all of them.
        vector: Of length 1, ``[parameter]``.
    """

    name: str
    vector: Tensor


def directions(
    parameters: Sequence[tuple[str, nn.Parameter]], n_directions: int, seed: int
) -> list[Direction]:
    """Draw ``n_directions`` over all parameters, then one within each tensor, so that a small one counts."""
    sizes = [parameter.numel() for _, parameter in parameters]
    draws = generator(seed, "directions")
    drawn = []
    for index in (*[None] * n_directions, *range(len(sizes))):
        pieces = [torch.randn(size, generator=draws, dtype=torch.float64) for size in sizes]
        vector = torch.cat([piece * (index in (None, other)) for other, piece in enumerate(pieces)])
        name = "" if index is None else parameters[index][0]
        drawn.append(Direction(name=name, vector=(vector / vector.norm()).to(parameters[0][1].device)))
    return drawn


def finite_difference_errors(
    values: Callable[[], Tensor], parameters: Sequence[nn.Parameter], rows: Tensor, along: Sequence[Direction]
) -> dict[str, float]:
    """Return by name the worst distance of a derivative from finite differences, relative to the derivative.

    Of several steps and orders, the one counts that comes closest: see `_STENCILS`.

    Args:
        values: Computes ``[episode]`` at the present parameters.
        parameters: In float64; they are moved, and put back.
        rows: The gradients in question, ``[episode, parameter]``.
        along: The directions.
    """
    start = nn.utils.parameters_to_vector(parameters).detach().clone()
    at = _values_at(values, parameters)
    floor = _FLOOR * at(start).abs()  # [episode]
    errors: dict[str, float] = {}
    for direction in along:
        derivative = rows @ direction.vector  # [episode]
        scale = torch.maximum(derivative.abs(), floor).clamp_min(torch.finfo(rows.dtype).tiny)
        best = torch.full_like(scale, float("inf"))
        for step, stencil in _STENCILS:
            difference = sum(
                weight * (at(start + k * step * direction.vector) - at(start - k * step * direction.vector))
                for k, weight in stencil
            )
            error = ((difference / step - derivative) / scale).abs()
            best = torch.where(error.isnan(), best, torch.minimum(best, error))
            if bool((best < 1e-9).all()):
                break
        errors[direction.name] = max(errors.get(direction.name, 0.0), float(best.max()))
    nn.utils.vector_to_parameters(start, parameters)
    return errors


def without_jumps(
    values: Callable[[], Tensor], parameters: Sequence[nn.Parameter], rows: Tensor, along: Sequence[Direction]
) -> tuple[list[Direction], tuple[str, ...]]:
    """Keep directions off the numbers at which the value jumps, as there is no derivative.

    A parametrization that rounds a number is such a case: `torch.nn.utils.parametrizations.orthogonal` by
    Householder maps casts the diagonal of its tensor, 1 or -1, to whole numbers.

    Args:
        values: Computes ``[episode]`` at the present parameters.
        parameters: In float64; they are moved, and put back.
        rows: The gradients, ``[episode, parameter]``. In a tensor along which the value jumps, those numbers
            are left out of which no episode has a gradient.
        along: The directions, with one within each tensor.

    Returns:
        The directions that are left, and the names of the tensors along which the value jumps.
    """
    start = nn.utils.parameters_to_vector(parameters).detach().clone()
    at = _values_at(values, parameters)
    size = at(start).abs()  # [episode]
    still = (rows == 0).all(0)  # [parameter]
    left_out, names = torch.zeros_like(still), []
    for direction in along:
        short, long = (
            (at(start + step * direction.vector) - at(start - step * direction.vector)).abs()
            for step in (_STENCILS[0][0], _STENCILS[-1][0])
        )
        if direction.name and bool(((short > _JUMP * long) & (short > _ROUNDED * size)).any()):
            names.append(direction.name)
            left_out |= still & (direction.vector != 0)
    nn.utils.vector_to_parameters(start, parameters)
    cut = [(one.name, one.vector * ~left_out) for one in along]
    kept = [Direction(name=name, vector=vector / vector.norm()) for name, vector in cut if bool(vector.any())]
    return kept, tuple(names)


def _values_at(
    values: Callable[[], Tensor], parameters: Sequence[nn.Parameter]
) -> Callable[[Tensor], Tensor]:
    def at(point: Tensor) -> Tensor:
        nn.utils.vector_to_parameters(point, parameters)
        with torch.no_grad():
            return values()

    return at
