"""Gradient affinity: cosines that are known in closed form, missing labels, and a learner left alone."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from polytask.architectures import HardSharing
from polytask.balancing.engines import Features, Layerwise
from polytask.core import Batch, DataWarning, Episode, InputError, SharedModel, Task
from polytask.core.batch import Inputs
from polytask.data import JointSource, Source
from polytask.relate.gradient_cosines import GradientAffinity, gradient_affinity


class Fixed(Source):
    """The same step again and again."""

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
    width = len(point)
    tasks = [Task(name=name, kind="regression", n_outputs=width) for name in targets]
    rows = {name: torch.tensor([target] * 3, dtype=torch.float64) for name, target in targets.items()}
    query = Batch(inputs=torch.zeros(3, 1, dtype=torch.float64), targets=rows)
    model = SharedModel(tasks, HardSharing(Point(point)), {name: nn.Identity() for name in targets})
    return model, Fixed(Episode(tasks=tuple(tasks), query=query))


def tabular(n_tasks: int = 3, *, masks: dict[str, Tensor] | None = None) -> tuple[SharedModel, JointSource]:
    torch.manual_seed(0)
    tasks = [Task(name=f"t{index}", kind="regression") for index in range(n_tasks)]
    inputs = torch.randn(24, 4)
    targets = {task.name: inputs @ torch.randn(4) for task in tasks}
    data = Batch(inputs=inputs, targets=targets, masks=masks or {})
    heads = {task.name: nn.Linear(5, 1) for task in tasks}
    model = SharedModel(tasks, HardSharing(nn.Sequential(nn.Linear(4, 5), nn.Tanh())), heads)
    return model, JointSource(tasks, data, batch_size=8, seed=0)


@settings(deadline=None)
@given(st.floats(0.1, 3.0))
def test_quadratic_tasks_have_the_cosine_of_the_angle_between_their_targets(angle):
    model, source = quadratic({"a": [1.0, 0.0], "b": [np.cos(angle), np.sin(angle)]}, [0.0, 0.0])
    assert gradient_affinity(model, source, n_steps=1)("a", "b") == pytest.approx(np.cos(angle))


def test_it_is_the_mean_of_the_cosines_of_plain_gradients():
    model, source = tabular()
    cosines = []
    for step in range(5):
        values = model.objectives(source.step(step)).values
        trunk = list(model.sharing.parameters())
        grads = [torch.autograd.grad(value, trunk, retain_graph=True) for value in values]
        rows = np.stack([np.concatenate([g.numpy().ravel() for g in grad]) for grad in grads])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        cosines.append(rows @ rows.T)
    found = gradient_affinity(model, source, n_steps=5)
    np.testing.assert_allclose(found.matrix.numpy(), np.mean(cosines, 0), atol=1e-6)
    assert (found.n_seen == 5).all()


def test_an_exact_engine_finds_the_same():
    model, source = tabular()
    plain = gradient_affinity(model, source, n_steps=3)
    layerwise = gradient_affinity(model, source, n_steps=3, engine=Layerwise())
    torch.testing.assert_close(plain.matrix, layerwise.matrix, atol=1e-5, rtol=0)


def test_an_engine_of_representations_finds_the_cosines_at_the_features():
    model, source = quadratic({"a": [1.0, 0.0], "b": [1.0, 1.0]}, [0.0, 0.0])
    found = gradient_affinity(model, source, n_steps=1, engine=Features())
    assert found("a", "b") == pytest.approx(np.sqrt(0.5))


def test_without_an_optimizer_all_steps_are_taken_at_the_same_weights():
    model, source = quadratic({"a": [1.0, 0.0], "b": [0.0, 1.0]}, [0.0, 0.0])
    assert gradient_affinity(model, source, n_steps=20)("a", "b") == pytest.approx(0)


def test_with_an_optimizer_the_copy_moves_to_where_the_tasks_conflict():
    model, source = quadratic({"a": [1.0, 0.0], "b": [0.0, 1.0]}, [0.0, 0.0])

    def sgd(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=0.5)

    # The loss is half the squared distance: the first step of the sum goes to the middle, where they oppose.
    found = gradient_affinity(model, source, n_steps=2, optimizer=sgd)
    assert found("a", "b") == pytest.approx((0 - 1) / 2)


def test_steps_in_between_are_trained_on_but_not_looked_at():
    model, source = quadratic({"a": [1.0, 0.0], "b": [0.0, 1.0]}, [0.0, 0.0])
    found = gradient_affinity(
        model, source, n_steps=5, every=2, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1)
    )
    assert found.n_seen.tolist() == [[3, 3], [3, 3]]
    # Each step leaves 4/5 of the way to the middle, so that a step more or less is seen.
    points = [0.5 * (1 - 0.8**step) for step in (0, 2, 4)]  # of both coordinates
    cosines = [2 * p * (p - 1) / (p**2 + (p - 1) ** 2) for p in points]
    assert found("a", "b") == pytest.approx(sum(cosines) / 3)


def test_the_learner_is_not_changed():
    model, source = tabular()
    model.sharing.register_buffer("count", torch.zeros(1))
    model.eval()
    before = copy.deepcopy(model.state_dict())
    gradient_affinity(model, source, n_steps=3, optimizer=torch.optim.Adam)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_dropout_draws_by_the_seed_and_leaves_the_global_generator_alone():
    model, source = tabular()
    model.sharing = HardSharing(nn.Sequential(nn.Linear(4, 5), nn.Dropout(0.5)))
    state = torch.get_rng_state()
    first = gradient_affinity(model, source, n_steps=3).matrix
    torch.rand(7)
    second = gradient_affinity(model, source, n_steps=3).matrix
    other = gradient_affinity(model, source, n_steps=3, seed=1).matrix
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    torch.set_rng_state(state)
    gradient_affinity(model, source, n_steps=1)
    assert torch.equal(torch.get_rng_state(), state)


def test_pairs_never_labelled_in_one_step_are_unknown():
    model, source = tabular(2)
    tasks, data = source.tasks, source.data
    source = Fixed(*(Episode(tasks=tasks, query=data.only([task.name])) for task in tasks))
    with pytest.warns(DataWarning, match="Less than 30 % .* common to t0 and t1"):
        found = gradient_affinity(model, source, n_steps=4)
    assert np.isnan(found("t0", "t1"))
    assert found.n_seen.tolist() == [[2, 0], [0, 2]]


def test_the_overlap_is_the_share_of_rows_with_both_labels():
    first = torch.arange(24) < 16
    second = torch.arange(24) >= 4
    model, source = tabular(2, masks={"t0": first, "t1": second})
    found = gradient_affinity(model, source, n_steps=source.n_steps)
    assert found.overlap is not None
    torch.testing.assert_close(found.overlap, torch.tensor([[1, 0.5], [0.5, 1]], dtype=torch.float64))


def test_it_needs_no_gradients_switched_on():
    model, source = quadratic({"a": [1.0, 0.0], "b": [0.0, 1.0]}, [0.0, 0.0])
    with torch.no_grad():
        assert gradient_affinity(model, source, n_steps=2)("a", "a") == pytest.approx(1)


def test_a_gradient_of_zero_has_no_cosine():
    means = GradientAffinity(["a", "b"])
    means.observe(["a", "b"], torch.tensor([[0.0, 0.0], [0.0, 2.0]]))
    means.observe(["b", "a"], torch.tensor([[2.0, 1.0], [1.0, 2.0]]))
    found = means.affinity()
    assert found("a", "b") == pytest.approx(0.5)
    assert found.n_seen.tolist() == [[1, 1], [1, 2]]


def test_what_was_seen_travels_in_the_state():
    means, other = GradientAffinity(["a", "b"]), GradientAffinity(["a", "b"])
    means.observe(["a", "b"], torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    other.load_state_dict(means.state_dict())
    assert torch.equal(other.affinity().matrix, means.affinity().matrix)


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_cosines_are_symmetric_bounded_and_free_of_scale(seed):
    rows = np.random.default_rng(seed).normal(size=(3, 4))
    scales = np.exp(np.random.default_rng(seed + 1).normal(size=(3, 1)))
    found = []
    for each in (rows, rows * scales):
        means = GradientAffinity(["a", "b", "c"])
        means.observe(["a", "b", "c"], torch.from_numpy(each @ each.T))
        found.append(means.affinity().matrix)
    torch.testing.assert_close(found[0], found[1])
    torch.testing.assert_close(found[0], found[0].T)
    assert found[0].abs().max() <= 1 + 1e-12


def test_a_gramian_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"for 2 names, but has shape \(3, 3\)"):
        GradientAffinity(["a", "b"]).observe(["a", "b"], torch.eye(3))


def test_an_unknown_task_is_refused():
    model, source = tabular()
    with pytest.raises(InputError, match="does not know t2"):
        gradient_affinity(model, source, n_steps=1, names=["t0", "t1"])


@pytest.mark.parametrize(("n_steps", "every"), [(0, 1), (1, 0)])
def test_numbers_below_one_are_refused(n_steps, every):
    model, source = tabular()
    with pytest.raises(InputError, match="must be at least 1"):
        gradient_affinity(model, source, n_steps=n_steps, every=every)


def test_a_learner_that_shares_nothing_is_refused():
    model, source = tabular()
    model.sharing.requires_grad_(False)
    with pytest.raises(InputError, match="no trainable shared parameter"):
        gradient_affinity(model, source, n_steps=1)
