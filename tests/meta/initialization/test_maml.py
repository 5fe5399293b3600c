"""MAML: closed forms, what adaptation touches, and messages."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.core.learner import TOGETHER
from polytask.meta import mlp
from polytask.meta.adaptation.rules import SGD
from polytask.meta.initialization import FOMAML, MAML

QUADRATIC = Task(
    name="centre", kind="regression", n_outputs=3, loss=lambda p, t: 0.5 * (p - t).square().sum(-1)
)
NUMBER = Task(name="y", kind="regression")


class Point(nn.Module):
    """Answers its parameter, whatever it is asked."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.theta = nn.Parameter(start)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.theta.expand(inputs.shape[0], -1)


def quadratic_episode(centre: Tensor) -> Episode:
    batch = Batch(inputs=torch.zeros(1, 1, dtype=centre.dtype), targets={"centre": centre[None]})
    return Episode(tasks=(QUADRATIC,), support=batch, query=batch)


def line(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    x = torch.randn(n_rows, 1, generator=draw)
    return Batch(inputs=x, targets={"y": 2 * x.squeeze(1) - 1})


@settings(max_examples=20, deadline=None)
@given(rate=st.floats(0.01, 1.5), n_steps=st.integers(0, 4), seed=st.integers(0, 1000), second=st.booleans())
def test_on_quadratic_tasks_the_meta_gradient_is_the_closed_form(
    rate: float, n_steps: int, seed: int, second: bool
) -> None:
    draw = generator(seed)
    start, centre = torch.randn(2, 3, generator=draw, dtype=torch.float64)
    net = Point(start.clone())
    learner = MAML(net, inner_rate=rate, n_steps=n_steps, second_order=second)
    learner.objectives([quadratic_episode(centre)]).values.sum().backward()
    # phi - c = (1 - a)^K (theta - c), and the first-order gradient is phi - c itself.
    expected = (1 - rate) ** (2 * n_steps if second else n_steps) * (start - centre)
    torch.testing.assert_close(net.theta.grad, expected, rtol=1e-9, atol=1e-12)


def test_adaptation_is_gradient_descent_on_the_support() -> None:
    start, centre = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 0.0, 1.0])
    learner = MAML(Point(start), inner_rate=0.25, n_steps=2)
    episode = quadratic_episode(centre)
    state = learner.adapt(episode.tasks, episode.support).state[TOGETHER]
    torch.testing.assert_close(state["theta"], centre + 0.75**2 * (start - centre))


def test_several_tasks_adapt_by_the_sum_of_their_losses() -> None:
    tasks = [Task(name=name, kind="regression") for name in ("a", "b")]

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.theta = nn.Parameter(torch.tensor(1.0))

        def forward(self, inputs: Tensor) -> dict[str, Tensor]:
            return {"a": self.theta * inputs, "b": 3 * self.theta * inputs}

    support = Batch(inputs=torch.ones(1, 1), targets={"a": torch.zeros(1), "b": torch.zeros(1)})
    state = MAML(Both(), inner_rate=0.01).adapt(tasks, support).state[TOGETHER]
    torch.testing.assert_close(state["theta"], torch.tensor(1 - 0.01 * (2 + 18)))  # d (t^2 + 9 t^2) = 20 t


def test_fomaml_is_the_first_order_maml() -> None:
    learner = FOMAML(mlp([1, 4, 1]), inner_rate=0.1, n_steps=2)
    assert learner.n_differentiated == 0
    assert not learner.exact_gradient
    assert isinstance(learner.rule, SGD)
    assert (learner.rule.rate, learner.n_steps) == (0.1, 2)


def test_the_first_order_inner_loop_leaves_no_graph_of_the_gradient() -> None:
    learner = FOMAML(mlp([1, 4, 1]), inner_rate=0.1)
    state = learner.learn([NUMBER], line(5))[TOGETHER]
    functions = set()

    def walk(node: torch.autograd.graph.Node | None) -> None:
        if node is not None and node not in functions:
            functions.add(node)
            for following, _ in node.next_functions:
                walk(following)

    for tensor in state.values():
        walk(tensor.grad_fn)
    # Only "minus the rate times a constant" stands between the adapted and the initial parameters.
    assert {type(node).__name__ for node in functions} <= {"SubBackward0", "AccumulateGrad"}


def test_more_steps_fit_the_support_better_with_the_same_weights() -> None:
    with seeded(0):
        learner = MAML(mlp([1, 16, 1]), inner_rate=0.1)
    support = line(10)
    losses = []
    for n_steps in (0, 1, 20):
        other = learner.with_steps(n_steps)
        assert other.model is learner.model
        prediction = other.adapt([NUMBER], support)(support.inputs)["y"]
        losses.append(float(NUMBER.objective(prediction, support.targets["y"])))
    assert losses[0] > losses[1] > losses[2]
    assert learner.n_steps == 1


