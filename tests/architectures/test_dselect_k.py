"""DSelect-k selects as published, and its penalty does what it is for."""

import math

import pytest
import torch
from torch import nn

from polytask.architectures.binary_gate import BinaryGate
from polytask.architectures.dselect_k import DSelectK
from polytask.core import (
    Batch,
    Episode,
    InputError,
    SharedModel,
    Task,
    generator,
    private_parameters,
    seeded,
    shared_parameters,
)

NAMES = ["a", "b.c", "d"]


def rows(*shape: int) -> torch.Tensor:
    return torch.randn(6, *shape, generator=generator(0, "inputs"))


def build(n_experts: int = 4, n_selected: int = 2, **arguments: object) -> DSelectK:
    return DSelectK(NAMES, lambda: nn.Linear(4, 5), n_experts, n_selected=n_selected, **arguments)


def with_stem() -> DSelectK:
    stem = nn.Sequential(nn.Linear(4, 7), nn.Tanh())
    return DSelectK(NAMES, lambda: nn.Linear(7, 5), 4, n_selected=2, gate=7, stem=stem)


def maps() -> DSelectK:
    return DSelectK(NAMES, lambda: nn.Conv2d(1, 2, 3), 3, n_selected=1, gate=25)


CASES = {
    "static": (build, (4,)),
    "static, 5 experts": (lambda: build(5, 3), (4,)),
    "by example": (lambda: build(gate=4), (4,)),
    "by example, 3 experts": (lambda: build(3, gate=4), (4,)),
    "stem": (with_stem, (4,)),
    "maps": (maps, (1, 5, 5)),
}


@pytest.mark.parametrize("gate", [None, 4])
def test_the_mixture_is_the_weighted_sum_of_the_experts(gate):
    sharing, inputs = build(gate=gate), rows(4)
    found = sharing(inputs, NAMES).by_task
    for name in NAMES:
        weights = sharing.gates[name](inputs)[0].expand(len(inputs), -1)
        expected = sum(
            w[:, None] * f(inputs) for w, f in zip(weights.T, sharing.experts.networks, strict=True)
        )
        torch.testing.assert_close(found[name], expected)


def test_gates_are_private_and_experts_shared():
    sharing = build()
    assert set(map(id, shared_parameters(sharing))) == set(map(id, sharing.experts.parameters()))
    assert {name: len(own) for name, own in private_parameters(sharing).items()} == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("gate", [None, 4])
@pytest.mark.parametrize(("n_experts", "reached"), [(4, 1.0), (8, 1.0), (3, 3 / 4), (5, 5 / 8)])
def test_the_penalty_of_undecided_gates_has_a_closed_form(gate, n_experts, reached):
    sharing = build(n_experts, 2, gate=gate, entropy=0.3, reach=0.7)
    for parameter in sharing.gates.parameters():
        parameter.data.zero_()
    n_codes = n_experts / reached
    entropy = n_experts / n_codes * math.log(n_codes)
    expected = 3 * 2 * (0.3 * entropy + (0.7 / reached if reached < 1 else 0))  # 3 tasks, 2 selectors
    assert sharing(rows(4), NAMES).penalty.item() == pytest.approx(expected, rel=1e-5)


def test_the_gradient_of_the_penalty_is_the_one_of_finite_differences():
    sharing = build(3, 2, gate=4, entropy=0.3, reach=0.7).double()
    inputs, gates = rows(4).double(), list(sharing.gates.parameters())
    for gate in gates:
        gate.data.mul_(5)

    def penalty(*parameters):
        for gate, parameter in zip(gates, parameters, strict=True):
            gate.data = parameter.data
        return sharing(inputs, NAMES).penalty

    found = torch.autograd.grad(penalty(*gates), gates)
    for gate, gradient in zip(gates, found, strict=True):
        for place in range(0, gate.numel(), 7):
            around = []
            for change in (1e-6, -1e-6):
                gate.data.view(-1)[place] += change
                around.append(sharing(inputs, NAMES).penalty.item())
                gate.data.view(-1)[place] -= change
            expected = (around[0] - around[1]) / 2e-6
            assert gradient.reshape(-1)[place].item() == pytest.approx(expected, abs=1e-7, rel=1e-5)


def entropy_of(selectors: torch.Tensor) -> float:
    return -torch.special.xlogy(selectors, selectors).sum(-1).mean().item()


