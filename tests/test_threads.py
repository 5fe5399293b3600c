"""Threads that share a model, and processes that are forked from one that has computed."""

import contextlib
import copy
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from tests.forks import Forks
from torch import nn

from polytask.architectures import HardSharing, LowRankAdapters, SparseLowRankSharing
from polytask.core import Batch, Episode, Predictor, SharedModel, Task, seeded
from polytask.core.learner import run_loop
from polytask.execution import run_vmap
from polytask.execution.chunked import Chunked
from polytask.meta import GradientLearner
from polytask.meta.initialization import CAVIA, IMAML, MAML, MAMLPlusPlus, ProtoMAML
from polytask.meta.layers.plain_attention import plain_attention
from polytask.meta.model import FiLMGenerator
from polytask.meta.optimization.evolution import EvolvedObjective

LINE = Task(name="y", kind="regression")
CLASSES = Task(name="c", kind="multiclass", n_outputs=2)


class Meeting(nn.Module):
    """A layer in which threads wait for each other, so that they are in the model at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.doors: list[threading.Barrier] = []

    def forward(self, inputs):
        for door in self.doors:
            with contextlib.suppress(threading.BrokenBarrierError):  # the other one has fewer passes
                door.wait(timeout=5)
        return inputs


def network(n_in: int = 2, n_out: int = 2, *, norm: bool = False) -> nn.Sequential:
    between = [nn.BatchNorm1d(4)] if norm else []
    return nn.Sequential(nn.Linear(n_in, 4), *between, Meeting(), nn.Tanh(), nn.Linear(4, n_out))


def film() -> FiLMGenerator:
    return FiLMGenerator(network(2, 3), 3, [network(2, 4)], channels=[4])


GRADIENT_LEARNERS = {
    "maml": lambda: MAML(network(), inner_rate=0.5, n_steps=2),
    "maml, all kept small": lambda: MAML(network(), inner_rate=0.5, n_steps=2, recompute=True),
    "maml, batch": lambda: MAML(network(norm=True), inner_rate=0.5, n_steps=2, normalization="batch"),
    "maml, frozen": lambda: MAML(network(norm=True), inner_rate=0.5, normalization="frozen"),
    "maml++": lambda: MAMLPlusPlus(network(norm=True), inner_rate=0.5, n_steps=2),
    "cavia": lambda: CAVIA(network(4), n_context=2, n_steps=2),
    "proto-maml": lambda: ProtoMAML(network(), inner_rate=0.5, n_steps=2),
    "imaml": lambda: IMAML(network(), n_steps=2),
    "evolved": lambda: GradientLearner(network(), objective=EvolvedObjective(n_pairs=1), n_steps=2),
    "film": film,
}


def support(seed: int) -> Batch:
    draw = torch.Generator().manual_seed(seed)
    return Batch(inputs=torch.randn(6, 2, generator=draw), targets={"c": torch.arange(6) % 2})


@pytest.mark.parametrize("name", GRADIENT_LEARNERS)
def test_two_threads_within_one_model_adapt_and_answer_as_each_alone(name):
    with seeded(0):
        learner = GRADIENT_LEARNERS[name]()
    before = copy.deepcopy(learner.state_dict())

    def answer(seed: int) -> torch.Tensor:
        return learner.adapt([CLASSES], support(seed))(support(9).inputs)["c"]

    alone = [answer(seed) for seed in range(2)]
    assert not torch.allclose(*alone)  # so that one answer in place of the other is seen
    door = threading.Barrier(2)
    for part in learner.modules():
        if isinstance(part, Meeting):
            part.doors.append(door)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(answer, range(2)))
    torch.testing.assert_close(together, alone)
    assert all(torch.equal(value, before[key]) for key, value in learner.state_dict().items())
    assert all(part.training for part in learner.modules())


class Pause(nn.Module):
    """A layer in which a thread named "trainer" waits at its third pass until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.events = (threading.Event(), threading.Event())
        self.passes: list[int] = []

    def forward(self, inputs):
        if threading.current_thread().name == "trainer":
            self.passes.append(1)
            if len(self.passes) != 3:  # two inner steps, then the query
                return inputs
            reached, go_on = self.events
            reached.set()
            go_on.wait(5)
        return inputs


@pytest.mark.parametrize("execution", [run_loop, Chunked(1), run_vmap])
@pytest.mark.parametrize("recompute", [False, True])
def test_a_learner_answers_while_it_is_in_the_midst_of_a_training_step(execution, recompute):
    with seeded(0):
        model = nn.Sequential(nn.Linear(2, 4), Pause(), nn.BatchNorm1d(4), nn.Linear(4, 2))
    learner = MAML(model, inner_rate=0.5, n_steps=2, normalization="batch", recompute=recompute)

    def answer() -> torch.Tensor:
        return learner.adapt([CLASSES], support(0))(support(9).inputs)["c"]

    def step() -> None:
        episode = Episode(tasks=(CLASSES,), support=support(1), query=support(2))
        learner.objectives([episode, episode], execution=execution).total().backward()

    alone = answer()
    reached, go_on = model[1].events
    trainer = threading.Thread(target=step, name="trainer")
    trainer.start()
    assert reached.wait(20)
    together = answer()
    go_on.set()
    trainer.join()
    torch.testing.assert_close(together, alone)
    assert all(parameter.grad is not None for parameter in learner.parameters())


