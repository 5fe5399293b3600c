"""Frozen parts: a pretrained trunk that is not trained, wholly or in part, is no obstacle to any method."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, balancer_by_name, balancer_names
from polytask.balancing.engines import LastLayer
from polytask.balancing.engines.by_name import EngineName
from polytask.balancing.step.accumulation import Accumulation
from polytask.core import Batch, Episode, InputError, SharedModel, Task, generator, seeded, shared_parameters
from polytask.train.parts import part_of

NAMES = ["a", "b", "c"]
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


def model(*, tied: bool = False) -> SharedModel:
    with seeded(0, "model"):
        trunk = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh())
        heads = {name: nn.Linear(5, 1) for name in NAMES}
        if tied:
            heads["b"] = heads["a"]
        return SharedModel(TASKS, HardSharing(trunk), dict(heads)).double()


def whole(learner: SharedModel) -> None:
    learner.sharing.requires_grad_(False)


def first_layer(learner: SharedModel) -> None:
    learner.sharing.trunk[0].requires_grad_(False)


def last_layer(learner: SharedModel) -> None:
    learner.sharing.trunk[2].requires_grad_(False)


def one_bias(learner: SharedModel) -> None:
    learner.sharing.trunk[2].bias.requires_grad_(False)


def without_gradients(learner: SharedModel) -> None:
    """Features are computed once, as it were: parameters would train, but nothing leads to them."""
    trunk = learner.sharing.trunk
    learner.sharing.trunk = nn.Sequential()
    learner.sharing.trunk.forward = torch.no_grad()(trunk.forward)
    learner.sharing.trunk.inner = trunk


FROZEN: dict[str, Callable[[SharedModel], None]] = {
    each.__name__: each for each in (whole, first_layer, last_layer, one_bias, without_gradients)
}


def frozen(name: str, *, tied: bool = False) -> SharedModel:
    learner = model(tied=tied)
    FROZEN[name](learner)
    return learner


def episodes(part: int = 0, n_parts: int = 1, half: int | None = None, *, seed: int = 0) -> list[Episode]:
    draw = generator(seed, "batch")
    data = Batch(
        inputs=torch.randn(8, 4, generator=draw, dtype=torch.float64),
        targets={name: torch.randn(8, generator=draw, dtype=torch.float64) for name in NAMES},
    )
    return part_of([Episode(tasks=TASKS, query=data)], part, n_parts, half=half)


def gradients(*modules: nn.Module) -> dict[str, Tensor]:
    found = [each for module in modules for each in module.named_parameters()]
    return {name: parameter.grad for name, parameter in found if parameter.grad is not None}


def two_steps(
    learner: SharedModel, method: str, n_parts: int = 1, engine: EngineName = "auto"
) -> dict[str, Tensor]:
    """Run two steps, of which the second looks at what the method has kept; return its gradients."""
    balancer = balancer_by_name(method, NAMES).double()
    backward = BalancedBackward(learner, balancer, engine=engine)

    def whole_or_half(half: int | None = None) -> Accumulation:
        parts = [
            partial(lambda part, half: learner.objectives(episodes(part, n_parts, half)), part, half)
            for part in range(n_parts)
        ]
        return Accumulation(learner, parts)

    for step in range(2):
        learner.zero_grad()
        balancer.zero_grad()
        held_out = partial(lambda seed: learner.objectives(episodes(seed=seed)), 7 + step)
        with seeded(step, "balance"):
            if n_parts == 1:
                balance = backward(
                    learner.objectives(episodes()),
                    halves=lambda: tuple(learner.objectives(episodes(half=half)) for half in range(2)),
                    validation=held_out,
                )
            else:
                balance = backward.accumulated(
                    whole_or_half(),
                    halves=lambda: (whole_or_half(0), whole_or_half(1)),
                    validation=held_out,
                )
        balancer.after_step(tuple(balance.losses), torch.full((len(NAMES),), 0.5, dtype=torch.float64))
    return gradients(learner, balancer)


def plain(learner: SharedModel) -> dict[str, Tensor]:
    learner.zero_grad()
    learner.objectives(episodes()).values.sum().backward()
    return gradients(learner)


@pytest.mark.parametrize(
    ("name", "n_parts"), [*((name, 1) for name in FROZEN), ("whole", 2), ("first_layer", 2)]
)
def test_every_method_trains_the_heads_and_what_is_left_of_the_trunk(name, n_parts):
    learner = frozen(name)
    expected = plain(learner)
    trained = {key for key, parameter in learner.named_parameters() if parameter.requires_grad}
    for method in balancer_names():
        got = two_steps(learner, method, n_parts)
        assert all(bool(gradient.isfinite().all()) for gradient in got.values()), method
        for key in trained:
            if key.startswith("heads"):
                torch.testing.assert_close(got[key], expected[key], msg=method)
        assert {key for key in got if key.startswith("sharing")} <= trained, method
        if name == "first_layer":  # something is left to balance
            assert bool(got["sharing.trunk.2.weight"].any()), method


@pytest.mark.parametrize("engine", ["auto", "exact", "loop", "streamed", "features"])
def test_a_head_of_two_tasks_on_a_frozen_trunk_is_balanced(engine):
    learner = frozen("whole", tied=True)
    head = list(learner.heads["a"].parameters())
    assert [id(p) for p in shared_parameters(learner)] == [id(p) for p in head]
    values = learner.objectives(episodes()).values
    rows = torch.stack(
        [
            torch.cat([g.flatten() for g in torch.autograd.grad(v, head, retain_graph=True, allow_unused=True,
                                                                materialize_grads=True)])
            for v in values
        ]
    )  # fmt: skip
    backward = BalancedBackward(learner, balancer_by_name("mgda", NAMES).double(), engine=engine)
    balance = backward(learner.objectives(episodes()))
    torch.testing.assert_close(balance.gramian, rows @ rows.T)
    weights = torch.tensor([balance.weights[name] for name in NAMES], dtype=torch.float64)
    got = torch.cat([parameter.grad.flatten() for parameter in head])
    torch.testing.assert_close(got, weights @ rows)


def test_the_features_engine_works_without_a_trained_trunk():
    learner = frozen("whole")
    expected = plain(learner)
    got = two_steps(learner, "upgrad", engine="features")
    torch.testing.assert_close(got, expected)


def test_the_last_layer_engine_refuses_a_frozen_trunk():
    with pytest.raises(InputError, match="no shared weight that is trained"):
        LastLayer().open(frozen("whole"))


@pytest.mark.parametrize("engine", ["auto", "exact", "streamed", "features", "last-layer"])
def test_a_trunk_may_be_frozen_and_trained_again_between_steps(engine):
    learner = model()
    backward = BalancedBackward(learner, balancer_by_name("upgrad", NAMES).double(), engine=engine)
    for freeze in (False, True, False):
        learner.zero_grad()
        learner.sharing.requires_grad_(not freeze)
        backward(learner.objectives(episodes()))
        got = gradients(learner)
        assert ("sharing.trunk.0.weight" not in got) == freeze
        assert bool(got["heads.task:a.weight"].any())


def test_nothing_at_all_that_is_trained_is_no_crash():
    learner = model().requires_grad_(False)
    for method in ("equal", "upgrad", "moco"):
        assert two_steps(learner, method) == {}