@pytest.mark.parametrize("gate", [None, 4])
@pytest.mark.parametrize("n_experts", [4, 5, 8])
def test_descent_on_the_penalty_makes_every_selector_choose_one_expert(gate, n_experts):
    with seeded(0, "initialization"):
        sharing = build(n_experts, 2, gate=gate, entropy=1.0)
    inputs = rows(4)
    before = entropy_of(sharing.gates["a"](inputs)[1])
    optimizer = torch.optim.Adam(sharing.gates.parameters(), lr=0.06)
    for _ in range(50):
        optimizer.zero_grad()
        sharing(inputs, NAMES).penalty.backward()
        optimizer.step()
    for name in NAMES:
        weights, selectors = sharing.gates[name](inputs)
        assert entropy_of(selectors) < 0.01 * before
        assert bool(((weights > 1e-3).sum(1) <= 2).all())
        torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)), atol=0.01, rtol=0)


def trained_entropy(strength: float) -> float:
    """The entropy of the selectors after a short training on random targets."""
    tasks = tuple(Task(name=name, kind="regression") for name in NAMES)
    with seeded(0, "initialization"):
        heads = {name: nn.Linear(5, 1) for name in NAMES}
        model = SharedModel(tasks, build(8, 2, entropy=strength), heads)
    targets = {name: torch.randn(6, generator=generator(0, name)) for name in NAMES}
    episode = Episode(tasks=tasks, query=Batch(inputs=rows(4), targets=targets))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.06)
    for _ in range(70):
        optimizer.zero_grad()
        model.objectives([episode]).total().backward()
        optimizer.step()
    gates = model.sharing.gates
    return sum(entropy_of(gates[name](rows(4))[1]) for name in NAMES) / len(NAMES)


def test_training_with_the_entropy_term_ends_with_less_entropy_than_without():
    assert trained_entropy(0.3) < 0.5 * trained_entropy(0.0)


def test_without_the_reach_term_entropy_alone_may_end_on_a_number_without_expert():
    sharing = build(3, 1, entropy=1.0, reach=0.0)
    for name in NAMES:
        sharing.gates[name].logits.values.data.copy_(torch.tensor([0.2, 0.2, 0.0]))
    optimizer = torch.optim.Adam(sharing.gates.parameters(), lr=0.02)
    for _ in range(100):
        optimizer.zero_grad()
        sharing(rows(4), NAMES).penalty.backward()
        optimizer.step()
    assert sharing.gates["a"](rows(4))[0].sum().item() < 0.01


@pytest.mark.parametrize("settled", [-3.0, 3.0])
def test_gradients_stay_finite_where_the_selectors_have_settled(settled):
    sharing = build(3, 2, entropy=1.0)
    for parameter in sharing.gates.parameters():
        parameter.data.fill_(settled)
    found = sharing(rows(4), NAMES)
    (found.penalty + sum(value.sum() for value in found.by_task.values())).backward()
    assert all(bool((parameter.grad == 0).all()) for parameter in sharing.gates.parameters())
    assert all(bool(parameter.grad.isfinite().all()) for parameter in sharing.parameters())
    chosen = [expert.grad.abs().sum() > 0 for expert in sharing.experts.parameters()]
    assert not all(chosen)
    assert any(chosen) == (settled < 0)  # all bits set name the fourth expert, of three


def test_settled_selectors_weigh_exactly_at_most_k_experts():
    sharing = build(8, 3)
    values = sharing.gates["a"].logits.values
    values.data.copy_(torch.randn(len(values), generator=generator(0, "settled")).sign() * 9)
    weights = sharing.gates["a"](rows(4))[0]
    assert 1 <= int((weights > 0).sum()) <= 3 and weights.sum().item() == pytest.approx(1)


def test_static_gates_of_tasks_that_are_not_asked_are_in_the_penalty():
    sharing = build(entropy=0.5)
    assert sharing(rows(4), ["a"]).penalty.item() == pytest.approx(sharing(rows(4), NAMES).penalty.item())


def test_there_is_no_penalty_in_evaluation_or_without_strength():
    assert build().eval()(rows(4), NAMES).penalty is None
    assert build(entropy=0.0)(rows(4), NAMES).penalty is None


def test_what_is_wrong_is_listed_at_once():
    with pytest.raises(InputError, match="`n_experts` must be 2 or more, got 1; `n_selected` must be from 1"):
        BinaryGate(1, n_selected=3)
    with pytest.raises(InputError, match="`n_selected` must be from 1 to `n_experts` = 4, got 5"):
        build(4, 5)
    with pytest.raises(InputError, match="`width` must be positive"):
        build(width=0.0)
    with pytest.raises(InputError, match="`entropy` and `reach` must be 0 or more, got -1 and 1"):
        build(entropy=-1)
