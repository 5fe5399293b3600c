"""The contract of a balancer."""

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing import BalancedBackward, Balancer, Direction, Evidence, Weights
from polytask.checks.balancer_hooks import check_accumulated, check_needs, check_told, check_wrapped
from polytask.checks.failures import Failures, same
from polytask.core import (
    Batch,
    Episode,
    PolytaskError,
    SharedModel,
    Task,
    generator,
    jacobian,
    seeded,
    shared_parameters,
)

__all__ = ["check_balancer"]

_NAMES = ("a", "b", "c")


def check_balancer(build: Callable[[Sequence[str]], Balancer], *, positive: bool = True) -> None:
    """Check a balancer of your own against everything that the two-phase step relies on.

    It answers with finite weights or a direction of the right shape, also for huge, tiny and zero gradients,
    for one objective and for some objectives absent; it repeats; its state survives saving; an absent
    objective's state is left alone; it asks for nothing that its `needs` does not announce; balancers inside
    it are told the losses after the update; inside polytask's own wrappers it is what it is alone; a step in
    parts makes the update of the whole step; and private parameters get their own task's unscaled gradient
    whatever it answers.

    Args:
        build: Makes a fresh balancer for objectives of these names.
        positive: Whether objectives whose gradients agree must go down under the update; False for methods
            that draw weights of either sign.

    Raises:
        ConformanceError: Something does not hold; the message lists all of it.

    Example:
        >>> from polytask.balancing.methods import EqualWeights
        >>> check_balancer(lambda names: EqualWeights())
    """
    failures = Failures(type(build(_NAMES)).__name__)
    rows = torch.randn(3, 8, generator=generator(0, "rows"), dtype=torch.float64)
    _check_answers(build, rows, failures)
    failures.raise_if_any()  # the rest needs answers of the right shape
    _check_repeats(build, rows, failures)
    _check_absent(build, rows, failures)
    if positive:
        _check_agreement(build, rows, failures)
    check_needs(_built(build), _evidence(rows), failures)
    check_told(_built(build), _evidence(rows), failures)
    check_wrapped(build, _NAMES, lambda step: _evidence(rows.roll(step, 1)), failures)
    _check_two_phase(build, failures)
    failures.raise_if_any()


def _evidence(rows: Tensor, names: Sequence[str] = _NAMES) -> Evidence:
    losses = torch.linspace(0.5, 2.0, len(rows), dtype=rows.dtype)
    return Evidence(
        tuple(names),
        losses,
        rows.clone,
        cross=lambda: rows @ rows.T,
        validation=lambda _: dict(zip(names, rows, strict=True)),
    )


def _built(build: Callable[[Sequence[str]], Balancer], names: Sequence[str] = _NAMES) -> Balancer:
    return build(names).to(torch.float64)


def _ask(balancer: Balancer, evidence: Evidence) -> Weights | Direction:
    with seeded(0, "check"):
        return balancer(evidence)


def _combined(update: Weights | Direction, rows: Tensor) -> Tensor:
    return update.values.detach() if isinstance(update, Direction) else update.values.detach() @ rows


def _check_answers(build: Callable[[Sequence[str]], Balancer], rows: Tensor, failures: Failures) -> None:
    one_zero = rows.clone()
    one_zero[1] = 0
    cases = {
        "ordinary gradients": rows,
        "gradients of 1e8": rows * 1e8,
        "gradients of 1e-8": rows * 1e-8,
        "one zero gradient": one_zero,
        "equal gradients": rows[:1].expand(3, -1).contiguous(),
        "a single objective": rows[:1],
    }
    for name, case in cases.items():
        names = _NAMES[: len(case)]
        evidence = _evidence(case, names)
        losses = evidence.losses.clone()
        update = _ask(_built(build, names), evidence)
        shape = (len(case),) if isinstance(update, Weights) else (case.shape[1],)
        what = "weights" if isinstance(update, Weights) else "the direction"
        failures.expect(
            tuple(update.values.shape) == shape,
            f"{what} have shape {tuple(update.values.shape)} for {name}, not {shape}",
        )
        failures.expect(bool(update.values.isfinite().all()), f"{what} are not finite for {name}")
        failures.expect(
            same(evidence.losses, losses) and same(evidence.jacobian(), case),
            f"the evidence is changed for {name}",
        )


def _check_repeats(build: Callable[[Sequence[str]], Balancer], rows: Tensor, failures: Failures) -> None:
    balancer = _built(build)
    _ask(balancer, _evidence(rows))
    twin = _built(build)
    try:
        twin.load_state_dict(copy.deepcopy(balancer.state_dict()))
    except RuntimeError as error:
        failures.expect(False, f"a fresh balancer cannot load the state of a used one: {error}")
        return
    first, second = _ask(balancer, _evidence(rows.flip(1))), _ask(twin, _evidence(rows.flip(1)))
    failures.expect(
        same(first.values.detach(), second.values.detach()),
        "the same state, seed and evidence give another answer; keep state in buffers or parameters",
    )


