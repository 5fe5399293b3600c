"""A deployed learner that keeps learning: streams of tasks, the guard, and exact continuation."""

import copy
import math

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from polytask.core import Batch, InputError, Task, generator, seeded
from polytask.execution.auto import Auto
from polytask.meta import conv4, mlp
from polytask.meta.initialization import MAML
from polytask.meta.metric import Prototypes
from polytask.online import ContinualUpdate

Y = Task(name="y", kind="regression")


def wave(index: int, frequency: float, n_rows: int = 20) -> Batch:
    draw = generator(0, "wave", index)
    phase, size = math.pi * torch.rand(1, generator=draw), 1 + torch.rand(1, generator=draw)
    x = 4 * torch.rand(n_rows, 1, generator=draw) - 2
    return Batch(inputs=x, targets={"y": (size * torch.sin(frequency * x + phase))[:, 0]})


def learner() -> MAML:
    with seeded(0, "net"):
        return MAML(mlp([1, 20, 20, 1], nn.Tanh), inner_rate=0.05, n_steps=2)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def fast(parameters: list[nn.Parameter]) -> Adam:
    return Adam(parameters, lr=3e-3)


def error_on(update: ContinualUpdate, frequency: float) -> float:
    found = []
    for index in range(1000, 1020):
        batch = wave(index, frequency, 40)
        answer = update.adapt([Y], batch.rows(slice(0, 10)))(batch.rows(slice(10, 40)).inputs)["y"][:, 0]
        found.append(float((answer - batch.targets["y"][10:]).square().mean()))
    return sum(found) / len(found)


def test_adapting_changes_nothing():
    update = ContinualUpdate(learner())
    before = weights(update.learner)
    update.adapt([Y], wave(0, 1.0))
    assert torch.equal(before, weights(update.learner))


def test_a_stream_of_tasks_makes_new_ones_easier():
    update = ContinualUpdate(learner(), optimizer=fast, n_updates=2, held_out_every=0)
    start = error_on(update, 1.0)
    shown = [update.observe([Y], wave(index, 1.0)).before for index in range(40)]
    assert sum(shown[-10:]) < 0.7 * sum(shown[:10])
    assert error_on(update, 1.0) < 0.7 * start


def test_replay_keeps_what_came_first():
    errors = {}
    for n_replayed in (0, 4):
        update = ContinualUpdate(
            learner(), optimizer=lambda parameters: Adam(parameters, lr=1e-2), n_replayed=n_replayed,
            n_updates=2, held_out_every=0,
        )  # fmt: skip
        for index in range(40):
            update.observe([Y], wave(index, 1.0 if index < 20 else 2.5))
        errors[n_replayed] = error_on(update, 1.0)
    assert errors[4] < 0.8 * errors[0]


def test_an_update_that_hurts_held_out_tasks_is_undone_and_counted():
    update = ContinualUpdate(
        learner(), optimizer=lambda p: SGD(p, lr=0.0, momentum=0.9), held_out_every=2, n_replayed=0
    )
    update.observe([Y], wave(0, 1.0))
    assert update.observe([Y], wave(1, 1.0)).held_out is None  # this one becomes a guard
    before, optimizer_before = weights(update.learner), copy.deepcopy(update.optimizer.state_dict())
    for group in update.optimizer.param_groups:
        group["lr"] = 30.0
    optimizer_before["param_groups"][0]["lr"] = 30.0
    found = update.observe([Y], wave(2, 1.0))
    assert found.held_out is not None
    was, now = found.held_out
    assert now > 1.05 * was
    assert not found.kept
    assert update.n_undone == 1
    assert len(update.replay) == 1  # only the first one, which did no harm
    assert torch.equal(before, weights(update.learner))
    torch.testing.assert_close(update.optimizer.state_dict(), optimizer_before)


def test_labels_that_are_not_finite_change_nothing():
    update = ContinualUpdate(learner(), held_out_every=0)
    before = weights(update.learner)
    batch = wave(0, 1.0)
    batch.targets["y"][:] = math.inf
    assert not update.observe([Y], batch).kept
    assert update.n_undone == 1
    assert torch.equal(before, weights(update.learner))


def test_held_out_tasks_never_train():
    update = ContinualUpdate(learner(), held_out_every=3)
    for index in range(9):
        before = weights(update.learner)
        update.observe([Y], wave(index, 1.0))
        assert torch.equal(before, weights(update.learner)) == ((index + 1) % 3 == 0)
    assert (len(update.replay), len(update.guards)) == (6, 3)


def test_a_saved_stream_continues_exactly():
    def begun() -> ContinualUpdate:
        return ContinualUpdate(learner(), optimizer=fast, capacity=4, held_out_every=4)

    whole = begun()
    for index in range(12):
        whole.observe([Y], wave(index, 1.0))
    first, second = begun(), begun()
    for index in range(6):
        first.observe([Y], wave(index, 1.0))
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for index in range(6, 12):
        second.observe([Y], wave(index, 1.0))
    assert torch.equal(weights(second.learner), weights(whole.learner))


def test_the_execution_that_was_chosen_is_part_of_the_state():
    first, second = (ContinualUpdate(learner(), held_out_every=0, execution="auto") for _ in range(2))
    for index in range(2):
        first.observe([Y], wave(index, 1.0))
    second.load_state_dict(first.state_dict())
    assert isinstance(first.execution, Auto) and isinstance(second.execution, Auto)
    assert first.execution.choice is not None
    assert first.execution.state_dict() == second.execution.state_dict()


def test_classes_with_batch_norm_are_learned_from_too():
    with seeded(0, "net"):
        update = ContinualUpdate(Prototypes(conv4(width=4)), held_out_every=2, optimizer=fast)
    task = Task(name="class", kind="multiclass", n_outputs=3)
    for index in range(4):
        draw = generator(0, index)
        batch = Batch(inputs=torch.rand(9, 1, 20, 20, generator=draw), targets={"class": torch.arange(9) % 3})
        assert update.observe([task], batch).before > 0
    assert not update.learner.training


def test_wrong_arguments_are_named_at_once():
    with pytest.raises(InputError, match=r"`n_replayed`.*-1; `n_updates`.*-2; .*no parameter"):
        ContinualUpdate(Prototypes(nn.Identity()), n_replayed=-1, n_updates=-2)


def test_a_task_that_becomes_a_guard_counts_as_kept():
    found = ContinualUpdate(learner(), held_out_every=1).observe([Y], wave(0, 1.0))
    assert found.kept and found.held_out is None
