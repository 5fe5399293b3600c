"""Solvers of implicit differentiation: against a direct solution, by the number of iterations."""

import pytest
import torch
from torch import Tensor, nn

from polytask.core import Batch, Episode, InputError, Task, generator
from polytask.core.learner import TOGETHER, State
from polytask.meta.adaptation.implicit import conjugate_gradient, neumann
from polytask.meta.adaptation.rules import SGD
from polytask.meta.initialization import IMAML

NUMBER = Task(name="y", kind="regression")


def system(size: int) -> tuple[Tensor, Tensor]:
    """Return a positive definite matrix with eigenvalues far apart, and a right-hand side."""
    draw = generator(0, "system", size)
    basis, _ = torch.linalg.qr(torch.randn(size, size, generator=draw, dtype=torch.float64))
    matrix = basis @ torch.diag(torch.linspace(1, 9, size, dtype=torch.float64)) @ basis.T
    return matrix, torch.randn(size, generator=draw, dtype=torch.float64)


def cut(row: Tensor) -> State:
    return {"a": row[:1], "b": row[1:].reshape(-1, 1)}


def product(matrix: Tensor):
    return lambda state: cut(matrix @ torch.cat([state["a"], state["b"].flatten()]))


@pytest.mark.parametrize("size", [2, 4, 6])
def test_conjugate_gradients_solve_a_system_in_as_many_iterations_as_it_has_dimensions(size):
    matrix, target = system(size)
    expected = cut(torch.linalg.solve(matrix, target))
    found = conjugate_gradient(product(matrix), cut(target), n_iterations=size)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    short = conjugate_gradient(product(matrix), cut(target), n_iterations=size - 1)
    assert max(float((short[name] - expected[name]).abs().max()) for name in short) > 1e-3


@pytest.mark.parametrize("n_iterations", [0, 1, 2, 3])
def test_conjugate_gradients_are_the_best_of_the_space_searched_so_far(n_iterations):
    matrix, target = system(5)
    found = conjugate_gradient(product(matrix), cut(target), n_iterations=n_iterations)
    space = [target]
    for _ in range(n_iterations - 1):
        space.append(matrix @ space[-1])
    basis = torch.stack(space, dim=1)[:, :n_iterations]  # the least energy over b, Ab, A²b ...
    best = basis @ torch.linalg.solve(basis.T @ matrix @ basis, basis.T @ target)
    torch.testing.assert_close(found, cut(best), rtol=1e-8, atol=1e-8)


def test_a_solved_system_stays_solved():
    found = conjugate_gradient(product(2 * torch.eye(3)), cut(torch.ones(3)), n_iterations=9)
    torch.testing.assert_close(found, cut(torch.full((3,), 0.5)))


@pytest.mark.parametrize("n_terms", [0, 1, 4])
def test_the_series_has_so_many_terms_beside_the_first(n_terms):
    matrix, target = torch.diag(torch.tensor([0.5, 1.25, 0.75])), torch.tensor([1.0, -2.0, 3.0])
    power = torch.eye(3) - matrix
    expected = sum(torch.linalg.matrix_power(power, j) @ target for j in range(n_terms + 1))
    torch.testing.assert_close(neumann(product(matrix), cut(target), n_terms=n_terms), cut(expected))


@pytest.mark.parametrize("strength", [0.5, 3.0])
def test_the_implicit_gradient_of_a_line_is_exact_with_a_solver_step_for_each_parameter(strength):
    draw = generator(1)

    def line(n_rows: int) -> Batch:
        x = torch.randn(n_rows, 2, generator=draw, dtype=torch.float64)
        return Batch(inputs=x, targets={"y": torch.randn(n_rows, generator=draw, dtype=torch.float64)})

    episode = Episode(tasks=(NUMBER,), support=line(6), query=line(5))
    model = nn.Linear(2, 1).double()
    learner = IMAML(model, strength=strength, rule=SGD(0.05), n_steps=4, n_solver_steps=3)
    learner.objectives([episode]).total().backward()
    found = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    assert episode.support is not None
    end = torch.cat(
        [p.flatten() for p in learner.learn([NUMBER], episode.support)[TOGETHER].values()]
    ).detach()
    wide = [torch.cat([b.inputs, torch.ones(len(b), 1)], 1) for b in (episode.support, episode.query)]
    curvature = 2 * wide[0].T @ wide[0] / len(wide[0])
    outer = 2 * wide[1].T @ (wide[1] @ end - episode.query.targets["y"]) / len(wide[1])
    expected = torch.linalg.solve(torch.eye(3, dtype=torch.float64) + curvature / strength, outer)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


def test_a_negative_number_of_solver_steps_is_named():
    with pytest.raises(InputError, match="`n_solver_steps` must be 0 or more, got -1"):
        IMAML(nn.Linear(1, 1), n_solver_steps=-1)
