"""Balancers that learn from every validation objective: MOML and FORUM."""

import copy

import pytest
import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, Evidence
from polytask.balancing.methods.forum import FORUM
from polytask.balancing.methods.moml import MOML
from polytask.balancing.solvers import shortest_in_hull
from polytask.balancing.state.entrywise_adam import EntrywiseAdam
from polytask.core import (
    Batch,
    Episode,
    InputError,
    SharedModel,
    Task,
    generator,
    jacobian,
    seeded,
    shared_parameters,
)
from polytask.data import JointSource
from polytask.train import train

NAMES = ("a", "b", "c")
N = 6


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed, "numbers"), dtype=torch.float64)


ROWS, CENTERS = numbers(3, N), numbers(3, N, seed=1)
CURVES = torch.tensor([1.0, 2.0, 0.5]).double()


def validation_losses(displacement: Tensor) -> Tensor:
    """Quadratics with a centre each, ``[objective]``."""
    return 0.5 * CURVES * (displacement - CENTERS).square().sum(1)


def held_out(displacement: Tensor) -> dict[str, Tensor]:
    return dict(zip(NAMES, CURVES[:, None] * (displacement - CENTERS), strict=True))


def seen(rows: Tensor = ROWS, names=NAMES, validation=held_out) -> Evidence:
    return Evidence(
        tuple(names), torch.linspace(0.5, 2, len(rows)).double(), lambda: rows, validation=validation
    )


LOGITS = torch.tensor([0.3, -0.4, 0.2]).double()


def moml_at(logits: Tensor = LOGITS, **options) -> MOML:
    moml = MOML(NAMES, **options)
    moml.logits.copy_(logits)
    return moml


def moml_slopes(logits: Tensor, lookahead: float) -> Tensor:
    """Differentiate every validation loss after the step by the logits, by finite differences."""

    def after(at: Tensor) -> Tensor:
        return validation_losses(-lookahead * 3 * at.softmax(0) @ ROWS)

    steps = torch.eye(3).double() * 1e-5
    return torch.stack([(after(logits + e) - after(logits - e)) / 2e-5 for e in steps], 1)


