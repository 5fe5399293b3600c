"""Finite differences tell a right derivative from a wrong one, in small tensors and next to kinks."""

import math

import pytest
import torch
from torch import Tensor, nn

from polytask.execution.finite_differences import directions, finite_difference_errors, without_jumps


def parameters(*values: list[float]) -> list[tuple[str, nn.Parameter]]:
    return [
        (f"p{index}", nn.Parameter(torch.tensor(value, dtype=torch.float64)))
        for index, value in enumerate(values)
    ]


def test_directions_are_unit_vectors_over_all_and_within_each_tensor() -> None:
    drawn = directions(parameters([1.0, 2.0], [3.0]), 2, 0)
    assert [direction.name for direction in drawn] == ["", "", "p0", "p1"]
    for direction in drawn:
        assert float(direction.vector.norm()) == pytest.approx(1)
    assert drawn[2].vector[2] == 0
    assert torch.equal(drawn[3].vector[:2], torch.zeros(2, dtype=torch.float64))


def test_a_right_gradient_is_right_to_nine_places_and_the_parameters_are_put_back() -> None:
    named = parameters([0.3, -0.7], [1.1])
    (_, a), (_, b) = named

    def values() -> Tensor:
        return torch.stack([(a.exp() * b).sum(), (a.sin() + b**3).sum()])

    rows = torch.stack(
        [torch.cat([a.exp() * b, a.exp().sum()[None]]), torch.cat([a.cos(), 2 * 3 * b**2])]
    ).detach()
    before = [p.detach().clone() for _, p in named]
    errors = finite_difference_errors(values, [a, b], rows, directions(named, 3, 0))
    assert set(errors) == {"", "p0", "p1"}
    assert max(errors.values()) < 1e-9
    assert all(torch.allclose(p, old, rtol=0, atol=1e-15) for (_, p), old in zip(named, before, strict=True))


def test_an_error_in_a_tensor_of_small_gradients_is_seen_there() -> None:
    named = parameters([0.3], [1.0])
    (_, a), (_, b) = named
    rows = torch.tensor([[1.0, 2e-4 * 1.01]], dtype=torch.float64)  # a hundredth off, in a tiny part
    errors = finite_difference_errors(
        lambda: torch.stack([a.sum() + 1e-4 * (b**2).sum()]), [a, b], rows, directions(named, 0, 0)
    )
    assert errors["p0"] < 1e-9
    assert errors["p1"] == pytest.approx(0.0099, rel=0.01)


def test_a_kink_beyond_the_shortest_step_does_no_harm() -> None:
    named = parameters([1e-5])
    a = named[0][1]
    errors = finite_difference_errors(
        lambda: torch.stack([3 * a.relu().sum()]),
        [a],
        torch.tensor([[3.0]], dtype=torch.float64),
        directions(named, 1, 0),
    )
    assert max(errors.values()) < 1e-6


def test_a_value_that_is_not_a_number_counts_as_wrong() -> None:
    named = parameters([1.0])
    a = named[0][1]
    errors = finite_difference_errors(
        lambda: torch.stack([a.sum() * torch.nan]),
        [a],
        torch.tensor([[0.0]], dtype=torch.float64),
        directions(named, 1, 0),
    )
    assert errors[""] == float("inf")


def test_a_jump_is_told_from_a_wrong_gradient_and_left_out() -> None:
    named = parameters([1.0, 0.3], [0.5])
    (_, a), (_, b) = named

    def values() -> Tensor:
        return torch.stack([a[0].detach().int() * a[1].exp() * b.sum()])

    rows = torch.tensor([[0.0, 0.5 * math.exp(0.3), math.exp(0.3)]], dtype=torch.float64)
    along = directions(named, 2, 0)
    assert min(finite_difference_errors(values, [a, b], rows, along)[name] for name in ("", "p0")) > 1
    smooth, jumps = without_jumps(values, [a, b], rows, along)
    assert jumps == ("p0",) and [one.name for one in smooth] == ["", "", "p0", "p1"]
    assert max(finite_difference_errors(values, [a, b], rows, smooth).values()) < 1e-9
    assert torch.equal(a.detach(), torch.tensor([1.0, 0.3], dtype=torch.float64))
    wrong = rows * torch.tensor([0.0, 1.01, 0.0], dtype=torch.float64)
    smooth, jumps = without_jumps(values, [a, b], wrong, along)
    errors = finite_difference_errors(values, [a, b], wrong, smooth)
    assert errors["p0"] == pytest.approx(0.0099, rel=0.01) and errors["p1"] > 1  # no jump: it stays in
