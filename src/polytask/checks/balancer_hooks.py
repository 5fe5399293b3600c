"""What a balancer and whatever is around or inside it tell each other, and how it fares in steps of parts."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from polytask.balancing import (
    BalancedBackward,
    Balancer,
    Direction,
    Evidence,
    InverseProbability,
    Periodic,
    Smoothed,
    Weights,
)
from polytask.balancing.step.accumulation import Accumulation
from polytask.balancing.wrappers.wrapper import Wrapper
from polytask.checks.failures import Failures, same
from polytask.core import Episode, Learner, PolytaskError, private_parameters, seeded, shared_parameters

__all__ = ["check_accumulated", "check_needs", "check_told", "check_wrapped"]

Build = Callable[[Sequence[str]], Balancer]


def check_needs(balancer: Balancer, evidence: Evidence, failures: Failures) -> None:
    """Expect that a balancer asks for nothing that its `needs` does not announce."""
    asked: dict[str, None] = {}

    def noted(what: str, answer: Callable[..., object]) -> Callable[..., object]:
        def ask(*arguments: object) -> object:
            asked[what] = None
            return answer(*arguments)

        return ask

    for what in ("cross_gramian", "validation_gradients", "jacobian", "gramian"):
        setattr(evidence, what, noted(what, getattr(evidence, what)))
    with seeded(0, "check"):
        balancer(evidence)
    allowed = {"cross_gramian": ("cross",), "validation_gradients": ("validation",)}
    for what in asked:
        fits = allowed.get(what, ("gramian", "jacobian", "cross", "validation"))
        failures.expect(
            balancer.needs in fits,
            f"it asks for `{what}`, but its `needs` is {balancer.needs!r} and not {fits[0]!r}",
        )


def check_told(balancer: Balancer, evidence: Evidence, failures: Failures) -> None:
    """Expect that every balancer inside is told the losses after the steps that it was asked in."""
    probes = []
    for owner in list(balancer.modules()):
        for name, child in owner._modules.items():
            if isinstance(child, Balancer) and not isinstance(child, _Probe):
                probes.append(_Probe(child))
                owner._modules[name] = probes[-1]
    with seeded(0, "check"):
        balancer(evidence)
    after = evidence.losses * 0.9
    if balancer.looks_after:
        balancer.after_step(evidence.names, after)
    for probe in probes:
        expected = [(evidence.names, after)] * len(probe.asked)
        failures.expect(
            len(probe.told) == len(expected)
            and all(a[0] == b[0] and same(a[1], b[1]) for a, b in zip(probe.told, expected)),
            f"{type(probe.balancer).__name__} inside is not told the losses after the update; derive the "
            "wrapper from `polytask.balancing.wrappers.wrapper.Wrapper`, or give it `looks_after` and "
            "`after_step`",
        )


class _Probe(Wrapper):
    """Notes when the balancer inside is asked and told."""

    def __init__(self, balancer: Balancer) -> None:
        super().__init__(balancer)
        self.asked: list[tuple[str, ...]] = []
        self.told: list[tuple[tuple[str, ...], Tensor]] = []

    @property
    def looks_after(self) -> bool:
        return True

    def forward(self, evidence: Evidence) -> Weights | Direction:
        self.asked.append(evidence.names)
        return self.balancer(evidence)

    def after_step(self, names: tuple[str, ...], losses: Tensor) -> None:
        self.told.append((names, losses))
        super().after_step(names, losses)


def check_wrapped(
    build: Build, names: Sequence[str], evidence: Callable[[int], Evidence], failures: Failures
) -> None:
    """Expect that wrappers that change nothing change nothing, over three steps and what they bring."""
    expected = _followed(build(names), evidence)
    wrappers: dict[str, Callable[[Balancer], Balancer]] = {
        "InverseProbability": lambda inner: InverseProbability(inner, dict.fromkeys(names, 1.0))
    }
    if isinstance(build(names).double()(evidence(0)), Weights):
        wrappers["Smoothed"] = lambda inner: Smoothed(inner, names, alpha=0.0)
        wrappers["Periodic"] = lambda inner: Periodic(inner, names, every=1)
    for name, wrap in wrappers.items():
        try:
            found = _followed(wrap(build(names)), evidence)
        except (PolytaskError, RuntimeError, ValueError, KeyError) as error:
            failures.expect(False, f"inside {name} it fails: {type(error).__name__}: {error}")
            continue
        failures.expect(
            all(same(a, b, tolerance=1e-9) for a, b in zip(expected, found, strict=True)),
            f"inside {name}, which changes nothing here, it answers or learns something else",
        )


def _followed(balancer: Balancer, evidence: Callable[[int], Evidence]) -> list[Tensor]:
    """Return three steps' answers, and what its parameters are after gradient descent on its criterion."""
    balancer = balancer.double()
    answers = []
    for step in range(3):
        given = evidence(step)
        with seeded(step, "check"):
            update = balancer(given)
        answers.append(update.values.detach().clone())
        if isinstance(update, Weights):
            _descend(balancer, update, given.losses)
        if balancer.looks_after:
            balancer.after_step(given.names, given.losses * torch.linspace(0.5, 1, len(given.losses)))
    return [*answers, *(parameter.detach() for parameter in balancer.parameters())]


def _descend(balancer: Balancer, update: Weights, losses: Tensor) -> None:
    criterion = (update.values * losses).sum()
    criterion = criterion if update.regularizer is None else criterion + update.regularizer
    if criterion.requires_grad:
        balancer.zero_grad()
        criterion.backward()
        with torch.no_grad():
            for parameter in balancer.parameters():
                if parameter.grad is not None:
                    parameter -= 0.01 * parameter.grad


def check_accumulated(
    build: Build, names: Sequence[str], learner: Learner, episodes: Sequence[Episode], failures: Failures
) -> None:
    """Expect that a step in two parts makes the update of the whole step."""
    (episode,) = episodes
    halves = torch.arange(len(episode.query)).tensor_split(2)
    cut = [Episode(tasks=episode.tasks, query=episode.query.rows(rows)) for rows in halves]
    parts = [lambda part=part: learner.objectives([part]) for part in cut]

    def in_parts() -> Accumulation:
        return Accumulation(learner, parts)

    found = []
    for accumulated in (False, True):
        learner.zero_grad()
        backward = BalancedBackward(learner, build(names).double(), engine="loop")
        with seeded(0, "check"):
            if accumulated:
                backward.accumulated(
                    in_parts(),
                    halves=lambda: (in_parts(), in_parts()),
                    validation=lambda: learner.objectives(episodes),
                )
            else:
                backward(
                    learner.objectives(episodes),
                    halves=lambda: (learner.objectives(episodes), learner.objectives(episodes)),
                    validation=lambda: learner.objectives(episodes),
                )
        found.append(_gradient(learner))
    failures.expect(
        same(found[0], found[1], tolerance=1e-8),
        "a step that comes in parts makes another update than the whole step",
    )


def _gradient(learner: Learner) -> Tensor:
    private: list[nn.Parameter] = [p for own in private_parameters(learner).values() for p in own]
    gradients = [
        torch.zeros_like(p) if p.grad is None else p.grad for p in shared_parameters(learner) + private
    ]
    return torch.cat([gradient.reshape(-1) for gradient in gradients])
