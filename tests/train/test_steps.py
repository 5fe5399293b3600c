"""What a step does to weights, rates, buffers and figures, against values worked out by hand."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing.methods import UPGrad
from polytask.core import Batch, Episode, EpisodeStack, InputError, SharedModel, Task, TrainingError
from polytask.core.errors import NotFiniteError
from polytask.data import FunctionEpisodes, Sinusoids, Source
from polytask.meta.initialization import MAML
from polytask.train import Training, Validation, train

TASK = Task(name="y", kind="regression")
BOTH = (TASK, Task(name="z", kind="regression"))


class Line(Source):
    """Asks ``y`` of the numbers 1 to 4, with one target for all; some steps have no label, or a bad one."""

    def __init__(self, targets: Callable[[int], float] = lambda index: 0.0, *, absent: Any = ()) -> None:
        self.targets = targets
        self.absent = set(absent)

    def step(self, index: int) -> tuple[Episode, ...]:
        """See `Source.step`."""
        mask = torch.full((4,), index not in self.absent)
        target = torch.full((4,), self.targets(index))
        inputs = torch.arange(1.0, 5.0)[:, None]
        return (Episode(tasks=(TASK,), query=Batch(inputs=inputs, targets={"y": target}, masks={"y": mask})),)


class Proportional(nn.Module):
    """The inputs times a weight, which is 1 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


def line(*modules: nn.Module) -> SharedModel:
    """Multiply by a shared weight; the loss of ``y`` is 7.5 (weight - target)² for targets in proportion."""
    return SharedModel((TASK,), HardSharing(nn.Sequential(*modules, Proportional())), {"y": nn.Identity()})


def weight(model: nn.Module) -> float:
    (only,) = (p for p in model.parameters() if p.requires_grad)
    return float(only.detach())


class Watched(torch.optim.SGD):
    """Notes the rate and the gradient of every step."""

    def __init__(self, parameters: Any, *, lr: float = 0.01, momentum: float = 0.0) -> None:
        super().__init__(parameters, lr=lr, momentum=momentum)
        self.rates: list[float] = []
        self.gradients: list[float] = []

    def step(self, closure: Any = None) -> Any:
        self.rates.append(self.param_groups[0]["lr"])
        self.gradients.append(float(self.param_groups[0]["params"][0].grad))
        return super().step(closure)


def steps(
    model: SharedModel, n_steps: int, source: Source | None = None, *, momentum: float = 0.0, **options: Any
) -> tuple[Training, Watched]:
    """Train; return what happened, and the optimizer."""
    built: list[Watched] = []

    def optimizer(parameters: list[nn.Parameter]) -> Watched:
        built.append(Watched(parameters, momentum=momentum))
        return built[0]

    outcome = train(model, source or Line(), n_steps=n_steps, optimizer=optimizer, **options)
    return outcome, built[0]


def test_a_step_goes_down_its_own_gradient_once():
    model = line()
    _, optimizer = steps(model, 2)
    assert optimizer.gradients == pytest.approx([15.0, 15.0 * 0.85])
    assert weight(model) == pytest.approx(0.85**2)


def test_the_schedule_scales_the_first_rate_by_the_number_of_the_step():
    _, optimizer = steps(line(), 4, schedule=lambda step: 1 / (1 + step))
    assert optimizer.rates == pytest.approx([0.01, 0.01 / 2, 0.01 / 3, 0.01 / 4])


@pytest.mark.parametrize(("max_norm", "gradient"), [(3.0, 3.0), (14.9, 14.9), (15.1, 15.0), (None, 15.0)])
def test_a_gradient_is_cut_to_the_norm_and_a_shorter_one_left_alone(max_norm, gradient):
    _, optimizer = steps(line(), 1, max_norm=max_norm)
    assert optimizer.gradients == pytest.approx([gradient], rel=1e-5)


