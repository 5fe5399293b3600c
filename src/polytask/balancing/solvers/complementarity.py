"""Convex quadratics over the non-negative numbers, many at once."""

import torch
from torch import Tensor

from polytask.balancing.solvers.scaled import in_float64
from polytask.core import TrainingError

__all__ = ["nonnegative_minimum"]

_PATIENCE = 3
_ITERATIONS = 1000


def nonnegative_minimum(matrix: Tensor, linear: Tensor, *, start: Tensor | None = None) -> Tensor:
    r"""Minimize convex quadratics over the non-negative numbers.

    .. math:: \min_{x \ge 0} \tfrac12 x^\top Q x + q^\top x

    An entry is either free, and has slope zero, or zero, and has a slope that is not negative. All entries
    that break their side change it together; where that stops helping, only the last one does, which cannot
    cycle.

    Args:
        matrix: :math:`Q`, positive definite with a diagonal near 1, float64 ``[..., entry, entry]``.
        linear: :math:`q`, ``[..., entry]``; leading dimensions broadcast against those of ``matrix``.
        start: The entries believed to be free, bool ``[..., entry]``; those that go down at zero if None.

    Returns:
        The minimizers, ``[..., entry]``.

    Raises:
        TrainingError: No minimizer was found; the matrix is not positive definite.

    Example:
        >>> nonnegative_minimum(torch.eye(2).double(), torch.tensor([-3.0, 1.0]).double())
        tensor([3., 0.], dtype=torch.float64)

    References:
        Joaquim Júdice, Fernanda Pires, "A block principal pivoting algorithm for large-scale strictly
        monotone linear complementarity problems", Computers & Operations Research, 1994.
    """
    n = linear.shape[-1]
    lead = torch.broadcast_shapes(matrix.shape[:-2], linear.shape[:-1])
    groups = torch.arange(matrix[..., 0, 0].numel()).view(matrix.shape[:-2]).expand(lead).reshape(-1)
    matrices = matrix.reshape(-1, n, n)  # [group, entry, entry]; each may belong to many problems
    linears = linear.expand(*lead, n).reshape(-1, n)
    free = linears < 0 if start is None else start.expand(*lead, n).reshape(-1, n)
    result = torch.zeros_like(linears)
    best = torch.full((len(linears),), n + 1)
    patience = torch.full((len(linears),), _PATIENCE)
    rows = torch.arange(len(linears))  # the problems still open
    for _ in range(_ITERATIONS):
        found, wrong = _attempt(matrices, groups, linears, free)
        count = wrong.sum(-1)
        done = count == 0
        if bool(done.any()):
            result[rows[done]] = found[done]
            if bool(done.all()):
                return result.view(*lead, n)
            still = ~done
            rows, groups, linears, free = rows[still], groups[still], linears[still], free[still]
            wrong, count, best, patience = wrong[still], count[still], best[still], patience[still]
        better = count < best
        best = torch.minimum(best, count)
        patience = torch.where(better, _PATIENCE, patience - 1)
        free = free ^ torch.where((patience >= 0)[:, None], wrong, _last(wrong))
    raise TrainingError(
        f"A quadratic program of {n} objectives was not solved in {_ITERATIONS} iterations. "
        f"{in_float64()}, or look for gradients of very different lengths."
    )


def _attempt(matrices: Tensor, groups: Tensor, linear: Tensor, free: Tensor) -> tuple[Tensor, Tensor]:
    """Solve with these entries free; return the solution and the entries on the wrong side."""
    entries = _solve_free(matrices, groups, linear, free)
    if len(matrices) == 1:
        slope = entries @ matrices[0] + linear
    else:
        slope = torch.einsum("pij,pj->pi", matrices[groups], entries) + linear
    below = entries < -1e-13 * entries.abs().amax(-1, keepdim=True)
    downhill = slope < -1e-12 * linear.abs().amax(-1, keepdim=True)
    return entries.clamp(min=0), torch.where(free, below, downhill)


def _solve_free(matrices: Tensor, groups: Tensor, linear: Tensor, free: Tensor) -> Tensor:
    """Return the point ``[problem, entry]`` of slope zero in the free entries; the others are 0."""
    most = int(free.sum(-1).max())
    if most == 0:
        return torch.zeros_like(linear)
    # The systems are as large as the most free entries: those first, then entries kept at zero as padding.
    inside, places = free.to(torch.uint8).topk(most, dim=-1)
    inside = inside.bool()
    system = matrices[groups[:, None, None], places[:, :, None], places[:, None, :]]
    system = torch.where(inside[:, :, None] & inside[:, None, :], system, 0.0)
    system = system + torch.diag_embed((~inside).to(linear))
    wanted = torch.where(inside, -linear.gather(-1, places), 0.0)
    solved, _ = torch.linalg.solve_ex(system, wanted)
    return torch.zeros_like(linear).scatter(-1, places, solved)


def _last(wrong: Tensor) -> Tensor:
    places = torch.arange(1, wrong.shape[-1] + 1)
    last = (wrong * places).argmax(-1)
    return torch.nn.functional.one_hot(last, wrong.shape[-1]).bool() & wrong
