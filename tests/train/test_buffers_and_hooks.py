"""What a step does besides its update: buffers move once, and a balancer is told what the update brought."""

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing import (
    Balancer,
    Evidence,
    InverseProbability,
    Periodic,
    Smoothed,
    Weights,
    balancer_by_name,
    balancer_names,
)
from polytask.balancing.methods import FAMO, EqualWeights, GradNorm, UncertaintyWeighting, UPGrad
from polytask.balancing.wrappers.wrapper import Wrapper
from polytask.core import Batch, InputError, SharedModel, Task, TrainingError
from polytask.data import JointSource
from polytask.relate import WatchedBalancer
from polytask.train import train

NAMES = ("a", "b", "c")
TASKS = tuple(Task(name=name, kind="regression") for name in NAMES)


def model(*, dropout: float = 0.0) -> SharedModel:
    torch.manual_seed(0)
    trunk = nn.Sequential(
        nn.BatchNorm1d(4),
        nn.utils.parametrizations.spectral_norm(nn.Linear(4, 6)),
        nn.Dropout(dropout),
        nn.Unflatten(1, (2, 3)),
        nn.InstanceNorm1d(2, track_running_stats=True),
        nn.Flatten(),
    )
    heads = {name: nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 1)) for name in NAMES}
    return SharedModel(TASKS, HardSharing(trunk), heads).double()


def source(seed: int = 0, *, shift: float = 0.0) -> JointSource:
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.randn(12, 4, generator=draw, dtype=torch.float64) + shift
    targets = {name: inputs[:, place] + 0.5 for place, name in enumerate(NAMES)}
    return JointSource(TASKS, Batch(inputs=inputs, targets=targets), batch_size=12, seed=0)


def plain(rate: float):
    return lambda parameters: torch.optim.SGD(parameters, lr=rate)


def trained(learner: SharedModel, balancer: Balancer, *, n_steps: int = 1, rate: float = 1e-3, **options):
    return train(
        learner, source(), n_steps=n_steps, balancer=balancer, optimizer=plain(rate), precision="64-true",
        validation_source=source(1, shift=50.0), **options,
    )  # fmt: skip


def buffers_after(balancer: Balancer, accumulate: int) -> dict[str, Tensor]:
    learner = model()
    trained(learner, balancer, accumulate=accumulate)
    return dict(learner.named_buffers())


ONE_OF_EACH_NEED = ("random", "famo", "upgrad", "modo", "moco", "auto-lambda", "forum")


@pytest.mark.parametrize(("accumulate", "names"), [(1, balancer_names()), (2, ONE_OF_EACH_NEED)])
def test_whatever_the_balancer_buffers_move_once_and_by_training_examples_alone(accumulate, names):
    expected = buffers_after(EqualWeights(), accumulate)
    assert expected["sharing.trunk.0.num_batches_tracked"] == accumulate
    assert float(expected["sharing.trunk.0.running_mean"].abs().max()) < 1
    for name in names:
        moved = buffers_after(balancer_by_name(name, NAMES), accumulate)
        different = [key for key, value in expected.items() if not torch.equal(moved[key], value)]
        assert not different, f"{name}: {different}"


class Poisoned(JointSource):
    """Its second step holds inputs or targets that are not finite."""

    what = "inputs"

    def step(self, index):
        (episode,) = super().step(index)
        if index == 1:
            tensor = episode.query.inputs if self.what == "inputs" else episode.query.targets["b"]
            tensor[0] = torch.inf
        return (episode,)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("what", ["inputs", "targets"])
def test_a_step_that_is_left_out_leaves_no_trace(what, accumulate):
    learners, balancers = [model(), model()], [balancer_by_name("cr-mogm", NAMES) for _ in range(2)]
    poisoned = Poisoned(TASKS, source().data, batch_size=12, seed=0)
    poisoned.what = what
    for learner, balancer, n_steps in zip(learners, balancers, (1, 2), strict=True):
        outcome = train(
            learner, poisoned, n_steps=n_steps, balancer=balancer, optimizer=plain(1e-3), not_finite="skip",
            precision="64-true", accumulate=accumulate,
        )  # fmt: skip
    assert outcome.skipped == 1
    for once, twice in ((learners[0], learners[1]), (balancers[0], balancers[1])):
        state = twice.state_dict()
        assert all(torch.equal(value, state[name]) for name, value in once.state_dict().items())


def test_the_search_for_the_gradient_that_is_not_finite_moves_no_buffer():
    learner, counts = model(), []

    class Breaks(Balancer):
        needs = "nothing"

        def forward(self, evidence: Evidence) -> Weights:
            counts.append(int(learner.sharing.trunk[0].num_batches_tracked))
            return Weights(values=torch.full_like(evidence.losses, torch.nan))

    with pytest.raises(TrainingError, match="the balanced sum is not finite"):
        trained(learner, Breaks())
    assert counts == [1] and learner.sharing.trunk[0].num_batches_tracked == 1


class Recorder(Balancer):
    """Equal weights; notes the losses before and after each update."""

    needs = "nothing"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, float]]] = []

    def forward(self, evidence: Evidence) -> Weights:
        self.seen.append(("before", dict(zip(evidence.names, evidence.losses.tolist()))))
        return Weights(values=torch.ones_like(evidence.losses))

    def after_step(self, names, losses):
        assert not losses.requires_grad
        self.seen.append(("after", dict(zip(names, losses.tolist()))))