def test_a_step_without_a_label_changes_nothing_and_is_counted():
    model, other = line(), line()
    outcome, optimizer = steps(model, 5, Line(absent=(1, 3)), momentum=0.9)
    steps(other, 3, momentum=0.9)
    assert weight(model) == weight(other) and len(optimizer.rates) == 3
    assert (outcome.skipped, outcome.absent, outcome.n_steps) == (2, {"y": 2}, 5)


def test_a_step_with_a_bad_value_is_left_out_when_asked_and_the_next_one_goes_on():
    model, other = line(nn.BatchNorm1d(1, affine=False)), line(nn.BatchNorm1d(1, affine=False))
    source = Line(lambda index: math.inf if index == 1 else 0.0)
    outcome, _ = steps(model, 3, source, not_finite="skip")
    steps(other, 2)
    assert outcome.skipped == 1 and outcome.absent == {} and weight(model) == weight(other)
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), other.buffers(), strict=True))
    with pytest.raises(
        NotFiniteError, match=r"The objective of y is not finite at step 1\. Lower the learning"
    ):
        steps(line(), 3, source)


class Root(nn.Module):
    """The square root of the inputs' absolute values minus 1; its gradient at 1 is infinite."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return (self.weight * x - 1).clamp(min=0).sqrt()


@pytest.mark.parametrize("balancer", [None, UPGrad])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_gradient_that_is_not_finite_is_named_or_left_out(balancer, accumulate):
    def model() -> SharedModel:
        return SharedModel((TASK,), HardSharing(Root()), {"y": nn.Identity()})

    options = {"balancer": balancer and balancer(), "accumulate": accumulate}
    with pytest.raises(NotFiniteError, match="The gradient of y is not finite"):
        steps(model(), 2, **options)
    trained = model()
    outcome, optimizer = steps(trained, 3, not_finite="skip", **options)
    assert outcome.skipped == 3 and weight(trained) == 1.0 and optimizer.rates == []


def test_weights_that_the_last_update_made_infinite_end_the_run():
    def optimizer(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=3e38)

    match = r"diverged: after step 0 the weights .*weight are not finite\. Lower the learning rate"
    with pytest.raises(NotFiniteError, match=match):
        train(line(), Line(), n_steps=1, optimizer=optimizer)
    with pytest.raises(NotFiniteError, match=match):  # leaving steps out would not mend them
        train(line(), Line(), n_steps=9, optimizer=optimizer, not_finite="skip", validate_every=1)


def test_a_buffer_that_was_finite_and_is_no_longer_ends_the_run_but_one_that_never_was_may_stay():
    class Kept(nn.Module):
        def __init__(self, spoils: bool) -> None:
            super().__init__()
            self.spoils = spoils
            self.register_buffer("unknown", torch.tensor(math.nan))
            self.register_buffer("known", torch.tensor(0.0))

        def forward(self, x: Tensor) -> Tensor:
            if self.spoils:
                self.known = self.known + math.inf
            return x

    steps(line(Kept(False)), 2)
    with pytest.raises(NotFiniteError, match="known are not finite"):
        steps(line(Kept(True)), 2)


def test_an_optimizer_that_fails_is_named_with_its_rate():
    def optimizer(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=1e38)

    with pytest.raises(TrainingError, match=r"failed at step 0 with the learning rate 1e\+38: .*Lower the"):
        train(line(), Line(), n_steps=1, optimizer=optimizer)


def judged(*scores: float) -> Callable[[Any], Validation]:
    rest = iter(scores)
    return lambda _: Validation(score=next(rest), metrics={})


@pytest.mark.parametrize(
    ("patience", "scores", "n_steps", "best_step"),
    [
        (1, (1.0, 0.5), 2, 1),
        (1, (1.0, 1.0), 2, 1),  # as good is no better
        (2, (1.0, 0.5, 2.0, 1.5, 1.9), 5, 3),
        (3, (math.nan, math.nan, 1.0, 0.0, 2.0), 5, 5),
        (2, (-3.0, -2.0, -1.0, 0.0, 1.0), 5, 5),
    ],
)
def test_patience_counts_validations_in_a_row_that_are_no_better(patience, scores, n_steps, best_step):
    options = {"validate": judged(*scores), "validate_every": 1, "patience": patience}
    outcome, _ = steps(line(), 5, **options)
    assert (outcome.n_steps, outcome.best_step) == (n_steps, best_step)
    assert outcome.best_score == scores[best_step - 1] and outcome.stopped_early == (n_steps < 5)


def test_the_learner_ends_with_its_best_weights_and_without_validation_with_its_last():
    best, last = line(), line()
    outcome, _ = steps(best, 3, validate=judged(0.0, 2.0, 1.0), validate_every=1)
    assert weight(best) == pytest.approx(0.85**2) and outcome.best_step == 2
    outcome, _ = steps(last, 3)
    assert weight(last) == pytest.approx(0.85**3) and (outcome.best_step, outcome.best_score) == (3, None)


def test_validation_comes_every_so_many_steps_and_after_the_last_one():
    seen: list[tuple[float, bool, bool]] = []

    def validate(model: Any) -> Validation:
        seen.append((weight(model), model.training, torch.is_grad_enabled()))
        return Validation(score=0.0, metrics={"x": 2.0})

    model = line()
    outcome, _ = steps(model, 7, validate=validate, validate_every=3)
    assert [entry[0] for entry in seen] == pytest.approx([0.85**3, 0.85**6, 0.85**7])
    assert all(entry[1:] == (False, False) for entry in seen) and not model.training
    assert [row["step"] for row in outcome.rows] == [3.0, 6.0, 7.0]
    assert outcome.rows[0]["validation/x"] == 2.0 and outcome.rows[0]["score"] == 0.0


def test_a_row_holds_the_mean_loss_since_the_last_one():
    outcome, _ = steps(line(), 5, validate_every=2)
    losses = [7.5 * 0.85 ** (2 * step) for step in range(5)]
    means = [(losses[0] + losses[1]) / 2, (losses[2] + losses[3]) / 2, losses[4]]
    assert [row["loss/y"] for row in outcome.rows] == pytest.approx(means)
    assert [row["weight/y"] for row in outcome.rows] == [1.0, 1.0, 1.0]


def test_the_seconds_of_a_step_are_those_of_the_steps_alone(monkeypatch):
    ticks = itertools.count(step=2.0)
    monkeypatch.setattr("polytask.train.loop.time.perf_counter", lambda: next(ticks))
    outcome, _ = steps(line(), 3, validate=lambda _: Validation(score=float(next(ticks) > 0), metrics={}))
    assert outcome.seconds_per_step == 2.0


@pytest.mark.parametrize("balancer", [None, UPGrad])
def test_statistics_of_a_step_in_parts_are_those_of_its_parts_in_turn(balancer):
    model, by_hand = line(nn.BatchNorm1d(1, affine=False)), nn.BatchNorm1d(1, affine=False)
    steps(model, 3, accumulate=2, balancer=balancer and balancer())
    for _ in range(3):
        for rows in Line().step(0)[0].query.inputs.split(2):
            by_hand(rows)
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), by_hand.buffers(), strict=True))


class TwoTasks(Source):
    """The second task has labels in the second half of the rows, in even steps alone."""

    def step(self, index: int) -> tuple[Episode, ...]:
        """See `Source.step`."""
        inputs = torch.arange(1.0, 5.0)[:, None]
        mask = torch.tensor([False, False, True, True]) & (index % 2 == 0)
        targets = {"y": torch.zeros(4), "z": torch.zeros(4)}
        return (Episode(tasks=BOTH, query=Batch(inputs=inputs, targets=targets, masks={"z": mask})),)


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_a_task_is_absent_from_a_step_when_no_part_of_it_has_a_label(accumulate):
    heads = {task.name: nn.Identity() for task in BOTH}
    model = SharedModel(BOTH, HardSharing(Proportional()), heads)
    outcome, _ = steps(model, 5, TwoTasks(), accumulate=accumulate)
    assert outcome.absent == {"z": 2} and outcome.skipped == 0


class Noisy(nn.Module):
    """Notes which of its inputs dropout would keep."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: list[tuple[float, ...]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.drawn.append(tuple(torch.rand(3).tolist()))
        return x


