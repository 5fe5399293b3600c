"""Lookahead affinity: quadratics in closed form, an independent computation, and a learner left alone."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.core import Batch, DataWarning, Episode, InputError, SharedModel, Task
from polytask.core.batch import Inputs
from polytask.data import JointSource, Source
from polytask.relate.lookahead import lookahead_affinity


class Fixed(Source):
    """The same steps again and again."""

    def __init__(self, *steps: Episode) -> None:
        self.steps = steps

    def step(self, index: int) -> tuple[Episode, ...]:
        return (self.steps[index % len(self.steps)],)


class Point(nn.Module):
    """A trunk that is a point: the same features whatever the input."""

    def __init__(self, point: list[float]) -> None:
        super().__init__()
        self.point = nn.Parameter(torch.tensor(point, dtype=torch.float64))

    def forward(self, inputs: Inputs) -> Tensor:
        assert isinstance(inputs, Tensor)
        return self.point.expand(len(inputs), -1)


def quadratic(targets: dict[str, list[float]], point: list[float]) -> tuple[SharedModel, Fixed]:
    """Tasks whose objective is the mean squared distance of a point to their target."""
    tasks = [Task(name=name, kind="regression", n_outputs=len(point)) for name in targets]
    rows = {name: torch.tensor([target] * 3, dtype=torch.float64) for name, target in targets.items()}
    query = Batch(inputs=torch.zeros(3, 1, dtype=torch.float64), targets=rows)
    model = SharedModel(tasks, HardSharing(Point(point)), {name: nn.Identity() for name in targets})
    return model, Fixed(Episode(tasks=tuple(tasks), query=query))


def tabular() -> tuple[SharedModel, JointSource]:
    torch.manual_seed(0)
    tasks = [Task(name=f"t{index}", kind="regression") for index in range(3)]
    inputs = torch.randn(24, 4)
    data = Batch(inputs=inputs, targets={task.name: inputs @ torch.randn(4) for task in tasks})
    heads = {task.name: nn.Linear(5, 1) for task in tasks}
    model = SharedModel(tasks, HardSharing(nn.Sequential(nn.Linear(4, 5), nn.Tanh())), heads)
    return model, JointSource(tasks, data, batch_size=8, seed=0)


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.01, 1.5))
def test_quadratic_tasks_have_the_affinity_of_the_closed_form(seed, rate):
    a, b, point = np.random.default_rng(seed).normal(size=(3, 2))
    model, source = quadratic({"a": a.tolist(), "b": b.tolist()}, point.tolist())
    found = lookahead_affinity(model, source, n_steps=1, rate=rate)
    moved = point - rate * (point - a)  # the loss of two outputs is half the squared distance
    expected = 1 - np.sum((moved - b) ** 2) / np.sum((point - b) ** 2)
    assert found("a", "b") == pytest.approx(expected, rel=1e-8, abs=1e-10)
    assert found("a", "a") == pytest.approx(1 - (1 - rate) ** 2)


def test_a_small_step_gives_the_inner_product_of_the_gradients():
    model, source = tabular()
    model.double()
    rate = 1e-6
    episode = source.step(0)[0].to("cpu", torch.float64)
    values = model.objectives([episode]).values
    trunk = list(model.sharing.parameters())
    grads = [torch.autograd.grad(value, trunk, retain_graph=True) for value in values]
    rows = torch.stack([torch.cat([g.flatten() for g in grad]) for grad in grads])
    found = lookahead_affinity(model, source, n_steps=1, rate=rate)
    torch.testing.assert_close(found.matrix / rate, rows @ rows.T / values.detach(), rtol=1e-3, atol=1e-5)


def test_it_is_what_really_stepping_a_copy_measures_along_plain_training():
    model, source = tabular()
    expected = []
    walker = copy.deepcopy(model)
    for step in range(4):
        before = walker.objectives(source.step(step)).values.detach()
        after = []
        for task in range(3):
            other = copy.deepcopy(walker)
            other.objectives(source.step(step)).values[task].backward()
            torch.optim.SGD(other.sharing.parameters(), lr=0.1).step()
            after.append(other.objectives(source.step(step)).values.detach())
        expected.append(1 - torch.stack(after) / before)
        optimizer = torch.optim.SGD(walker.parameters(), lr=0.05)
        optimizer.zero_grad()
        walker.objectives(source.step(step)).total().backward()
        optimizer.step()
    found = lookahead_affinity(
        model, source, n_steps=4, rate=0.1, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.05)
    )
    np.testing.assert_allclose(found.matrix, torch.stack(expected).mean(0), atol=1e-5)


def test_only_the_giver_moves_so_the_table_is_not_symmetric():
    model, source = quadratic({"near": [1.0, 0.0], "far": [10.0, 0.0]}, [0.0, 0.0])
    found = lookahead_affinity(model, source, n_steps=1, rate=0.1)
    assert found("near", "far") == pytest.approx(1 - 0.99**2)
    assert found("far", "near") == pytest.approx(1.0)


def test_the_learner_is_not_changed():
    model, source = tabular()
    model.eval()
    before = copy.deepcopy(model.state_dict())
    lookahead_affinity(model, source, n_steps=3, rate=0.1, optimizer=torch.optim.Adam)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_dropout_is_the_same_before_and_after_the_step():
    model, source = tabular()
    model.sharing = HardSharing(nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5)))
    found = lookahead_affinity(model, source, n_steps=3, rate=1e-7)
    assert found.matrix.abs().max() < 1e-4  # other masks would change the losses by far more


def test_pairs_never_labelled_in_one_step_are_unknown():
    model, source = tabular()
    steps = [
        Episode(tasks=source.tasks, query=source.data.only(names)) for names in (["t0", "t1"], ["t1", "t2"])
    ]
    with pytest.warns(DataWarning, match="t0 and t2"):
        found = lookahead_affinity(model, Fixed(*steps), n_steps=4, rate=0.1)
    assert np.isnan(found("t0", "t2"))
    assert found.n_seen.tolist() == [[2, 2, 0], [2, 4, 2], [0, 2, 2]]


def test_it_needs_no_gradients_switched_on():
    model, source = quadratic({"a": [1.0, 0.0]}, [0.0, 0.0])
    with torch.no_grad():
        assert lookahead_affinity(model, source, n_steps=2, rate=0.1)("a", "a") == pytest.approx(1 - 0.9**2)


def test_a_loss_of_zero_has_no_affinity():
    model, source = quadratic({"a": [1.0, 0.0], "b": [0.0, 0.0]}, [0.0, 0.0])
    found = lookahead_affinity(model, source, n_steps=1, rate=0.1)
    assert np.isnan(found("a", "b"))
    assert found("b", "a") == 0


def test_a_negative_loss_is_refused():
    task = Task(name="y", kind="regression", loss=lambda prediction, target: prediction - target)
    model = SharedModel([task], HardSharing(nn.Linear(1, 1)), {"y": nn.Identity()})
    query = Batch(inputs=torch.zeros(2, 1), targets={"y": torch.full((2,), 9.0)})
    with pytest.raises(InputError, match="The loss of y is below 0"):
        lookahead_affinity(model, Fixed(Episode(tasks=(task,), query=query)), n_steps=1, rate=0.1)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_not_above_zero_is_refused(rate):
    model, source = tabular()
    with pytest.raises(InputError, match="`rate` must be above 0"):
        lookahead_affinity(model, source, n_steps=1, rate=rate)


def test_a_learner_that_shares_nothing_is_refused():
    model, source = tabular()
    model.sharing.requires_grad_(False)
    with pytest.raises(InputError, match="no trainable shared parameter"):
        lookahead_affinity(model, source, n_steps=1, rate=0.1)