def without_buffers(dropout: float) -> SharedModel:
    torch.manual_seed(0)
    trunk = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Dropout(dropout))
    return SharedModel(TASKS, HardSharing(trunk), {name: nn.Linear(6, 1) for name in NAMES}).double()


@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_balancer_is_told_the_losses_with_the_updated_parameters(accumulate):
    recorder = Recorder()
    trained(without_buffers(0.0), recorder, n_steps=3, rate=0.05, accumulate=accumulate)
    kinds, losses = zip(*recorder.seen, strict=True)
    assert kinds == ("before", "after") * 3
    for before, after, later in zip(losses[::2], losses[1::2], losses[2::2]):
        assert after == pytest.approx(later, rel=1e-9)  # every step has all rows, so the next begins there
        assert sum(after.values()) < sum(before.values()) - 1e-3


@pytest.mark.parametrize("accumulate", [1, 3])
def test_the_losses_after_the_update_are_those_of_the_same_rows_under_the_same_dropout(accumulate):
    recorder = Recorder()
    trained(without_buffers(0.5), recorder, rate=0.0, accumulate=accumulate)
    (_, before), (_, after) = recorder.seen
    assert after == pytest.approx(before, rel=1e-12)  # nothing moved


WRAPPED = {
    "Periodic": lambda inner: Periodic(inner, NAMES, every=2),
    "Smoothed": lambda inner: Smoothed(inner, NAMES, alpha=0.5),
    "InverseProbability": lambda inner: InverseProbability(inner, dict.fromkeys(NAMES, 1.0)),
    "WatchedBalancer": lambda inner: WatchedBalancer(inner, NAMES),
    "Periodic in Smoothed": lambda inner: Smoothed(Periodic(inner, NAMES, every=2), NAMES),
}


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("name", WRAPPED)
def test_every_wrapper_tells_the_balancer_inside_what_its_steps_brought(name, accumulate):
    recorder = Recorder()
    trained(model(), WRAPPED[name](recorder), n_steps=4, rate=0.01, accumulate=accumulate)
    times = 2 if "Periodic" in name else 4
    assert [kind for kind, _ in recorder.seen] == ["before", "after"] * times


@pytest.mark.parametrize("name", WRAPPED)
def test_every_wrapper_trains_the_parameters_of_the_balancer_inside_and_saves_them(name):
    inner = UncertaintyWeighting(NAMES).double()
    wrapper = WRAPPED[name](inner)
    trained(model(), wrapper, rate=0.1)
    assert all(parameter.abs() > 1e-3 for parameter in inner.parameters())
    twin = WRAPPED[name](UncertaintyWeighting(NAMES).double())
    twin.load_state_dict(wrapper.state_dict())
    assert [p.item() for p in twin.parameters()] == [p.item() for p in inner.parameters()]


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("inside", ["modo", "auto-lambda"])
def test_every_wrapper_gets_halves_and_validation_examples_for_the_balancer_inside(name, inside):
    inner = balancer_by_name(inside, NAMES)
    before = {key: value.clone() for key, value in inner.state_dict().items()}
    trained(model(), WRAPPED[name](inner), rate=0.1)
    assert any(not torch.equal(value, before[key]) for key, value in inner.state_dict().items())


def test_famo_inside_a_wrapper_stops_weighing_by_the_losses_alone():
    for name, wrap in WRAPPED.items():
        inner = FAMO(NAMES)
        trained(model(), wrap(inner), n_steps=3, rate=0.02)
        assert float(inner.logits.std()) > 1e-3, name


class Deaf(Balancer):
    """A wrapper of somebody's own that passes nothing on."""

    def __init__(self, balancer: Balancer) -> None:
        super().__init__()
        self.balancer = balancer

    def forward(self, evidence: Evidence) -> Weights:
        return self.balancer(evidence)


class Kind(Wrapper):
    """A wrapper of somebody's own that inherits the rest."""

    def forward(self, evidence: Evidence) -> Weights:
        return self.balancer(evidence)


def test_a_wrapper_that_keeps_the_losses_to_itself_is_refused():
    for wrapper in (Deaf(FAMO(NAMES)), Smoothed(Deaf(FAMO(NAMES)), NAMES)):
        with pytest.raises(InputError, match=r"FAMO looks at .* Deaf around it does not pass on"):
            trained(model(), wrapper)
    trained(model(), Deaf(UPGrad()))
    inner = FAMO(NAMES)
    trained(model(), Kind(inner), rate=0.02)
    assert float(inner.adam.steps.sum()) == 3


def test_the_optimizer_moves_the_balancers_own_parameters_down_their_criterion():
    balancer = UncertaintyWeighting(NAMES).double()  # at 0: weight 1, slope 1 - loss
    recorder = Recorder()
    trained(model(), recorder, rate=0.0)
    trained(model(), balancer, rate=0.1)
    losses = recorder.seen[0][1]
    moved = [parameter.item() for parameter in balancer.parameters()]
    assert moved == pytest.approx([0.1 * (losses[name] - 1) for name in NAMES])


@pytest.mark.parametrize("build", [GradNorm, lambda names: balancer_by_name("imtl-l", names)])
def test_the_default_optimizer_has_the_balancers_parameters_too(build):
    balancer = build(NAMES)
    before = [parameter.clone() for parameter in balancer.parameters()]
    train(model(), source(), n_steps=2, balancer=balancer, precision="64-true")
    assert before and all(not torch.equal(old, new) for old, new in zip(before, balancer.parameters()))
