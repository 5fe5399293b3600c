"""The CNP for classes: against its formula, masks, fewer classes, executions, messages."""

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.execution.forward import run_forward
from polytask.meta.model import ClassCNP

KIND = Task(name="kind", kind="multiclass", n_outputs=3)
SICK = Task(name="sick", kind="binary")


def small(**changes) -> ClassCNP:
    with seeded(0):
        return ClassCNP(nn.Linear(2, 4), **{"n_features": 4, "n_classes": 3, "width": 5, **changes})


def batch(n_rows: int, *path: str | int) -> Batch:
    draw = generator(0, *path)
    targets = {"kind": torch.arange(n_rows) % 3, "sick": (torch.arange(n_rows) % 2).float()}
    return Batch(inputs=torch.randn(n_rows, 2, generator=draw), targets=targets)


def episode(*path: str | int) -> Episode:
    return Episode(tasks=(KIND, SICK), support=batch(7, *path, "support"), query=batch(5, *path, "query"))


def test_the_answer_is_that_of_the_formula() -> None:
    learner, support, queries = small(depth=2), batch(7), torch.randn(4, 2, generator=generator(1))
    features, labels = learner.encoder(support.inputs), support.targets["kind"]
    means = [features[labels == label].mean(0) for label in range(3)]
    read = torch.stack([torch.cat([learner.encoder(row), *means]) for row in queries])
    first, _, last = learner.reader
    expected = last(first(read).relu())
    torch.testing.assert_close(learner.adapt([KIND], support)(queries)["kind"], expected)


def test_a_shared_reader_answers_for_each_class_from_its_vector_and_the_mean() -> None:
    learner, support = small(shared_reader=True, n_classes=4), batch(7)  # the task has three classes
    queries = torch.randn(2, 2, generator=generator(1))
    features, labels = learner.encoder(support.inputs), support.targets["kind"]
    means = torch.stack([features[labels == label].mean(0) for label in range(3)])
    read = [
        [learner.reader(torch.cat([learner.encoder(row), mean, means.mean(0)])) for mean in means]
        for row in queries
    ]
    expected = torch.stack([torch.cat(scores) for scores in read])
    torch.testing.assert_close(learner.adapt([KIND], support)(queries)["kind"], expected)


def test_with_a_shared_reader_the_order_of_the_classes_does_not_matter() -> None:
    learner, support = small(shared_reader=True), batch(9).only(["kind"])
    queries, turned = torch.randn(4, 2, generator=generator(1)), torch.tensor([2, 0, 1])
    other = Batch(inputs=support.inputs, targets={"kind": turned[support.targets["kind"]]})
    found = learner.adapt([KIND], other)(queries)["kind"]
    torch.testing.assert_close(found[:, turned], learner.adapt([KIND], support)(queries)["kind"])


def test_the_order_of_the_support_does_not_matter() -> None:
    learner, support, queries = small(), batch(9), torch.randn(4, 2, generator=generator(1))
    turned = learner.adapt([KIND], support.rows(torch.arange(8, -1, -1)))(queries)["kind"]
    torch.testing.assert_close(turned, learner.adapt([KIND], support)(queries)["kind"])


def test_examples_without_label_are_left_out() -> None:
    learner, support = small(), batch(8).only(["kind"])
    kept = torch.arange(8) < 6
    targets = {"kind": torch.where(kept, support.targets["kind"], 99)}
    masked = Batch(inputs=support.inputs, targets=targets, masks={"kind": kept})
    queries = torch.randn(4, 2, generator=generator(1))
    found = learner.adapt([KIND], masked)(queries)["kind"]
    torch.testing.assert_close(found, learner.adapt([KIND], support.rows(kept))(queries)["kind"])


def test_a_binary_task_has_two_of_the_classes() -> None:
    learner, support = small(), batch(8)
    queries = torch.randn(4, 2, generator=generator(1))
    pair = Task(name="sick", kind="multiclass", n_outputs=2)
    as_pair = Batch(inputs=support.inputs, targets={"sick": support.targets["sick"].long()})
    logits = learner.adapt([pair], as_pair)(queries)["sick"]
    found = learner.adapt([SICK], support)(queries)["sick"]
    torch.testing.assert_close(found, logits[:, 1:] - logits[:, :1])


@pytest.mark.parametrize("shared", [False, True])
def test_all_episodes_at_once_give_what_one_by_one_gives(shared: bool) -> None:
    learner, episodes = small(shared_reader=shared), [episode(index) for index in range(3)]
    expected = torch.stack([learner.objectives([one]).values.sum() for one in episodes])
    torch.testing.assert_close(run_forward(learner, episodes), expected)


@pytest.mark.parametrize("shared", [False, True])
def test_the_meta_gradient_is_right(shared: bool) -> None:
    assert check_meta_gradient(small(shared_reader=shared), [episode(index) for index in range(2)]).ok


@pytest.mark.parametrize("shared", [False, True])
def test_trained_it_tells_new_classes_apart(shared: bool) -> None:
    def step(index: int) -> list[Episode]:
        found = []
        for number in range(16):
            draw = generator(3, index, number)
            centres = 3 * torch.randn(3, 2, generator=draw)
            labels = torch.arange(12) % 3
            rows = centres[labels] + 0.3 * torch.randn(12, 2, generator=draw)
            whole = Batch(inputs=rows, targets={"kind": labels})
            support, query = whole.rows(slice(6)), whole.rows(slice(6, None))
            found.append(Episode(tasks=(KIND,), support=support, query=query))
        return found

    learner = small(width=64, shared_reader=shared)
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for index in range(300):
        optimizer.zero_grad()
        learner.objectives(step(index), execution=run_forward).values.mean().backward()
        optimizer.step()
    right = [
        (learner.adapt([KIND], one.support)(one.query.inputs)["kind"].argmax(1) == one.query.targets["kind"])
        for one in step(1000)
    ]
    assert torch.cat(right).float().mean() > 0.8  # chance is a third


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(InputError, match="`n_classes` must be at least 2, got 1; `width` must be at least 1"):
        small(n_classes=1, width=0)
    with pytest.raises(InputError, match="has 3 classes, but ClassCNP was built for 2"):
        small(n_classes=2).adapt([KIND], batch(6))
    with pytest.raises(InputError, match="`encoder` gives 4 features, but `n_features` is 5"):
        small(n_features=5).adapt([KIND], batch(6))
