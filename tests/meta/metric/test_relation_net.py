"""RelationNet: against loops over pairs in numpy, contract, gradients, training and messages."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from polytask.checks import check_learner
from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.execution import check_meta_gradient
from polytask.execution.forward import run_forward
from polytask.meta import mlp
from polytask.meta.metric.relation_net import RelationNet, image_relation, vector_relation

CAT = Task(name="cat", kind="multiclass", n_outputs=3)


class Weighted(nn.Module):
    """Scores a pair by a fixed sum of its squares, so that order and sides show."""

    def forward(self, pairs: Tensor) -> Tensor:
        return (pairs.flatten(1).square() * torch.arange(1, pairs[0].numel() + 1) / 50).sum(1, keepdim=True)


def points(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 5, generator=generator(0, *path))
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


def images(n_rows: int, *path: str | int) -> Batch:
    x = torch.randn(n_rows, 2, 4, 4, generator=generator(0, *path))
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 3})


def expected_scores(support: Batch, query: Batch) -> np.ndarray:
    x, q, scores = support.inputs.double().numpy(), query.inputs.double().numpy(), np.zeros((len(query), 3))
    for row in range(len(query)):
        for k in range(3):
            pair = np.concatenate([x[k::3].mean(0), q[row]]).ravel()
            scores[row, k] = (pair**2 * np.arange(1, pair.size + 1) / 50).sum()
    return scores


@pytest.mark.parametrize("make", [points, images])
def test_a_score_is_the_module_of_class_mean_and_query(make) -> None:
    support, query = make(9), make(4, "q")
    found = RelationNet(nn.Identity(), Weighted()).adapt([CAT], support)(query.inputs)["cat"]
    np.testing.assert_allclose(found.numpy(), expected_scores(support, query), rtol=1e-5)


def test_more_shots_of_the_same_change_no_score() -> None:
    support, query = points(6), points(4, "q").inputs
    twice = Batch(inputs=torch.cat([support.inputs] * 2), targets={"cat": support.targets["cat"].repeat(2)})
    learner = RelationNet(nn.Identity(), Weighted())
    expected = learner.adapt([CAT], support)(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], twice)(query)["cat"], expected)


def test_the_objective_is_the_mean_squared_error_of_the_relations() -> None:
    support, query = points(6), points(7, "q")
    relations = 1 / (1 + np.exp(-expected_scores(support, query)))
    expected = ((relations - np.eye(3)[query.targets["cat"].numpy()]) ** 2).mean()
    found = RelationNet(nn.Identity(), Weighted())([CAT], support, query)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_queries_without_label_do_not_count() -> None:
    support, whole = points(6), points(9, "q")
    mask = torch.arange(9) < 5
    hidden = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = RelationNet(nn.Identity(), Weighted())
    expected = learner([CAT], support, whole.rows(slice(5)))
    torch.testing.assert_close(learner([CAT], support, hidden), expected)


def test_examples_without_label_do_not_count() -> None:
    whole, query = points(12), points(4, "q").inputs
    mask = torch.arange(12) < 9
    masked = Batch(
        inputs=whole.inputs, targets={"cat": torch.where(mask, whole.targets["cat"], 77)}, masks={"cat": mask}
    )
    learner = RelationNet(nn.Identity(), Weighted())
    expected = learner.adapt([CAT], whole.rows(slice(9)))(query)["cat"]
    torch.testing.assert_close(learner.adapt([CAT], masked)(query)["cat"], expected)


def test_a_task_that_the_query_does_not_ask_for_adds_nothing() -> None:
    dog = Task(name="dog", kind="multiclass", n_outputs=2)
    support, query = points(6), points(7, "q")
    both = Batch(inputs=support.inputs, targets={**support.targets, "dog": torch.arange(6) % 2})
    learner = RelationNet(nn.Identity(), Weighted())
    torch.testing.assert_close(learner([CAT, dog], both, query), learner([CAT], support, query))


def episodes(make=points) -> list[Episode]:
    return [Episode(tasks=(CAT,), support=make(6, i, "s"), query=make(9, i, "q")) for i in range(2)]


def test_the_contract_is_kept_by_images_with_batch_norm() -> None:
    with seeded(0):
        learner = RelationNet(nn.Conv2d(2, 3, 1), image_relation(3, 4, width=4))
    check_learner(learner, episodes(images))


def test_the_meta_gradient_is_right_in_loop_and_vmap() -> None:
    with seeded(0):
        relation = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 1))
        learner = RelationNet(mlp([5, 6, 4], nn.Tanh), relation)
    check_meta_gradient(learner, episodes()).raise_if_wrong()


def test_training_finds_a_relation_that_ignores_size() -> None:
    def episode(index: int) -> Episode:
        draw, labels = generator(3, index), torch.arange(30) % 3
        directions = nn.functional.normalize(torch.randn(3, 4, generator=draw))
        x = directions[labels] * (0.2 + 3 * torch.rand(30, 1, generator=draw))
        whole = Batch(inputs=x, targets={"cat": labels})
        return Episode(tasks=(CAT,), support=whole.rows(slice(6)), query=whole.rows(slice(6, None)))

    def accuracy(learner: RelationNet) -> float:
        right = []
        for index in range(5000, 5050):
            new = episode(index)
            answer = learner.adapt(new.tasks, new.support)(new.query.inputs)["cat"].argmax(1)
            right.append((answer == new.query.targets["cat"]).float().mean())
        return float(torch.stack(right).mean())

    with seeded(0):
        learner = RelationNet(mlp([4, 32, 16]), vector_relation(16))
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.005)
    for step in range(200):
        optimizer.zero_grad()
        learner.objectives(
            [episode(16 * step + i) for i in range(16)], execution=run_forward
        ).values.mean().backward()
        optimizer.step()
    assert accuracy(learner) > 0.75


def test_a_relation_module_with_several_outputs_is_an_error() -> None:
    with pytest.raises(InputError, match=r"to one score each, \(12, 1\), but gave \(12, 2\)"):
        RelationNet(nn.Identity(), nn.Linear(10, 2)).adapt([CAT], points(6))(points(4).inputs)


def test_images_too_small_to_be_halved_twice_are_an_error() -> None:
    with pytest.raises(
        InputError, match="`n_channels` must be at least 1, got 0; `size` must be at least 4, got 3"
    ):
        image_relation(0, 3)


def test_a_task_that_is_not_multiclass_is_an_error() -> None:
    batch = Batch(inputs=torch.zeros(4, 2), targets={"age": torch.zeros(4)})
    with pytest.raises(InputError, match="RelationNet answers multiclass tasks, but 'age' is regression"):
        RelationNet(nn.Identity(), vector_relation(2)).adapt([Task(name="age", kind="regression")], batch)
