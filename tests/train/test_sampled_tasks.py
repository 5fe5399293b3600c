"""Training with sampled tasks and curricula: what is left alone, is learned, and repeats when resumed."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing, table_trunk
from polytask.balancing import Balancer
from polytask.balancing.methods import DWA, UncertaintyWeighting, UPGrad
from polytask.balancing.wrappers.inverse_probability import InverseProbability
from polytask.core import Batch, BundleError, SharedModel, Task, generator
from polytask.data import JointSource, Source
from polytask.data.steps.loss_curriculum import LossCurriculum
from polytask.data.steps.progress_curriculum import ProgressCurriculum
from polytask.data.steps.source_curriculum import SourceCurriculum
from polytask.data.steps.task_sampling import TaskSampling
from polytask.train import Validation, train

N_ROWS = {"a": 40, "b": 80, "noise": 120}
TASKS = tuple(Task(name=name, kind="regression") for name in N_ROWS)
CURRICULA = pytest.mark.parametrize("method", [LossCurriculum, ProgressCurriculum])


def sources() -> dict[str, Source]:
    found: dict[str, Source] = {}
    for place, task in enumerate(TASKS):
        x = torch.rand(N_ROWS[task.name], 2, generator=generator(0, task.name))
        noise = torch.randn(N_ROWS[task.name], generator=generator(1, task.name))
        target = noise if task.name == "noise" else 1 + x[:, place]
        found[task.name] = JointSource(
            [task], Batch(inputs=x, targets={task.name: target}), batch_size=16, seed=0
        )
    return found


def learner(dropout: float = 0.0) -> SharedModel:
    torch.manual_seed(0)
    heads = {task.name: nn.Linear(16, 1) for task in TASKS}
    return SharedModel(TASKS, HardSharing(table_trunk(2, [16], dropout=dropout)), heads)


def state(*modules: nn.Module) -> dict[str, Tensor]:
    return {
        f"{place} {name}": tensor.clone()
        for place, module in enumerate(modules)
        for name, tensor in module.state_dict().items()
    }


def same(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(
        torch.equal(tensor, right[name]) or bool((tensor.isnan() & right[name].isnan()).all())
        for name, tensor in left.items()
    )


BALANCERS = {
    "UPGrad": UPGrad,
    "DWA": lambda: DWA(list(N_ROWS), window=2),
    "uncertainty": lambda: UncertaintyWeighting(list(N_ROWS)),
}


def sampling(per_step: int = 1) -> TaskSampling:
    return TaskSampling(sources(), n_rows=N_ROWS, scheme="temperature", per_step=per_step, seed=1)


@pytest.mark.parametrize("name", BALANCERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_leaves_alone_what_belongs_to_tasks_it_does_not_ask(name, weighted):
    """After every task had its turn: the optimizer has momentum that could move what is left alone."""
    source = sampling()
    last = next(i for i in range(99) if {n for k in range(i) for n in source.drawn(k)} == set(N_ROWS))
    (asked,) = source.drawn(last)

    def after(n_steps: int) -> dict[str, Tensor]:
        model, balancer = learner(), BALANCERS[name]()
        used = InverseProbability(balancer, source.inclusion_by_task()) if weighted else balancer
        train(model, sampling(), n_steps=n_steps, balancer=used)
        return {
            key: tensor
            for task in N_ROWS
            for key, tensor in {
                f"{task} head": torch.cat([p.detach().reshape(-1) for p in model.heads[task].parameters()]),
                **{f"{task} {key}": value for key, value in _of_task(balancer, task).items()},
            }.items()
        }

    before, now = after(last), after(last + 1)
    touched = {key for key, tensor in now.items() if not same({key: tensor}, {key: before[key]})}
    assert f"{asked} head" in touched and {key.split()[0] for key in touched} == {asked}
    assert name == "UPGrad" or len(touched) > 1  # the others remember something of the task that was asked


def _of_task(balancer: Balancer, task: str) -> dict[str, Tensor]:
    """Return a balancer's state of one task: its place in what is kept by objective, or its own number."""
    place = list(N_ROWS).index(task)
    return {
        name: tensor[place] if tensor.ndim else tensor
        for name, tensor in balancer.state_dict().items()
        if tensor.ndim or name.endswith(f".{place}")
    }


@pytest.mark.parametrize("name", BALANCERS)
@pytest.mark.parametrize("per_step", [1, 2])
def test_sampled_tasks_are_learned_with_every_balancer(name, per_step):
    model, source = learner(), sampling(per_step)
    balancer = InverseProbability(BALANCERS[name](), source.inclusion_by_task())
    outcome = train(
        model,
        source,
        n_steps=100,
        validate_every=40,
        balancer=balancer,
        optimizer=lambda p: torch.optim.Adam(p, lr=3e-2),
    )
    assert outcome.skipped == 0 and outcome.absent == {}
    assert outcome.rows[-1]["loss/a"] < 0.1 and outcome.rows[-1]["loss/b"] < 0.1
    assert outcome.rows[-1]["loss/noise"] > 0.3