def test_every_step_and_every_part_draws_anew_and_a_second_run_draws_the_same():
    runs = []
    for _ in range(2):
        noise = Noisy()
        steps(line(noise), 2, accumulate=2)
        runs.append(noise.drawn)
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 4  # a part that is run twice, first for its losses, draws the same


def test_a_part_of_one_row_under_batch_normalization_is_refused_with_a_remedy():
    model = line(nn.BatchNorm1d(1, affine=False))
    with pytest.raises(InputError, match=r"single row, which batch normalization cannot take.*`accumulate`"):
        steps(model, 1, accumulate=4)


def test_an_error_of_the_learners_own_is_not_explained_away():
    class Failing(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise ValueError("mine")

    with pytest.raises(ValueError, match=r"^mine$"):
        steps(line(nn.BatchNorm1d(1), Failing()), 1)


def test_training_needs_nothing_of_what_the_program_has_set_for_torch():
    expected, model = line(), line()
    steps(expected, 2)
    with torch.no_grad():
        steps(model, 2)
        assert not torch.is_grad_enabled()
    assert weight(model) == weight(expected)


def test_of_many_weights_that_are_not_finite_three_are_named():
    learner = line()
    for name in ("p", "q", "r"):
        learner.register_parameter(name, nn.Parameter(torch.tensor(1.0)))

    class Breaks(torch.optim.SGD):
        def step(self, closure=None):
            for parameter in learner.parameters():
                parameter.data.fill_(math.nan)

    names = [name for name, _ in learner.named_parameters()]
    assert len(names) > 3
    with pytest.raises(NotFiniteError) as raised:
        train(learner, Line(), n_steps=1, optimizer=lambda p: Breaks(p, lr=0.1))
    assert f"the weights {', '.join(names[:3])} … are not finite" in str(raised.value)


class Apart(Source):
    """The episodes of another source, one by one."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def step(self, index: int) -> tuple[Episode, ...]:
        """See `Source.step`."""
        return tuple(self.source.step(index))


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_that_is_held_stacked_trains_as_its_episodes_one_by_one(accumulate):
    def run(source: Source) -> Tensor:
        torch.manual_seed(0)
        learner = MAML(nn.Linear(1, 1), n_steps=1)
        train(learner, source, n_steps=3, accumulate=accumulate, balancer=UPGrad())
        return torch.cat([p.detach().flatten() for p in learner.parameters()])

    source = FunctionEpisodes(Sinusoids(), n_support=3, n_query=4, n_episodes=4, seed=0)
    assert isinstance(source.step(0), EpisodeStack)
    assert torch.allclose(run(source), run(Apart(source)), rtol=0, atol=3e-5)  # steps of Adam are 1e-3


class Marks(Source):
    """Asks for 1 of two of five marks."""

    def step(self, index: int) -> tuple[Episode, ...]:
        """See `Source.step`."""
        query = Batch(inputs=torch.tensor([1, 3]), targets={"y": torch.ones(2)})
        return (Episode(tasks=(TASK,), query=query),)


def test_an_embedding_may_have_a_sparse_gradient():
    table = nn.Embedding(5, 1, sparse=True)
    before = table.weight.detach().clone()
    model = SharedModel((TASK,), HardSharing(table), {"y": nn.Identity()})
    train(model, Marks(), n_steps=1, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.5))
    moved = (table.weight.detach() != before).squeeze(1).tolist()
    assert moved == [False, True, False, True, False]
