"""Weights of a low-rank common part and a sparse part of the task's own."""

import numpy as np
import pytest
import torch
from torch import nn

from polytask.architectures.sparse_low_rank import SparseLowRankSharing
from polytask.architectures.trunks import table_trunk
from polytask.core import InputError, generator, private_parameters, seeded, shared_parameters

NAMES = ["a", "b.c", "d", "e"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def fresh(rank: int = 2, **strengths: float) -> SparseLowRankSharing:
    return SparseLowRankSharing(NAMES, lambda: table_trunk(4, [5, 3]), rank=rank, **strengths)


def build(rank: int = 2, **strengths: float) -> SparseLowRankSharing:
    """Move all weights off their start, where all tasks are alike."""
    sharing, draw = fresh(rank, **strengths), generator(0, "weights")
    for parameter in sharing.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=draw))
    return sharing


def maps() -> SparseLowRankSharing:
    def trunk() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Tanh())

    return SparseLowRankSharing(NAMES, trunk, rank=2)


CASES = {"vectors": (build, (4,)), "maps": (maps, (1, 5, 5))}


def common_matrix(sharing: SparseLowRankSharing, key: str) -> np.ndarray:
    """Return what is left of all tasks' weights without their own parts, ``[task, weight]``."""
    parts = [sharing.weights(name)[key] - dict(sharing.own[name].named_parameters())[key] for name in NAMES]
    return np.stack([part.detach().numpy().ravel() for part in parts])


def test_a_task_computes_with_its_mixture_of_networks_plus_its_own_part():
    sharing, inputs = build(), rows(4).numpy()
    basis = [[each.detach().numpy() for each in network.parameters()] for network in sharing.basis]
    for name in NAMES:
        shares = sharing.mixtures[name].shares.detach().numpy()
        own = [each.detach().numpy() for each in sharing.own[name].parameters()]
        w1, b1, w2, b2 = (shares[p, 0] * basis[0][p] + shares[p, 1] * basis[1][p] + own[p] for p in range(4))
        expected = np.maximum(np.maximum(inputs @ w1.T + b1, 0) @ w2.T + b2, 0)
        found = sharing(rows(4), NAMES).by_task[name].detach().numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("key", ["0.weight", "0.bias", "3.weight"])
def test_the_common_parts_of_all_tasks_have_the_rank_that_was_asked(rank, key):
    assert np.linalg.matrix_rank(common_matrix(build(rank), key), tol=1e-4) == rank


def test_the_penalty_is_as_in_the_equation():
    sharing = build(sparse=0.3, low_rank=0.7)

    def entries(module: nn.Module) -> np.ndarray:
        return np.concatenate([each.detach().numpy().ravel() for each in module.parameters()])

    factors = np.concatenate([entries(sharing.mixtures), entries(sharing.basis)])
    expected = 0.3 * np.abs(entries(sharing.own)).sum() + 0.7 / 2 * np.square(factors).sum()
    assert sharing(rows(4), ["a"]).penalty.item() == pytest.approx(expected, rel=1e-5)


