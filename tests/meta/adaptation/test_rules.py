"""Inner rules: torch's own optimizers as reference, finite meta-gradients, and messages."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor

from polytask.core import InputError, generator
from polytask.core.learner import State
from polytask.meta.adaptation.rules import SGD, Adam, AdamW, InnerStep, Proximal, RMSprop, UpdateRule

Optimizers = Callable[[Iterable[Tensor]], torch.optim.Optimizer]

PAIRS: dict[str, tuple[UpdateRule, Optimizers]] = {
    "sgd": (SGD(0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "sgd with decay": (SGD(0.1, weight_decay=0.3), lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.3)),
    "momentum": (SGD(0.1, momentum=0.9), lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)),
    "nesterov": (
        SGD(0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    ),
    "adam": (Adam(0.1), lambda p: torch.optim.Adam(p, lr=0.1)),
    "adam with decay": (Adam(0.1, weight_decay=0.2), lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.2)),
    "adam of reptile": (Adam(0.1, betas=(0.0, 0.9)), lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.0, 0.9))),
    "adamw": (AdamW(0.1, weight_decay=0.2), lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.2)),
    "adam with a large epsilon": (Adam(0.1, epsilon=0.3), lambda p: torch.optim.Adam(p, lr=0.1, eps=0.3)),
    "rmsprop with a large epsilon": (
        RMSprop(0.1, epsilon=0.3),
        lambda p: torch.optim.RMSprop(p, lr=0.1, eps=0.3),
    ),
    "rmsprop": (RMSprop(0.1, smoothing=0.8), lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.8)),
}


def run(rule: UpdateRule, start: State, loss: Callable[[State], Tensor], n_steps: int) -> State:
    parameters, memory = start, rule.optimizer_state(start)
    for index in range(n_steps):
        value = loss(parameters)
        found = torch.autograd.grad(value, list(parameters.values()), create_graph=True)
        gradients = dict(zip(parameters, found, strict=True))
        step = InnerStep(index=index, parameters=parameters, gradients=gradients, loss=value)
        parameters, memory = rule(step, memory)
    return parameters


def bowl(parameters: State) -> Tensor:
    return (parameters["a"] ** 4).sum() + (parameters["a"].sum() * parameters["b"]).square().sum()


def start() -> State:
    draw = generator(0)
    return {
        "a": torch.randn(3, generator=draw, dtype=torch.float64, requires_grad=True),
        "b": torch.randn(2, generator=draw, dtype=torch.float64, requires_grad=True),
    }


@pytest.mark.parametrize("name", PAIRS)
def test_without_a_derivative_the_steps_are_the_same_and_nothing_given_is_changed(name: str) -> None:
    rule, _ = PAIRS[name]
    first = rule.optimizer_state(start())
    for index in range(3):
        step = InnerStep(index=index, parameters=start(), gradients=start(), loss=torch.zeros(()))
        before = {key: value.clone() for key, value in first.items()}
        with torch.no_grad():
            found, kept = rule(step, first)
        torch.testing.assert_close(first, before, rtol=0, atol=0)
        torch.testing.assert_close(dict(step.parameters), start(), rtol=0, atol=0)
        torch.testing.assert_close((found, kept), rule(step, first))
        first = kept


@pytest.mark.parametrize("name", PAIRS)
def test_a_rule_makes_the_steps_of_torchs_optimizer(name: str) -> None:
    rule, build = PAIRS[name]
    found = run(rule, start(), bowl, 5)
    expected = {n: torch.nn.Parameter(t.detach().clone()) for n, t in start().items()}
    optimizer = build(expected.values())
    for _ in range(5):
        optimizer.zero_grad()
        bowl(dict(expected)).backward()
        optimizer.step()
    for n in expected:
        torch.testing.assert_close(found[n], expected[n], check_layout=False)


@pytest.mark.parametrize("name", PAIRS)
def test_the_derivative_through_the_steps_is_that_of_finite_differences(name: str) -> None:
    rule = PAIRS[name][0]

    def after(a: Tensor, b: Tensor) -> Tensor:
        return bowl(run(rule, {"a": a, "b": b}, bowl, 3))

    assert torch.autograd.gradcheck(after, tuple(start().values()))


@pytest.mark.parametrize("rule", [Adam(0.1), AdamW(0.1), RMSprop(0.1)])
def test_a_parameter_without_any_gradient_leaves_the_derivative_finite(rule: UpdateRule) -> None:
    def loss(parameters: State) -> Tensor:
        return (parameters["a"][0] ** 3).sum() + 0 * parameters["b"].sum()  # second moments of 0 elsewhere

    parameters = start()
    after = run(rule, parameters, loss, 2)
    gradients = torch.autograd.grad(loss(after), list(parameters.values()))
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    assert float(gradients[0][0]) != 0


def test_the_tie_adds_the_gradient_of_half_the_squared_distance() -> None:
    parameters, strength = start(), 0.7
    origin = {name: tensor.detach() for name, tensor in parameters.items()}
    found = run(Proximal(SGD(0.1, momentum=0.5), strength=strength), parameters, bowl, 4)

    def tied(point: State) -> Tensor:
        return bowl(point) + 0.5 * strength * sum((point[n] - origin[n]).square().sum() for n in point)

    expected = run(SGD(0.1, momentum=0.5), start(), tied, 4)
    for name in found:
        torch.testing.assert_close(found[name], expected[name])


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SGD(0.0), "`rate` must be above 0, got 0.0"),
        (lambda: SGD(0.1, momentum=1.0), "`momentum` must be at least 0 and below 1, got 1.0"),
        (lambda: SGD(0.1, nesterov=True), "`nesterov` needs a `momentum` above 0"),
        (lambda: SGD(0.1, weight_decay=-1.0), "`weight_decay` must be 0 or more"),
        (lambda: Adam(0.1, betas=(0.9, 1.0)), r"`betas\[1\]` must be at least 0 and below 1"),
        (lambda: Adam(0.1, epsilon=0.0), "`epsilon` must be above 0"),
        (lambda: RMSprop(0.1, smoothing=-0.1), "`smoothing` must be at least 0"),
        (lambda: Proximal(SGD(0.1), strength=-1.0), "`strength` must be 0 or more, got -1.0"),
    ],
)
def test_a_number_out_of_range_is_named(build: Callable[[], UpdateRule], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build()
