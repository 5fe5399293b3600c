"""An update does what the optimizer's own step does, to the last bit, and who waits for a step is told."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from polytask.train.update import Update

SHAPES = ((3, 2), (2,), (), (5, 1))


class Counted(Adam):
    """Adam that counts its steps."""

    def __init__(self, parameters: Any, **options: Any) -> None:
        super().__init__(parameters, **options)
        self.n_steps = 0

    def step(self, closure: Any = None) -> Any:
        self.n_steps += 1
        return super().step(closure)


def parameters(dtype: torch.dtype = torch.float32) -> list[nn.Parameter]:
    draw = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=draw, dtype=dtype)) for shape in SHAPES]


def gradients(step: int, *, absent: bool) -> list[Tensor | None]:
    """Return those of a step; with `absent`, each parameter has none now and then, as the head of a task."""
    draw = torch.Generator().manual_seed(1 + step)
    drawn = [torch.randn(shape, generator=draw) for shape in SHAPES]
    return [None if absent and (step + place) % 3 == 0 else each for place, each in enumerate(drawn)]


def both(dtype: torch.dtype = torch.float32, **options: Any) -> list[Adam]:
    return [Adam(parameters(dtype), lr=0.01, **options) for _ in range(2)]


def set_gradients(optimizer: Optimizer, given: list[Tensor | None]) -> None:
    held = [p for group in optimizer.param_groups for p in group["params"]]
    for parameter, gradient in zip(held, given, strict=True):
        parameter.grad = None if gradient is None else gradient.to(parameter.dtype)


def assert_same(first: Optimizer, second: Optimizer) -> None:
    for group, other in zip(first.param_groups, second.param_groups, strict=True):
        for a, b in zip(group["params"], other["params"], strict=True):
            assert torch.equal(a, b)
    states, others = first.state_dict()["state"], second.state_dict()["state"]
    assert states.keys() == others.keys()
    for index, state in states.items():
        assert state.keys() == others[index].keys()
        for name, tensor in state.items():
            assert torch.equal(tensor, others[index][name]), (index, name)


@pytest.mark.parametrize("absent", [False, True])
@pytest.mark.parametrize(
    "options",
    [
        {"fused": True},
        {"fused": True, "weight_decay": 0.1, "betas": (0.5, 0.9), "eps": 1e-3},
        {"fused": True, "maximize": True},
        {"fused": True, "amsgrad": True},
        {"fused": True, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"fused": True, "dtype": torch.float64},
        {},
    ],
    ids=lambda options: " ".join(options) or "usual",
)
def test_numbers_and_state_are_those_of_the_optimizers_own_step(options, absent):
    usual, direct = both(**options)
    update = Update(direct)
    for step in range(7):
        for optimizer in (usual, direct):
            optimizer.param_groups[0]["lr"] = 0.01 * (step + 1)  # as a schedule sets it
            set_gradients(optimizer, gradients(step, absent=absent))
        usual.step()
        update()
        assert_same(usual, direct)


def test_groups_have_rates_of_their_own():
    made = [
        Adam([{"params": p[:2], "lr": 0.1}, {"params": p[2:]}], fused=True)
        for p in (parameters(), parameters())
    ]
    update = Update(made[1])
    for step in range(3):
        for optimizer in made:
            set_gradients(optimizer, gradients(step, absent=False))
        made[0].step()
        update()
    assert_same(*made)


def test_a_state_that_is_loaded_between_two_steps_is_gone_on_from():
    usual, direct = both(fused=True)
    update = Update(direct)
    for step in range(6):
        for optimizer in (usual, direct):
            set_gradients(optimizer, gradients(step, absent=False))
        usual.step()
        update()
        if step == 2:
            before = {"usual": usual.state_dict(), "direct": direct.state_dict()}
            usual.load_state_dict(before["usual"])
            direct.load_state_dict(before["direct"])
    assert_same(usual, direct)


def test_the_own_step_is_not_called_once_all_states_are_there_and_always_for_other_optimizers(monkeypatch):
    calls: list[str] = []
    _, direct = both(fused=True)
    own = SGD(parameters(), lr=0.1)
    decoupled = AdamW(parameters(), lr=0.1, fused=True)
    counted = Counted(parameters(), lr=0.1, fused=True)
    for optimizer in (direct, own):
        kind = type(optimizer)
        before = kind.step
        monkeypatch.setattr(
            kind,
            "step",
            lambda self, *given, before=before, kind=kind: (
                calls.append(kind.__name__),
                before(self, *given),
            ),
        )
    monkeypatch.setattr(AdamW, "step", lambda self: (calls.append("AdamW"), Adam.step(self)))
    for optimizer in (direct, own, decoupled, counted):
        update = Update(optimizer)
        for step in range(3):
            set_gradients(optimizer, gradients(step, absent=False))
            update()
    first = ["Adam", "SGD", "SGD", "SGD", "AdamW", "Adam"]
    assert calls == first + ["Adam"] * 3  # the last ones are what `Counted` calls
    assert counted.n_steps == 3


def test_hooks_are_called_at_every_step():
    _, direct = both(fused=True)
    seen: list[str] = []
    direct.register_step_pre_hook(lambda *_: seen.append("before"))
    direct.register_step_post_hook(lambda *_: seen.append("after"))
    update = Update(direct)
    for step in range(2):
        set_gradients(direct, gradients(step, absent=False))
        update()
    assert seen == ["before", "after"] * 2


def test_a_hook_that_comes_later_is_called_too():
    _, direct = both(fused=True)
    update = Update(direct)
    seen: list[str] = []
    for step in range(3):
        set_gradients(direct, gradients(step, absent=False))
        update()
        if step == 1:
            direct.register_step_post_hook(lambda *_: seen.append("after"))
    assert seen == ["after"]


def test_a_profiler_sees_the_step():
    _, direct = both(fused=True)
    update = Update(direct)
    for step in range(2):
        set_gradients(direct, gradients(step, absent=False))
        update()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        update()
    assert "Optimizer.step#Adam.step" in {event.key for event in profile.key_averages()}


def test_a_step_that_a_scheduler_has_wrapped_is_called():
    _, direct = both(fused=True)
    torch.optim.lr_scheduler.ConstantLR(direct)
    update = Update(direct)
    for step in range(3):
        set_gradients(direct, gradients(step, absent=False))
        update()
    assert direct._opt_called  # pyright: ignore[reportAttributeAccessIssue] - what the scheduler looks at


def test_a_sparse_gradient_is_refused_in_the_optimizers_words():
    _, direct = both(fused=True)
    update = Update(direct)
    for step in range(2):
        set_gradients(direct, gradients(step, absent=False))
        update()
    weight = direct.param_groups[0]["params"][0]
    weight.grad = torch.ones_like(weight).to_sparse()
    with pytest.raises(RuntimeError, match="Adam does not support sparse gradients"):
        update()
