"""Trace-norm sharing pulls the trunks of all tasks to a common low rank."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from polytask.architectures.trace_norm_sharing import TraceNormSharing, trace_norm
from polytask.architectures.trunks import table_trunk
from polytask.core import InputError, generator, private_parameters, seeded, shared_parameters
from polytask.core.random import numpy_generator

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def matrix(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, dtype=dtype, generator=generator(0, "matrix"))


def build(strength: float = 0.5) -> TraceNormSharing:
    """Make trunks that differ."""
    sharing = TraceNormSharing(NAMES, lambda: table_trunk(4, [5, 3]), strength=strength)
    draw = generator(0, "weights")
    for parameter in sharing.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=draw))
    return sharing


def maps() -> TraceNormSharing:
    return TraceNormSharing(NAMES, lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Tanh()))


CASES = {"vectors": (build, (4,)), "maps": (maps, (1, 5, 5))}


@settings(deadline=None)
@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 10_000))
def test_the_norm_is_the_sum_of_the_singular_values(n_rows, n_columns, seed):
    weights = numpy_generator(seed, "weights").normal(size=(n_rows, n_columns))
    found = trace_norm(torch.from_numpy(weights), smoothing=1e-14).item()
    assert found == pytest.approx(np.linalg.svd(weights, compute_uv=False).sum(), rel=1e-6, abs=1e-6)


def test_smoothing_acts_on_each_singular_value_as_in_the_equation():
    weights = matrix(3, 7)
    values = np.linalg.svd(weights.numpy(), compute_uv=False)
    expected = (np.sqrt(values**2 + 0.3) - np.sqrt(0.3)).sum()
    assert trace_norm(weights, smoothing=0.3).item() == pytest.approx(expected, rel=1e-12)


def test_the_gradient_is_that_of_the_singular_value_decomposition():
    weights = matrix(3, 7).requires_grad_()
    (found,) = torch.autograd.grad(trace_norm(weights, smoothing=1e-14), weights)
    left, _, right = np.linalg.svd(weights.detach().numpy(), full_matrices=False)
    np.testing.assert_allclose(found.numpy(), left @ right, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("weights", [matrix(3, 7), matrix(5, 2), torch.ones(3, 4).double()])
def test_the_gradient_agrees_with_finite_differences(weights):
    torch.autograd.gradcheck(lambda w: trace_norm(w, smoothing=1e-2), weights.clone().requires_grad_())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "weights", [torch.zeros(3, 5), torch.ones(3, 5), torch.eye(3, 5), torch.ones(4, 2)], ids=str
)
def test_zeros_equal_rows_and_equal_singular_values_give_finite_gradients(weights, dtype):
    weights = weights.to(dtype).requires_grad_()
    value = trace_norm(weights)
    (found,) = torch.autograd.grad(value, weights)
    assert value.dtype == found.dtype == dtype
    singular = torch.linalg.svdvals(weights.detach().double())
    expected = ((singular.square() + 1e-6).sqrt() - 1e-3).sum()
    assert value.item() == pytest.approx(
        expected.item(), rel=1e-2 if dtype is torch.bfloat16 else 1e-5, abs=1e-9
    )
    # The gradient is the smoothed polar factor: along the matrix it is the sum of s^2 / sqrt(s^2 + eps).
    along = (found.double() * weights.detach().double()).sum().item()
    expected = (singular.square() / (singular.square() + 1e-6).sqrt()).sum().item()
    assert along == pytest.approx(expected, rel=1e-2 if dtype is torch.bfloat16 else 1e-5, abs=1e-9)


def test_a_small_difference_between_equal_rows_is_felt_in_single_precision():
    direction = matrix(50, dtype=torch.float32)
    direction /= direction.norm()
    common = torch.full((50,), 10.0)
    weights = torch.stack([common, common + 0.01 * direction]).requires_grad_()
    (found,) = torch.autograd.grad(trace_norm(weights, smoothing=1e-8), weights)
    pull = ((found[1] - found[0]) @ (direction - direction.mean())).item()
    assert pull == pytest.approx(
        2**0.5, rel=0.05
    )  # a unit vector of the rows' difference, as it would be exactly


def test_autocast_does_not_round_it():
    weights = matrix(3, 40, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = trace_norm(weights)
    torch.testing.assert_close(inside, trace_norm(weights), rtol=0, atol=0)


def test_a_gradient_of_the_gradient_is_refused():
    weights = matrix(2, 3).requires_grad_()
    with pytest.raises(InputError, match="no gradient of it"):
        torch.autograd.grad(trace_norm(weights), weights, create_graph=True)


def test_the_penalty_sums_the_norms_of_all_layers():
    sharing = build(strength=0.5)
    expected = 0.0
    for layer in zip(*[sharing.trunks[name].parameters() for name in NAMES], strict=True):
        stacked = np.stack([weights.detach().numpy().ravel() for weights in layer])
        expected += np.linalg.svd(stacked, compute_uv=False).sum()
    assert sharing(rows(4), ["a"]).penalty.item() == pytest.approx(0.5 * expected, rel=1e-2)


def test_the_penalty_counts_all_tasks_whichever_are_asked():
    sharing = build()
    expected = sharing(rows(4), NAMES).penalty
    torch.testing.assert_close(sharing(rows(4), ["d"]).penalty, expected, rtol=0, atol=0)


def test_gradient_steps_on_the_penalty_lower_the_rank():
    sharing = build(strength=1.0)
    optimizer = torch.optim.SGD(sharing.parameters(), lr=0.02)

    def singular_values() -> torch.Tensor:
        return torch.linalg.svdvals(
            torch.stack([sharing.trunks[name][0].weight.detach().flatten() for name in NAMES])
        )

    before = singular_values()
    n_steps = int(float(before[1]) * 1.1 / 0.02)  # each step takes 0.02 from each singular value
    for _ in range(n_steps):
        optimizer.zero_grad()
        sharing(rows(4), []).penalty.backward()
        optimizer.step()
    after = singular_values()
    assert before[1] > 1 and after[1] < 0.05 < after[0]


def test_trunks_start_equal_and_are_private():
    sharing = TraceNormSharing(NAMES, lambda: table_trunk(4, [5, 3]))
    found = sharing(rows(4), NAMES).by_task
    assert all(torch.equal(found["a"], found[name]) for name in NAMES)
    assert shared_parameters(sharing) == [] and list(private_parameters(sharing)) == NAMES


def test_from_the_equal_start_the_penalty_has_a_finite_gradient():
    sharing = TraceNormSharing(NAMES, lambda: table_trunk(4, [5, 3]))
    sharing(rows(4), NAMES).penalty.backward()
    first, *others = [[p.grad for p in sharing.trunks[name].parameters()] for name in NAMES]
    # Equal rows have one direction, and each a share of it: all are drawn towards 0 alike, and not apart.
    for own in others:
        torch.testing.assert_close(own, first, rtol=1e-4, atol=1e-8)
    for gradient, parameter in zip(first, sharing.trunks[NAMES[0]].parameters(), strict=True):
        if bool(parameter.any()):
            assert (
                float(torch.cosine_similarity(gradient.flatten(), parameter.detach().flatten(), dim=0)) > 0.99
            )


def test_an_objective_reaches_the_trunk_of_its_task_alone():
    sharing = build()
    sharing(rows(4), NAMES).by_task["d"].sum().backward()
    for name, own in private_parameters(sharing).items():
        assert all((parameter.grad is not None) == (name == "d") for parameter in own)


def test_frozen_parameters_are_left_out_of_the_penalty():
    sharing = build()
    for name in NAMES:
        sharing.trunks[name][0].requires_grad_(False)
    parts = [[*sharing.trunks[name][3].parameters()] for name in NAMES]
    expected = sum(
        trace_norm(torch.stack([w.flatten() for w in layer])) for layer in zip(*parts, strict=True)
    )
    torch.testing.assert_close(sharing(rows(4), []).penalty, 0.5 * expected)


def test_there_is_no_penalty_in_evaluation_without_strength_or_for_one_task():
    assert build().eval()(rows(4), NAMES).penalty is None
    assert build(strength=0.0)(rows(4), NAMES).penalty is None
    assert TraceNormSharing(["a"], lambda: nn.Linear(4, 2))(rows(4), ["a"]).penalty is None


def test_one_seed_gives_one_start():
    def start() -> torch.Tensor:
        with seeded(0, "initialization"):
            return TraceNormSharing(NAMES, lambda: nn.Linear(2, 2)).trunks["d"].weight

    assert torch.equal(start(), start())


def test_all_bad_numbers_are_named_at_once():
    message = "`strength` must be 0 or more, got -1; `smoothing` must be above 0, got 0"
    with pytest.raises(InputError, match=message):
        TraceNormSharing(NAMES, lambda: nn.Linear(1, 1), strength=-1, smoothing=0)
    with pytest.raises(InputError, match="`strength` must be 0 or more, got nan"):
        TraceNormSharing(NAMES, lambda: nn.Linear(1, 1), strength=float("nan"))
