"""The Fisher information of the shared parameters, against closed forms; similarity made of it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.optim import Adam

from polytask.architectures import HardSharing, SoftSharing
from polytask.core import (
    Batch,
    Episode,
    InputError,
    SharedModel,
    Task,
    generator,
    private_parameters,
    seeded,
    shared_parameters,
)
from polytask.data import JointSource
from polytask.relate.grouping import group_tasks
from polytask.relate.similarity import similarity_gains
from polytask.relate.task_embedding import TaskEmbeddings, task_embeddings
from polytask.train import train


def linear(task: Task, *, n_hidden: int = 4) -> SharedModel:
    """Make a linear model of 3 inputs in double precision, without biases."""
    with seeded(0, "model"):
        trunk = nn.Linear(3, n_hidden, bias=False)
        head = nn.Linear(n_hidden, task.n_outputs, bias=False)
    return SharedModel([task], HardSharing(trunk), {task.name: head}).double()


def parts(model: SharedModel) -> tuple[torch.Tensor, torch.Tensor]:
    (weight,) = shared_parameters(model)
    (head,) = private_parameters(model)["y"]
    return weight.detach(), head.detach()


def inputs(n_rows: int = 12) -> torch.Tensor:
    return torch.randn(n_rows, 3, generator=generator(0, "inputs"), dtype=torch.float64)


def embedded(task: Task, model: SharedModel, target: torch.Tensor, **masks) -> torch.Tensor:
    data = Batch(inputs=inputs(len(target)), targets={"y": target}, masks=masks)
    return task_embeddings(model, [task], data).vectors[0]


def test_a_linear_regression_has_its_closed_form():
    task = Task(name="y", kind="regression")
    model = linear(task)
    _, head = parts(model)
    expected = head[0].square() * inputs().square().mean()  # each row of W: v_i^2 E[x_j^2], mean over j
    torch.testing.assert_close(embedded(task, model, torch.zeros(12)), expected)


def test_a_regression_of_several_outputs_adds_them_up():
    task = Task(name="y", kind="regression", n_outputs=2)
    model = linear(task)
    _, head = parts(model)
    expected = head.square().sum(0) * inputs().square().mean()
    torch.testing.assert_close(embedded(task, model, torch.zeros(12, 2)), expected)


def test_a_logistic_regression_has_its_closed_form():
    task = Task(name="y", kind="binary")
    model = linear(task)
    weight, head = parts(model)
    chance = (inputs() @ weight.T @ head.T).sigmoid()  # [example, 1]
    expected = head[0].square() * (chance * (1 - chance) * inputs().square()).mean()
    torch.testing.assert_close(embedded(task, model, torch.zeros(12)), expected)


def test_labels_of_a_multilabel_task_add_up():
    task = Task(name="y", kind="multilabel", n_outputs=3)
    model = linear(task)
    weight, head = parts(model)
    chance = (inputs() @ weight.T @ head.T).sigmoid()  # [example, label]
    information = (chance * (1 - chance)).T @ inputs().square().mean(1) / 12  # [label]
    torch.testing.assert_close(embedded(task, model, torch.zeros(12, 3)), information @ head.square())


def test_a_multiclass_task_averages_over_the_classes_that_may_come_up():
    task = Task(name="y", kind="multiclass", n_outputs=3)
    model = linear(task)
    weight, head = parts(model)
    weight.requires_grad_()
    expected = torch.zeros(4, dtype=torch.float64)
    for row in inputs():
        logs = (head @ weight @ row).log_softmax(0)
        for log in logs:
            (gradient,) = torch.autograd.grad(log, weight, retain_graph=True)
            expected += log.detach().exp() * gradient.square().mean(1) / 12
    torch.testing.assert_close(embedded(task, model, torch.zeros(12)), expected)


def test_drawn_labels_give_the_same_information_as_the_exact_expectation():
    task = Task(name="y", kind="binary")
    model = linear(task)
    weight, head = parts(model)
    x = inputs().repeat(4000, 1)
    chance = (x @ weight.T @ head.T).sigmoid()[:, 0]
    labels = torch.bernoulli(chance, generator=generator(0, "labels"))
    squares = (chance - labels).square()[:, None] * x.square()  # (dL/df)^2 x_j^2
    expected = head[0].square() * squares.mean()
    torch.testing.assert_close(embedded(task, model, torch.zeros(12)), expected, rtol=0.02, atol=0)


def test_only_labelled_examples_count():
    task = Task(name="y", kind="regression")
    model = linear(task)
    mask = torch.arange(12) < 5
    found = embedded(task, model, torch.full((12,), torch.nan), y=mask)
    _, head = parts(model)
    torch.testing.assert_close(found, head[0].square() * inputs()[:5].square().mean())


def test_an_example_with_one_of_its_labels_counts():
    task = Task(name="y", kind="multilabel", n_outputs=2)
    model = linear(task)
    mask = torch.zeros(12, 2, dtype=torch.bool)
    mask[:5, 1] = True
    data = Batch(inputs=inputs()[:5], targets={"y": torch.zeros(5, 2)})
    torch.testing.assert_close(
        embedded(task, model, torch.zeros(12, 2), y=mask), task_embeddings(model, [task], data).vectors[0]
    )


def convolutional(task: Task) -> SharedModel:
    trunk = nn.Sequential(
        nn.Conv2d(1, 5, 3),
        nn.BatchNorm2d(5),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return SharedModel([task], HardSharing(trunk), {task.name: nn.Linear(5, 1)})


def test_a_filter_is_one_unit_and_the_learner_stays_as_it_was():
    task = Task(name="y", kind="binary")
    with seeded(0, "model"):
        model = convolutional(task).train()
    model.sharing.trunk[3].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [part.training for part in model.modules()]
    data = Batch(inputs=torch.randn(6, 1, 8, 8, generator=generator(0, "x")), targets={"y": torch.zeros(6)})
    with torch.no_grad():
        one, other = (task_embeddings(model, [task], data).vectors for _ in range(2))
    assert one.shape == (1, 5 + 5 + 5 + 5)  # filters, their biases, and the normalization's two vectors
    assert torch.equal(one, other)  # no dropout
    assert modes == [part.training for part in model.modules()]
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_sample_of_the_examples_depends_on_the_seed_alone():
    task = Task(name="y", kind="regression")
    model = linear(task)
    data = Batch(inputs=inputs(), targets={"y": torch.zeros(12)})
    first, again, other = (
        task_embeddings(model, [task], data, n_examples=3, seed=seed).vectors for seed in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@given(seed=st.integers(0, 10_000), n_tasks=st.integers(1, 4))
@settings(deadline=None, max_examples=25)
def test_similarity_is_symmetric_bounded_and_free_of_units(seed, n_tasks):
    draw = generator(seed, "vectors")
    vectors = torch.rand(n_tasks, 6, generator=draw, dtype=torch.float64)
    names = tuple(map(str, range(n_tasks)))
    found = TaskEmbeddings(names=names, vectors=vectors).similarity()
    scales = torch.rand(n_tasks, 1, generator=draw, dtype=torch.float64) * 100 + 0.1
    torch.testing.assert_close(found, found.T)
    torch.testing.assert_close(found.diagonal(), torch.ones(n_tasks, dtype=torch.float64))
    assert bool(((found >= 0) & (found <= 1)).all())
    torch.testing.assert_close(TaskEmbeddings(names=names, vectors=vectors * scales).similarity(), found)


def test_tasks_that_read_other_units_have_no_similarity():
    vectors = torch.tensor([[1.0, 2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 3.0, 1.0, 0.0]])
    found = TaskEmbeddings(names=("a", "b"), vectors=vectors).similarity()
    torch.testing.assert_close(found, torch.eye(2))


def test_similarity_of_two_tasks_by_hand():
    vectors = torch.tensor([[1.0, 3.0], [3.0, 1.0]])  # of mean 2: [1/2, 3/2] and [3/2, 1/2], summing to 2
    found = TaskEmbeddings(names=("a", "b"), vectors=vectors).similarity()
    assert found[0, 1].item() == pytest.approx(0.6)  # cos((1/4, 3/4), (3/4, 1/4)) = 6/10


def test_tasks_of_the_same_features_are_grouped_after_training():
    draw = generator(0, "planted")
    x = torch.randn(400, 8, generator=draw)
    tasks = [Task(name=name, kind="regression") for name in ("a0", "b0", "a1", "b1")]
    hidden = {
        "a": x[:, :4] @ torch.randn(4, 2, generator=draw),
        "b": x[:, 4:] @ torch.randn(4, 2, generator=draw),
    }
    targets = {t.name: hidden[t.name[0]].tanh() @ torch.randn(2, generator=draw) for t in tasks}
    data = Batch(inputs=x, targets=targets)
    with seeded(0, "model"):
        trunk = nn.Sequential(nn.Linear(8, 16), nn.Tanh())
        model = SharedModel(tasks, HardSharing(trunk), {t.name: nn.Linear(16, 1) for t in tasks})
    source = JointSource(tasks, data, batch_size=64, seed=0)
    train(model, source, n_steps=400, optimizer=lambda p: Adam(p, lr=0.01), seed=0)
    embeddings = task_embeddings(model, tasks, data, n_examples=64)
    grouping = group_tasks(similarity_gains(embeddings.similarity()), embeddings.names, budget=2)
    assert grouping.groups == (("a0", "a1"), ("b0", "b1"))


Y = Task(name="y", kind="regression")


def test_all_that_is_wrong_is_said_at_once():
    data = Batch(inputs=inputs())
    with pytest.raises(InputError, match=r"`n_examples` must be at least 1, got 0; `data` has no label of y"):
        task_embeddings(linear(Y), [Y], data, n_examples=0)


def test_no_task_is_refused():
    with pytest.raises(InputError, match="there is no task"):
        task_embeddings(linear(Y), [], Batch(inputs=inputs()))


def test_a_learner_that_shares_nothing_is_refused():
    model = SharedModel([Y], SoftSharing(["y"], lambda: nn.Linear(3, 4)), {"y": nn.Linear(4, 1)})
    with pytest.raises(InputError, match="shares no trainable parameter"):
        task_embeddings(model, [Y], Batch(inputs=inputs(), targets={"y": torch.zeros(12)}))


def test_a_task_that_reads_nothing_shared_is_named():
    model = linear(Y)
    nn.init.zeros_(private_parameters(model)["y"][0])
    with pytest.raises(InputError, match="No shared parameter matters to y"):
        task_embeddings(model, [Y], Batch(inputs=inputs(), targets={"y": torch.zeros(12)}))


def test_the_learner_is_in_its_old_mode_after_an_error():
    model = linear(Y).train()
    nn.init.zeros_(private_parameters(model)["y"][0])
    data = Batch(inputs=inputs(), targets={"y": torch.zeros(12)})
    with pytest.raises(InputError):
        task_embeddings(model, [Y], data)
    assert model.training
    assert model.objectives([Episode(tasks=(Y,), query=data.to("cpu", torch.float64))]).names == ("y",)