def test_with_steps_still_adapts_a_model_that_was_frozen_later() -> None:
    learner = MAML(mlp([1, 4, 1]), inner_rate=0.1)
    learner.model.requires_grad_(False)
    before = learner.model.state_dict()
    state = learner.with_steps(3).adapt([NUMBER], line(5)).state[TOGETHER]
    assert set(state) == set(before)
    assert not torch.equal(state["2.bias"], before["2.bias"])


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_adapt_gives_the_same_answer_in_any_gradient_mode(context: type[torch.no_grad]) -> None:
    with seeded(0):
        learner = MAML(mlp([1, 8, 1]), inner_rate=0.1, n_steps=3)
    expected = learner.adapt([NUMBER], line(5))(torch.ones(2, 1))["y"].detach()
    with context():
        support = line(5)
        found = learner.adapt([NUMBER], support)(torch.ones(2, 1))["y"]
    assert torch.equal(found.detach(), expected)


@pytest.mark.parametrize("policy", ["batch", "frozen"])
@pytest.mark.parametrize("training", [True, False])
def test_adapt_and_its_predictor_touch_nothing_of_the_learner(policy: str, training: bool) -> None:
    with seeded(0):
        net = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 1))
    learner = MAML(net, inner_rate=0.1, n_steps=2, normalization=policy)  # pyright: ignore[reportArgumentType]
    learner.train(training)
    net[4].eval()  # a mode of its own
    for parameter in learner.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    before = copy.deepcopy(learner)
    learner.adapt([NUMBER], line(5))(torch.randn(3, 1))
    for name, tensor in before.state_dict().items():
        assert torch.equal(learner.state_dict()[name], tensor)
    assert all(bool((parameter.grad == 7).all()) for parameter in learner.parameters())
    assert [m.training for m in learner.modules()] == [m.training for m in before.modules()]
    assert net[1].track_running_stats


@pytest.mark.parametrize("policy", ["batch", "frozen"])
def test_a_training_step_leaves_the_running_statistics_alone(policy: str) -> None:
    with seeded(0):
        net = nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1))
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    learner = MAML(net, normalization=policy)  # pyright: ignore[reportArgumentType]
    learner.objectives([Episode(tasks=(NUMBER,), support=line(5), query=line(6, "q"))])
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())


def test_a_predictor_does_not_follow_later_training() -> None:
    with seeded(0):
        learner = MAML(
            nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1)),
            normalization="frozen",
        )
    predictor = learner.adapt([NUMBER], line(5))
    x = torch.randn(3, 1, generator=generator(1))
    before = predictor(x)["y"].clone()
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(1.0)
    learner.train()
    assert torch.equal(predictor(x)["y"], before)


def test_the_state_is_detached_and_holds_the_adapted_parameters() -> None:
    learner = MAML(mlp([1, 4, 1]))
    state = learner.adapt([NUMBER], line(5)).state[TOGETHER]
    assert list(state) == [name for name, _ in learner.model.named_parameters()]
    assert not any(tensor.requires_grad for tensor in state.values())


def test_without_steps_the_state_is_a_copy_of_the_weights() -> None:
    learner = MAML(mlp([1, 1]), n_steps=0)
    state = learner.adapt([NUMBER], line(5)).state[TOGETHER]
    with torch.no_grad():
        state["0.weight"].zero_()
    assert float(learner.model[0].weight.detach().abs()) > 0  # pyright: ignore[reportIndexIssue]


def test_all_wrong_arguments_are_named_at_once() -> None:
    net = mlp([1, 1]).requires_grad_(False)
    with pytest.raises(InputError, match="`n_steps` must be 0 or more, got -1; `model` has no trainable"):
        MAML(net, n_steps=-1)


def test_the_inner_rate_is_above_zero() -> None:
    with pytest.raises(InputError, match="`rate` must be above 0, got 0"):
        MAML(mlp([1, 1]), inner_rate=0)


def test_with_steps_refuses_a_negative_number() -> None:
    with pytest.raises(InputError, match="`n_steps` must be 0 or more, got -2"):
        MAML(mlp([1, 1])).with_steps(-2)


def test_one_tensor_for_two_tasks_is_an_error() -> None:
    tasks = [Task(name=name, kind="regression") for name in ("a", "b")]
    support = Batch(inputs=torch.ones(1, 1), targets={"a": torch.zeros(1), "b": torch.zeros(1)})
    with pytest.raises(InputError, match=r"returned one tensor, but the episode has 2 tasks \(a, b\)"):
        MAML(mlp([1, 1])).adapt(tasks, support)


def test_a_mapping_without_an_asked_task_is_an_error() -> None:
    class Named(nn.Linear):
        def forward(self, input: Tensor) -> dict[str, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
            return {"z": super().forward(input)}

    with pytest.raises(InputError, match="`model` answered z, but not y"):
        MAML(Named(1, 1)).adapt([NUMBER], line(3))


def test_a_support_without_targets_is_an_error() -> None:
    with pytest.raises(InputError, match="the support has no targets"):
        MAML(mlp([1, 1])).learn([NUMBER], Batch(inputs=torch.zeros(2, 1)))