def test_at_balanced_factors_the_second_penalty_is_the_trace_norm():
    sharing = SparseLowRankSharing(NAMES, lambda: nn.Linear(5, 1, bias=False), rank=4, low_rank=0.7)
    target = torch.randn(4, 5, generator=generator(0, "target"))
    left, values, right = torch.linalg.svd(target, full_matrices=False)
    for name, row in zip(NAMES, left * values.sqrt(), strict=True):
        sharing.mixtures[name].shares.data.copy_(row[None])
    for network, row in zip(sharing.basis, values.sqrt()[:, None] * right, strict=True):
        network.weight.data.copy_(row[None])
    np.testing.assert_allclose(common_matrix(sharing, "weight"), target.numpy(), atol=1e-5)
    penalty = sharing(rows(5), NAMES).penalty.item()
    assert penalty == pytest.approx(0.7 * np.linalg.svd(target.numpy(), compute_uv=False).sum(), rel=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_at_first_every_task_is_the_first_network(rank):
    sharing = fresh(rank)
    found, expected = sharing(rows(4), NAMES).by_task, sharing.basis[0](rows(4))
    for name in NAMES:
        torch.testing.assert_close(found[name], expected)


def test_tasks_come_to_use_the_other_networks():
    with seeded(0, "initialization"):
        sharing = SparseLowRankSharing(NAMES, lambda: nn.Linear(4, 3), rank=2)
    by_task = sharing(rows(4), NAMES).by_task
    (by_task["a"].square().sum() - by_task["d"].square().sum()).backward()
    at_a, at_d = (sharing.mixtures[name].shares.grad for name in ["a", "d"])
    assert at_a[:, 1].abs().min() > 0
    torch.testing.assert_close(at_a, -at_d)


def test_low_rank_truth_with_one_odd_weight_is_taken_apart():
    draw = generator(0, "truth")
    truth = torch.outer(torch.tensor([1.0, -1.0, 2.0, 0.5]), torch.randn(6, generator=draw))
    truth[0, 3] += 4.0  # task "a" has something of its own
    inputs = torch.randn(64, 6, generator=draw)
    with seeded(0, "initialization"):
        sharing = SparseLowRankSharing(
            NAMES, lambda: nn.Linear(6, 1, bias=False), rank=1, sparse=0.0, low_rank=0.0
        )
    optimizer = torch.optim.SGD(sharing.parameters(), lr=0.05)
    for _ in range(300):
        by_task = sharing(inputs, NAMES).by_task
        found = torch.cat([by_task[name] for name in NAMES], dim=1)
        optimizer.zero_grad()
        (found - inputs @ truth.T).square().mean(0).sum().backward()
        optimizer.step()
        sharing.shrink(0.05 * 0.2)
    own = torch.cat([sharing.own[name].weight.detach() for name in NAMES])
    assert own.nonzero().tolist() == [[0, 3]]
    assert own[0, 3].item() == pytest.approx(4.0, abs=0.3)


def test_shrinking_is_soft_thresholding():
    sharing = SparseLowRankSharing(["a"], lambda: nn.Linear(4, 1, bias=False), rank=1)
    sharing.own["a"].weight.data.copy_(torch.tensor([[0.5, -0.5, 0.1, -0.2]]))
    before = sharing.basis[0].weight.clone()
    sharing.shrink(0.2)
    torch.testing.assert_close(sharing.own["a"].weight.data, torch.tensor([[0.3, -0.3, 0.0, 0.0]]))
    assert torch.equal(sharing.basis[0].weight, before)


def test_mixtures_and_sparse_parts_are_private_and_the_networks_shared():
    sharing = fresh(rank=3)
    assert {id(each) for each in shared_parameters(sharing)} == {
        id(each) for each in sharing.basis.parameters()
    }
    for name, own in private_parameters(sharing).items():
        expected = [*sharing.mixtures[name].parameters(), *sharing.own[name].parameters()]
        assert {id(each) for each in own} == {id(each) for each in expected}


def test_a_task_that_is_not_asked_gets_no_gradient_at_all():
    sharing = build()
    by_task = sharing(rows(4), ["d", "a"]).by_task
    (by_task["a"].sum() + by_task["d"].sum()).backward()
    for name, own in private_parameters(sharing).items():
        assert all((parameter.grad is not None) == (name in ["a", "d"]) for parameter in own)


def test_gradients_are_those_of_finite_differences():
    sharing = SparseLowRankSharing(["a", "b"], lambda: nn.Linear(3, 2), rank=2).double()
    keys = [key for key, _ in sharing.named_parameters()]

    def answer(*values: torch.Tensor) -> torch.Tensor:
        found = torch.func.functional_call(
            sharing, dict(zip(keys, values, strict=True)), (rows(3).double(), ["a", "b"])
        )
        return torch.cat([found.by_task["a"], found.by_task["b"].square()])

    draw = generator(0, "point")
    point = [
        torch.randn(each.shape, dtype=torch.float64, generator=draw).requires_grad_()
        for each in sharing.parameters()
    ]
    torch.autograd.gradcheck(answer, point)


def test_running_statistics_are_the_tasks_own():
    sharing = maps()
    sharing(rows(1, 5, 5), ["a"])
    assert [sharing.own[name][1].num_batches_tracked.item() for name in NAMES] == [1, 0, 0, 0]
    assert all(network[1].num_batches_tracked.item() == 0 for network in sharing.basis)


def test_there_is_no_penalty_in_evaluation_or_without_strengths():
    assert fresh().eval()(rows(4), NAMES).penalty is None
    assert fresh(sparse=0.0, low_rank=0.0)(rows(4), NAMES).penalty is None


def test_all_bad_numbers_are_named_at_once():
    message = (
        "`sparse` must be 0 or more, got -1; `low_rank` must be 0 or more, got nan; `rank` must be 1 or more"
    )
    with pytest.raises(InputError, match=message):
        fresh(rank=0, sparse=-1, low_rank=float("nan"))


def test_weights_cannot_be_shrunk_by_less_than_nothing():
    with pytest.raises(InputError, match="amount to shrink by must be 0 or more, got -1"):
        fresh().shrink(-1)