def table_learners() -> dict[str, SharedModel]:
    tasks = [LINE, Task(name="z", kind="regression")]
    heads = {task.name: nn.Linear(4, 1) for task in tasks}
    names = [task.name for task in tasks]
    adapters = LowRankAdapters(names, network(2, 4), tune_backbone=True)
    for parameter in adapters.adapters.parameters():
        nn.init.normal_(parameter)
    return {
        "low-rank adapters": SharedModel(tasks, adapters, heads),
        "sparse and low rank": SharedModel(
            tasks, SparseLowRankSharing(names, lambda: network(2, 4), rank=1), heads
        ),
        "dropout": SharedModel(tasks, HardSharing(nn.Sequential(network(2, 4), nn.Dropout())), heads),
    }


@pytest.mark.parametrize("name", ["low-rank adapters", "sparse and low rank", "dropout"])
def test_two_threads_within_one_table_model_answer_as_each_alone(name):
    with seeded(0):
        model = table_learners()[name].eval()
    asked = [[model.tasks[0]], [model.tasks[1]]]
    predictors = [model.adapt(tasks) for tasks in asked]
    inputs = support(0).inputs
    alone = [predictor(inputs) for predictor in predictors]
    model.train()
    door = threading.Barrier(2)
    for part in model.modules():
        if isinstance(part, Meeting):
            part.doors.append(door)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda predictor: predictor(inputs), predictors))
    torch.testing.assert_close(together, alone)
    assert all(part.training for part in model.modules())


def test_attention_is_plain_until_the_last_thread_has_left_and_then_as_before():
    def fused() -> bool:
        return torch.backends.cuda.flash_sdp_enabled()

    before, seen = fused(), []
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with plain_attention():
            inside.set()
            leave.wait(5)
            seen.append(fused())
        seen.append(fused())

    thread = threading.Thread(target=other)
    with plain_attention(), plain_attention():
        thread.start()
        inside.wait(5)
    seen.append(fused())  # the other one is still inside
    leave.set()
    thread.join()
    assert before and seen == [False, False, True]


def pickled(predictor: Predictor) -> Predictor:
    return pickle.loads(pickle.dumps(predictor))  # noqa: S301 - our own


@pytest.mark.parametrize("name", ["maml", "proto-maml", "film"])
def test_an_adapted_predictor_can_be_pickled_and_copied(name):
    with seeded(0):
        learner = GRADIENT_LEARNERS[name]()
    predictor = learner.adapt([CLASSES], support(0))
    answers = predictor(support(1).inputs)
    for again in (pickled(predictor), copy.deepcopy(predictor)):
        torch.testing.assert_close(again(support(1).inputs), answers, rtol=0, atol=0)
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.zero_()
    torch.testing.assert_close(again(support(1).inputs), answers, rtol=0, atol=0)


def test_a_table_predictor_can_be_pickled():
    predictor = table_learners()["dropout"].adapt([LINE])
    answers = predictor(support(1).inputs)
    torch.testing.assert_close(pickled(predictor)(support(1).inputs), answers)


FORKED = """
import os, signal, time
import torch
from torch import nn
from polytask.core import Batch, SharedModel, Task
from polytask.meta import conv4, conv4_classifier
from polytask.meta.initialization import MAML
from polytask.meta.metric import Prototypes
from polytask.architectures import HardSharing

torch.set_num_threads(2)
torch.manual_seed(0)
line, classes = Task(name="y", kind="regression"), Task(name="c", kind="multiclass", n_outputs=3)
table = SharedModel([line], HardSharing(nn.Linear(50, 64)), {"y": nn.Linear(64, 1)})
rows, images = torch.randn(20_000, 50), torch.rand(24, 1, 28, 28)
support = Batch(inputs=images, targets={"c": torch.arange(24) % 3})
learners = [Prototypes(conv4(width=8)), MAML(conv4_classifier(3, width=8, normalization="group"))]

def answers():
    found = [table.adapt([line])(rows)["y"]]
    return found + [learner.adapt([classes], support)(images)["c"] for learner in learners]

before = answers()
child = os.fork()
if child == 0:
    good = all(torch.allclose(a, b, atol=1e-4) for a, b in zip(answers(), before))
    os._exit(0 if good else 3)
told = "the child hangs"
end = time.monotonic() + 60
while time.monotonic() < end:
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        told = os.waitstatus_to_exitcode(status)
        break
    time.sleep(0.01)
else:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_answers_after_its_parent_has_computed_on_several_threads(forked: Forks):
    assert forked(FORKED) == 0
