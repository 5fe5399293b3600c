"""Episodes in threads: the loop's values and gradients to the bit, or a refusal that says why."""

import contextlib
import threading

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, TrainingError, generator, jacobian, seeded
from polytask.core.learner import run_loop
from polytask.core.one_thread import single_threaded
from polytask.execution import named_execution
from polytask.execution.auto import Auto
from polytask.execution.groups import run_one_by_one
from polytask.execution.memory_use import peak_bytes
from polytask.execution.threads import Threads
from polytask.meta import conv4_classifier, mlp
from polytask.meta.initialization import ANIL, MAML

CLASS = Task(name="y", kind="multiclass", n_outputs=3)
NUMBER = Task(name="y", kind="regression")


def images(index: int, n_rows: int = 3) -> Episode:
    x = torch.rand(n_rows, 1, 16, 16, generator=generator(0, index))
    batch = Batch(inputs=x, targets={"y": torch.arange(n_rows) % 3})
    return Episode(tasks=(CLASS,), support=batch, query=batch)


def numbers(index: int, n_rows: int = 5) -> Episode:
    x = torch.randn(n_rows, 2, generator=generator(0, index))
    batch = Batch(inputs=x, targets={"y": x.prod(1)})
    return Episode(tasks=(NUMBER,), support=batch, query=batch)


def small(*layers: nn.Module) -> MAML:
    with seeded(0):
        net = nn.Sequential(nn.Linear(2, 4), *layers, nn.Linear(4, 1))
        return MAML(net, inner_rate=0.1, n_steps=2, normalization="frozen" if layers else None)


def gradients(execution, model, episodes):
    values = execution(model, episodes)
    return values.detach(), jacobian(values, [p for p in model.parameters() if p.requires_grad])


@pytest.mark.parametrize("method", [MAML, ANIL])
def test_values_and_gradients_are_the_loops_to_the_bit(method):
    with seeded(0):
        model = method(conv4_classifier(3, width=8), n_steps=2, normalization="batch")
    episodes = [*map(images, range(4)), images(9, n_rows=6)]
    with single_threaded():
        expected = gradients(run_one_by_one, model, episodes)
    found = gradients(Threads(3), model, episodes)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_episodes_are_run_at_the_same_time():
    door = threading.Barrier(2)

    class Meeting(nn.Module):
        waits = False

        def forward(self, inputs):
            if Meeting.waits:
                door.wait(timeout=30)  # an error where nobody comes
            return inputs

    model, execution = small(Meeting()), Threads(2)
    episodes = [numbers(0), numbers(1)]
    execution(model, episodes)
    Meeting.waits = True
    assert execution(model, episodes).shape == (2,)


def test_without_gradients_it_runs_in_threads_too():
    model = small()
    episodes = [numbers(index) for index in range(3)]
    with torch.no_grad():
        found = Threads(2)(model, episodes)
        torch.testing.assert_close(found, run_loop(model, episodes), rtol=0, atol=0)
    assert not found.requires_grad


def test_autocast_of_the_caller_holds_in_the_threads():
    model = small()
    episodes = [numbers(index) for index in range(3)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, expected = (gradients(run, model, episodes) for run in (Threads(2), run_one_by_one))
    with_autocast, without = found[1], gradients(run_one_by_one, model, episodes)[1]
    assert torch.equal(with_autocast, expected[1]) and not torch.equal(with_autocast, without)


def test_threads_that_torch_has_are_the_same_before_and_after():
    before = torch.get_num_threads()
    Threads(2)(small(), [numbers(index) for index in range(3)])
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("n_threads", [1, 2])
def test_random_numbers_are_refused_whatever_the_threads(n_threads):
    model, state = small(nn.Dropout()), torch.get_rng_state()
    with pytest.raises(TrainingError, match=r"MAML draw random numbers \(aten.*`execution=\"loop\"`"):
        Threads(n_threads)(model, [numbers(0), numbers(1)])
    assert torch.equal(torch.get_rng_state(), state)
    assert Threads(n_threads)(model.eval(), [numbers(0), numbers(1)]).shape == (2,)


class _Counting(nn.Module):
    """Writes into a buffer, as running statistics do."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("n_seen", torch.zeros(()))

    def forward(self, inputs):
        self.n_seen += 1
        return inputs


def test_a_learner_that_writes_into_a_buffer_is_refused_before_it_does():
    layer = _Counting()
    with pytest.raises(
        TrainingError, match=r"change the buffer `.*n_seen` as they run.*`execution=\"loop\"`"
    ):
        Threads(2)(small(layer), [numbers(0), numbers(1)])
    assert layer.n_seen == 0


def test_an_error_in_an_episode_reaches_the_caller():
    model = small()
    wrong = numbers(3)
    wrong = Episode(
        tasks=wrong.tasks,
        support=wrong.support,
        query=Batch(inputs=torch.ones(5, 7), targets=wrong.query.targets),
    )
    execution = Threads(2)
    with pytest.raises(RuntimeError, match="shape"):
        execution(model, [*map(numbers, range(3)), wrong])
    assert torch.get_num_threads() >= 1 and threading.active_count() < 50


def test_a_budget_allows_as_many_threads_as_fit():
    names: set[str] = set()

    class Named(nn.Module):
        def forward(self, inputs):
            names.add(threading.current_thread().name.split("_")[0])
            return inputs

    with seeded(0):
        net = nn.Sequential(Named(), *conv4_classifier(3, width=8))
        model = MAML(net, n_steps=2, normalization="batch")
    episodes = [*map(images, range(4))]
    one = peak_bytes(lambda: run_one_by_one(model, episodes[:1]).sum().backward())
    kept = 4 * 4 * sum(p.numel() for p in model.parameters())
    Threads(4, memory_budget=kept + one // 2)(model, episodes)
    assert "polytask-episodes" not in names
    Threads(4, memory_budget=10 * (kept + one))(model, episodes)
    assert "polytask-episodes" in names


def test_what_a_mode_looks_at_is_run_in_its_thread():
    model = small()
    episodes = [numbers(index) for index in range(3)]
    seen = peak_bytes(lambda: Threads(2)(model, episodes))
    assert seen >= peak_bytes(lambda: run_one_by_one(model, episodes)) // 2


def test_numbers_below_one_are_refused():
    for options in ({"n_threads": 0}, {"memory_budget": 0}):
        with pytest.raises(InputError, match="must be at least 1, got 0"):
            Threads(**options)


def test_auto_tries_threads_only_where_there_are_several(caplog):
    with seeded(0):
        model = MAML(mlp([2, 4, 1], nn.Tanh), inner_rate=0.1, n_steps=1)
    episodes = [numbers(0), numbers(1)]
    before = torch.get_num_threads()
    for n_threads, tried in ((1, False), (2, True)):
        torch.set_num_threads(n_threads)
        auto = named_execution("auto", model)
        assert isinstance(auto, Auto)
        with contextlib.ExitStack() as stack:
            stack.callback(torch.set_num_threads, before)
            model.objectives(episodes, execution=auto)
        assert ("threads" in auto.usable) is tried