def _check_absent(build: Callable[[Sequence[str]], Balancer], rows: Tensor, failures: Failures) -> None:
    balancer = _built(build)
    _ask(balancer, _evidence(rows))
    before = {name: buffer.clone() for name, buffer in balancer.named_buffers()}
    try:
        update = _ask(balancer, _evidence(rows[[0, 2]], ("a", "c")))
    except (PolytaskError, RuntimeError, ValueError, IndexError, KeyError) as error:
        failures.expect(False, f"an absent objective is not handled: {type(error).__name__}: {error}")
        return
    if isinstance(update, Weights):
        failures.expect(
            tuple(update.values.shape) == (2,), "there must be a weight for each objective present, alone"
        )
        criterion = (update.values * torch.ones(2, dtype=torch.float64)).sum()
        criterion = criterion if update.regularizer is None else criterion + update.regularizer
        if criterion.requires_grad:
            criterion.backward()
    for name, buffer in balancer.named_buffers():
        if buffer.ndim > 0 and len(buffer) == len(_NAMES) and buffer.shape == before[name].shape:
            failures.expect(
                same(buffer[1], before[name][1]), f"an absent objective's entry of `{name}` is changed"
            )
    for name, parameter in balancer.named_parameters():
        if parameter.ndim == 1 and len(parameter) == len(_NAMES) and parameter.grad is not None:
            failures.expect(
                float(parameter.grad[1]) == 0, f"an absent objective's entry of `{name}` gets a gradient"
            )


def _check_agreement(build: Callable[[Sequence[str]], Balancer], rows: Tensor, failures: Failures) -> None:
    """Gradients that agree: the update must lower every objective."""
    agreeing = rows.abs() + 0.1  # all inner products are positive
    direction = _combined(_ask(_built(build), _evidence(agreeing)), agreeing)
    failures.expect(
        bool((agreeing @ direction > 0).all()), "where all gradients agree, the update raises an objective"
    )


def _small_problem() -> tuple[SharedModel, list[Episode]]:
    tasks = [Task(name="a", kind="regression"), Task(name="b", kind="binary")]
    draw = generator(0, "two-phase")
    with seeded(0, "model"):
        heads = {task.name: nn.Linear(4, 1) for task in tasks}
        learner = SharedModel(tasks, HardSharing(nn.Sequential(nn.Linear(3, 4), nn.Tanh())), heads).double()
    batch = Batch(
        inputs=torch.randn(6, 3, generator=draw, dtype=torch.float64),
        targets={
            "a": torch.randn(6, generator=draw, dtype=torch.float64),
            "b": torch.tensor([0.0, 1, 1, 0, 1, 0]).double(),
        },
    )
    return learner, [Episode(tasks=tuple(tasks), query=batch)]


def _check_two_phase(build: Callable[[Sequence[str]], Balancer], failures: Failures) -> None:
    learner, episodes = _small_problem()
    shared = shared_parameters(learner)

    def displaced(displacement: Tensor) -> dict[str, Tensor]:
        moved = copy.deepcopy(learner)
        with torch.no_grad():
            for parameter, piece in zip(
                shared_parameters(moved), displacement.split([p.numel() for p in shared]), strict=True
            ):
                parameter += piece.view_as(parameter)
        found = moved.objectives(episodes)
        rows = jacobian(found.values, shared_parameters(moved))
        return dict(zip(found.names, rows, strict=True))

    rows = jacobian(learner.objectives(episodes).values, shared)
    evidence = Evidence(
        ("a", "b"),
        learner.objectives(episodes).values.detach(),
        rows.clone,
        cross=lambda: rows @ rows.T,
        validation=displaced,
    )
    expected = _combined(_ask(_built(build, ("a", "b")), evidence), rows)
    alone = jacobian(learner.objectives(episodes).total()[None], list(learner.heads.parameters()))[0]
    with seeded(0, "check"):
        BalancedBackward(learner, _built(build, ("a", "b")))(
            learner.objectives(episodes),
            halves=lambda: (learner.objectives(episodes), learner.objectives(episodes)),
            validation=lambda: learner.objectives(episodes),
        )
    got = torch.cat(
        [p.grad.reshape(-1) if p.grad is not None else torch.zeros_like(p).reshape(-1) for p in shared]
    )
    failures.expect(
        same(got, expected, tolerance=1e-9), "the shared gradient is not the update that was answered"
    )
    private = torch.cat([p.grad.reshape(-1) for p in learner.heads.parameters() if p.grad is not None])
    failures.expect(
        same(private, alone, tolerance=1e-12),
        "a private parameter's gradient is not its task's own, unscaled",
    )
    check_accumulated(build, ("a", "b"), learner, episodes, failures)