def test_a_curriculum_asks_most_what_is_not_learned():
    source = LossCurriculum(sources(), temperature=0.2)
    train(learner(), source, n_steps=300, optimizer=lambda p: torch.optim.Adam(p, lr=1e-2))
    first, second, noise = source.state_dict()["turns"]
    assert noise > 3 * max(first, second) and min(first, second) > 0


@CURRICULA
def test_a_run_with_a_curriculum_that_broke_off_ends_with_the_same_bits(method, tmp_path):
    def run(*, breaks: bool, folder: str) -> tuple[dict[str, Tensor], SourceCurriculum, list]:
        model = learner(dropout=0.3)
        balancer = UncertaintyWeighting(list(N_ROWS))
        source = method(sources(), per_step=2, seed=3)
        asked = iter(range(1, 99))

        def validate(trained):
            if next(asked) == 3 and breaks:
                raise KeyboardInterrupt
            return Validation(score=-float(trained.heads["a"].bias.sum()), metrics={})

        outcome = train(
            model, source, n_steps=100, balancer=balancer, validate=validate, validate_every=20,
            directory=tmp_path / folder, resume=True, seed=5,
        )  # fmt: skip
        return state(model, balancer), source, outcome.rows

    whole, source, rows = run(breaks=False, folder="whole")
    with pytest.raises(KeyboardInterrupt):
        run(breaks=True, folder="broken")
    again, resumed, more = run(breaks=False, folder="broken")
    assert same(whole, again) and repr(rows) == repr(more)
    assert repr(source.state_dict()) == repr(resumed.state_dict())
    assert source.state_dict()["next"] == 100


def test_a_run_of_sampled_tasks_resumed_ends_with_the_same_bits(tmp_path):
    def run(n_steps: int, folder: str) -> dict[str, Tensor]:
        model, balancer = learner(dropout=0.3), DWA(list(N_ROWS), window=2)
        train(
            model, sampling(2), n_steps=n_steps, balancer=balancer, directory=tmp_path / folder, resume=True
        )
        return state(model, balancer)

    halfway = run(30, "parted")
    parted, whole = run(70, "parted"), run(70, "whole")
    assert same(parted, whole) and not same(halfway, whole)


class Noting(LossCurriculum):
    """Keeps what it was told."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.notes: list[tuple[int, dict[str, float]]] = []

    def told(self, step, losses):
        self.notes.append((step, dict(losses)))
        super().told(step, losses)


def test_a_curriculum_is_told_the_losses_of_every_step_before_its_update():
    source, model = Noting(sources(), per_step=2), learner()
    expected = model.objectives(source.next(0)).by_name()
    outcome = train(model, source, n_steps=5, validate_every=1)
    assert source.notes[0] == (0, pytest.approx(expected))
    assert [step for step, _ in source.notes] == list(range(5))
    logged = [{f"loss/{name}": loss for name, loss in losses.items()} for _, losses in source.notes]
    assert all(found.items() <= row.items() for found, row in zip(logged, outcome.rows))


def test_a_curriculum_is_told_the_same_when_steps_come_in_parts():
    told = []
    for accumulate in (1, 3):
        source = Noting(sources(), per_step=2)
        train(learner(), source, n_steps=8, accumulate=accumulate, precision="64-true", balancer=UPGrad())
        told.append(source.notes)
    for (_, whole), (_, parts) in zip(*told, strict=True):
        assert parts == pytest.approx(whole, rel=1e-9)


def test_a_curriculum_is_told_of_a_skipped_step_too():
    made = sources()
    assert isinstance(made["a"], JointSource)
    made["a"].data.targets["a"][:] = float("nan")
    source = Noting({"a": made["a"]})
    outcome = train(learner(), source, n_steps=4, not_finite="skip")
    assert outcome.skipped == 4 and source.notes == [(step, {}) for step in range(4)]


@pytest.mark.parametrize("first", [True, False])
def test_a_checkpoint_with_and_a_run_without_a_curriculum_do_not_fit(first, tmp_path):
    both = [LossCurriculum(sources()), sampling()]
    train(learner(), both[first], n_steps=3, directory=tmp_path)
    with pytest.raises(BundleError, match="`source` was"):
        train(learner(), both[not first], n_steps=6, directory=tmp_path, resume=True)


def test_the_checkpoint_of_another_curriculum_is_refused(tmp_path):
    train(learner(), LossCurriculum(sources()), n_steps=3, directory=tmp_path)
    with pytest.raises(BundleError, match="`source` was LossCurriculum, is ProgressCurriculum"):
        train(learner(), ProgressCurriculum(sources()), n_steps=6, directory=tmp_path, resume=True)