def test_moml_moves_by_the_shortest_mixture_of_the_derivatives_after_the_step():
    moml = moml_at(lookahead=0.2, rate=1e-3)
    moml(seen())
    slopes = moml_slopes(LOGITS, 0.2)
    expected = shortest_in_hull(slopes @ slopes.T) @ slopes
    torch.testing.assert_close(moml.adam.moments[:, 0], 0.1 * expected, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(moml.logits, LOGITS - 1e-3 * expected.sign())  # Adam's first step


def test_moml_lowers_every_validation_loss():
    moml = moml_at(lookahead=0.2, rate=1e-2)
    before = validation_losses(-0.2 * moml(seen()).values @ ROWS)
    for _ in range(30):
        moml(seen())
    after = validation_losses(-0.2 * moml(seen()).values @ ROWS)
    assert bool((after < before).all())


def test_moml_answers_with_the_weights_that_the_step_was_looked_at_with():
    moml = moml_at()
    found = moml(seen())
    torch.testing.assert_close(found.values, 3 * LOGITS.softmax(0))
    torch.testing.assert_close(moml(seen()).values, 3 * moml_at(moml_first()).logits.softmax(0))


def moml_first() -> Tensor:
    moml = moml_at()
    moml(seen())
    return moml.logits.clone()


def test_moml_looks_at_the_step_that_its_weights_would_take():
    places = []

    def note(displacement: Tensor) -> dict[str, Tensor]:
        places.append(displacement)
        return held_out(displacement)

    moml_at(lookahead=0.5)(seen(validation=note))
    torch.testing.assert_close(places[0], -0.5 * 3 * LOGITS.softmax(0) @ ROWS)


def forum_direction(rho: float, lookahead: float, validation: Tensor) -> tuple[Tensor, Tensor]:
    """Solve the problem of the direction itself, in the logits and parameters, and return both parts."""
    cvxpy = pytest.importorskip("cvxpy")
    shares = LOGITS.softmax(0)
    lower = shares @ ROWS
    fall = lookahead * ROWS @ lower
    slope = (shares.diag() - torch.outer(shares, shares)) @ fall
    q = torch.cat([slope, lower]).numpy()
    rows = torch.cat([torch.zeros(3, 3).double(), validation], 1).numpy()
    d = cvxpy.Variable(3 + N)
    gain = cvxpy.min(rows @ d) - 0.5 * cvxpy.sum_squares(d)
    cvxpy.Problem(cvxpy.Maximize(gain), [q @ d >= rho * (q @ q)]).solve(
        solver="CLARABEL", tol_gap_abs=1e-12, tol_gap_rel=1e-12, tol_feas=1e-12
    )
    found = torch.from_numpy(d.value)
    return found[:3], found[3:]


def test_forum_without_constraint_serves_a_validation_objective_of_a_short_gradient_too():
    validation = numbers(3, N, seed=20) * torch.tensor([[1e3], [1.0], [1e-3]]).double()
    forum = FORUM(NAMES, lookahead=1e-12, rho=1e-9)
    rows = 1e-6 * torch.stack([validation.sum(0)] * 3)  # lowered by whatever lowers these
    direction = forum(seen(rows, validation=lambda _: dict(zip(NAMES, validation, strict=True)))).values
    expected = shortest_in_hull(validation @ validation.T) @ validation
    torch.testing.assert_close(direction / 3, expected, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rho", [0.1, 0.7])
def test_forum_takes_the_direction_that_serves_the_slowest_objective_under_the_constraint(seed, rho):
    validation = numbers(3, N, seed=10 + seed)
    forum = FORUM(NAMES, lookahead=0.3, rho=rho)
    forum.logits.copy_(LOGITS)
    evidence = seen(validation=lambda _: dict(zip(NAMES, validation, strict=True)))
    logits, parameters = forum_direction(rho, 0.3, validation)
    torch.testing.assert_close(forum(evidence).values, 3 * parameters, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(forum.adam.moments[:, 0], 0.1 * logits, rtol=1e-4, atol=1e-6)


def test_among_the_tested_directions_the_constraint_binds_and_does_not():
    forces = []
    for seed in range(4):
        validation = numbers(3, N, seed=10 + seed)
        for rho in (0.1, 0.7):
            logits, _ = forum_direction(rho, 0.3, validation)
            forces.append(float(logits.norm()) > 1e-6)
    assert set(forces) == {True, False}


def test_the_constraints_gradient_is_right_to_first_order_in_the_lookahead():
    """Against finite differences of f(alpha, theta) - f(alpha, theta'), with theta' held constant."""
    lookahead, losses = 1e-4, lambda d: 0.5 * (d - CENTERS).square().sum(1)
    rows = -CENTERS  # the gradients at displacement 0
    shares = LOGITS.softmax(0)
    minimizer = -lookahead * shares @ rows

    def constraint(logits: Tensor) -> Tensor:
        return logits.softmax(0) @ (losses(torch.zeros(N).double()) - losses(minimizer))

    step = torch.eye(3).double() * 1e-4
    expected = torch.stack([(constraint(LOGITS + e) - constraint(LOGITS - e)) / 2e-4 for e in step])
    forum = FORUM(NAMES, lookahead=lookahead, rho=1e3)  # the constraint binds for sure
    forum.logits.copy_(LOGITS)
    forum(seen(rows=rows))
    found = forum.adam.moments[:, 0]
    torch.testing.assert_close(found / found.norm(), expected / expected.norm(), rtol=1e-3, atol=1e-3)


def test_forum_smooths_the_shares_of_the_validation_objectives():
    forum = FORUM(NAMES)
    forum(seen())
    first = forum.mixture.clone()
    other = numbers(3, N, seed=3)
    forum(seen(validation=lambda _: dict(zip(NAMES, other, strict=True))))
    fresh = FORUM(NAMES)
    fresh.logits.copy_(moved_logits())
    fresh(seen(validation=lambda _: dict(zip(NAMES, other, strict=True))))
    torch.testing.assert_close(forum.mixture, first + 2**-0.75 * (fresh.mixture - first))


def moved_logits() -> Tensor:
    forum = FORUM(NAMES)
    forum(seen())
    return forum.logits.clone()


def test_forum_leaves_the_shares_of_absent_validation_objectives_alone():
    forum = FORUM(NAMES)
    forum.mixture.copy_(torch.tensor([0.5, 0.25, 0.25]).double())
    forum(seen(validation=lambda d: {name: held_out(d)[name] for name in ("a", "c")}))
    assert float(forum.mixture[1]) == 0.25
    assert float(forum.mixture.sum()) == pytest.approx(1)


def test_forum_without_a_training_gradient_is_mgda_of_the_validation_objectives():
    found = FORUM(NAMES)(seen(rows=torch.zeros(3, N).double())).values
    rows = torch.stack([*held_out(torch.zeros(N).double()).values()])
    torch.testing.assert_close(found, 3 * shortest_in_hull(rows @ rows.T) @ rows, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("build", [MOML, FORUM])
def test_a_run_resumed_from_saved_state_goes_on_as_if_it_had_never_stopped(build):
    whole, first = build(NAMES), build(NAMES)
    for step in range(3):
        for balancer in (whole, first):
            balancer(seen(rows=numbers(3, N, seed=step)))
    second = build(NAMES)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for step in range(3, 6):
        rows = numbers(3, N, seed=step)
        assert torch.equal(second(seen(rows=rows)).values, whole(seen(rows=rows)).values)


@pytest.mark.parametrize("build", [MOML, lambda names: FORUM(names, rho=10.0)])  # the constraint binds
def test_an_absent_training_objective_keeps_its_weight(build):
    balancer = build(NAMES)
    balancer(seen())
    before = {name: buffer.clone() for name, buffer in balancer.named_buffers()}
    balancer(seen(rows=ROWS[[0, 2]], names=("a", "c")))
    assert float(balancer.logits[1]) == float(before["logits"][1])
    assert torch.equal(balancer.adam.moments[1], before["adam.moments"][1])
    assert not torch.equal(balancer.logits[[0, 2]], before["logits"][[0, 2]])


def test_entrywise_adam_is_torchs_where_every_entry_is_present():
    ours, theirs = EntrywiseAdam(3, rate=0.1), nn.Parameter(torch.zeros(3).double())
    optimizer, entries = torch.optim.Adam([theirs], lr=0.1, eps=1e-16), torch.zeros(3).double()
    for step in range(5):
        theirs.grad = numbers(3, seed=step)
        entries = entries + ours(torch.arange(3), theirs.grad)
        optimizer.step()
    torch.testing.assert_close(entries, theirs.detach())


def test_evidence_of_the_sum_alone_counts_as_one_validation_objective():
    evidence = seen(validation=lambda d: torch.stack([*held_out(d).values()]).sum(0))
    (name,) = evidence.validation_gradients(torch.zeros(N).double())
    assert name == "validation"
    torch.testing.assert_close(
        evidence.validation_gradient(torch.ones(N).double()),
        seen().validation_gradient(torch.ones(N).double()),
    )


TASKS = (Task(name="a", kind="regression"), Task(name="b", kind="regression"))


def learner() -> SharedModel:
    with seeded(0, "model"):
        trunk = nn.Sequential(nn.Linear(4, 5), nn.Tanh())
        return SharedModel(TASKS, HardSharing(trunk), {t.name: nn.Linear(5, 1) for t in TASKS}).double()


def batch(seed: int, n_rows: int = 8) -> Batch:
    return Batch(
        inputs=numbers(n_rows, 4, seed=seed),
        targets={t.name: numbers(n_rows, seed=seed + place + 50) for place, t in enumerate(TASKS)},
    )


def test_a_step_sees_the_gradient_of_every_validation_objective_where_it_is_asked_for():
    model, found = learner(), {}

    class Asks(MOML):
        def forward(self, evidence: Evidence):
            displacement = 0.01 * torch.ones_like(evidence.jacobian()[0])
            found.update(evidence.validation_gradients(displacement))
            return super().forward(evidence)

    training, validation = (Episode(tasks=TASKS, query=batch(seed)) for seed in (0, 1))
    balancer = Asks(["a", "b"])
    BalancedBackward(model, balancer)(
        model.objectives([training]), validation=lambda: model.objectives([validation])
    )
    moved = copy.deepcopy(model)
    for parameter in shared_parameters(moved):
        parameter.data += 0.01
    expected = jacobian(moved.objectives([validation]).values, shared_parameters(moved))
    assert list(found) == ["a", "b"]
    torch.testing.assert_close(torch.stack([*found.values()]), expected)


@pytest.mark.parametrize("build", [MOML, FORUM])
def test_training_with_validation_examples_learns_both_tasks(build):
    inputs = numbers(400, 4, seed=7)
    targets = {"a": inputs[:, 0] + inputs[:, 1], "b": inputs[:, 2] - inputs[:, 1]}

    def part(rows: slice, seed: int) -> JointSource:
        data = Batch(inputs=inputs[rows], targets={name: value[rows] for name, value in targets.items()})
        return JointSource(TASKS, data, batch_size=32, seed=seed)

    model = learner().float()
    outcome = train(
        model,
        part(slice(0, 200), 0),
        n_steps=100,
        balancer=build(["a", "b"]),
        validation_source=part(slice(200, 300), 1),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-2),
    )
    with torch.no_grad():
        answers = model.adapt(TASKS)(inputs[300:].float())
    for name, target in targets.items():
        error = (answers[name][:, 0] - target[300:]).square().mean() / target[300:].var()
        assert float(error) < 0.2
    assert outcome.skipped == 0


@pytest.mark.parametrize("build", [MOML, FORUM])
def test_without_validation_examples_the_remedy_is_named(build):
    with pytest.raises(InputError, match="pass `train` a `validation_source`"):
        build(NAMES)(seen(validation=None))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MOML(NAMES, lookahead=0), "must be positive; got 0 and 0.001"),
        (lambda: MOML(NAMES, rate=-1), "got 0.1 and -1"),
        (lambda: FORUM(NAMES, rho=0), "`lookahead`, `rho` and `rate` must be positive; got 0.1, 0 and"),
        (lambda: FORUM(NAMES, rate=0), "got 0.1, 0.1 and 0"),
        (lambda: FORUM(NAMES, lookahead=0), "got 0, "),
        (lambda: FORUM(NAMES)(seen(names=("a", "b", "z"))), "FORUM does not know z"),
        (lambda: MOML(NAMES)(seen(names=("a", "b", "z"))), "MOML does not know z"),
    ],
)
def test_wrong_arguments_are_refused(build, message):
    with pytest.raises(InputError, match=message):
        build()
