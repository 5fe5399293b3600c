"""Prototypes: against an independent nearest-centroid classifier, by formula, and messages."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestCentroid
from torch import nn

from polytask.core import Batch, Episode, InputError, Task, generator, seeded
from polytask.meta import conv4
from polytask.meta.metric import NearestMean, Prototypes

CAT = Task(name="cat", kind="multiclass", n_outputs=4)


def points(n_rows: int, *path: str | int, n_features: int = 6) -> Batch:
    x = torch.randn(n_rows, n_features, generator=generator(0, *path))
    return Batch(inputs=x, targets={"cat": torch.arange(n_rows) % 4})


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n_shot=st.integers(2, 5), n_features=st.integers(1, 30))
def test_decisions_are_those_of_a_nearest_centroid(seed: int, n_shot: int, n_features: int) -> None:
    support = points(4 * n_shot, seed, "s", n_features=n_features)
    query = torch.randn(40, n_features, generator=generator(seed, "q"))
    reference = NearestCentroid().fit(np.asarray(support.inputs), np.asarray(support.targets["cat"]))
    found = CAT.decide(NearestMean().adapt([CAT], support)(query)["cat"])
    assert found.tolist() == reference.predict(query.numpy()).tolist()


def test_logits_are_minus_the_squared_distances() -> None:
    support, query = points(8), torch.randn(5, 6, generator=generator(1))
    predictor = NearestMean().adapt([CAT], support)
    expected = -(query[:, None] - predictor.state["cat"]["summary"][None]).square().sum(-1)
    torch.testing.assert_close(predictor(query)["cat"], expected, rtol=1e-5, atol=1e-4)


def test_cosine_logits_are_scaled_cosines() -> None:
    support, query = points(8), torch.randn(5, 6, generator=generator(1))
    predictor = Prototypes(nn.Identity(), distance="cosine", scale=3.0).adapt([CAT], support)
    expected = 3 * nn.functional.cosine_similarity(
        query[:, None], predictor.state["cat"]["summary"][None], dim=-1
    )
    torch.testing.assert_close(predictor(query)["cat"], expected)


def test_examples_without_label_do_not_count() -> None:
    whole = points(12)
    mask = torch.tensor([True] * 8 + [False] * 4)
    targets = torch.where(mask, whole.targets["cat"], 99)
    masked = Batch(inputs=whole.inputs, targets={"cat": targets}, masks={"cat": mask})
    found = NearestMean().adapt([CAT], masked).state["cat"]["summary"]
    torch.testing.assert_close(
        found, NearestMean().adapt([CAT], whole.rows(slice(8))).state["cat"]["summary"]
    )


def test_several_tasks_share_one_encoding() -> None:
    calls = []

    class Counted(nn.Identity):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            calls.append(len(input))
            return input

    dog = Task(name="dog", kind="multiclass", n_outputs=2)
    whole = points(8)
    both = Batch(inputs=whole.inputs, targets={"cat": whole.targets["cat"], "dog": whole.targets["cat"] % 2})
    predictor = Prototypes(Counted()).adapt([CAT, dog], both)
    query = torch.randn(3, 6)
    answers = predictor(query)
    assert calls == [8, 3]
    for task in (CAT, dog):
        alone = NearestMean().adapt([task], both.only([task.name]))(query)[task.name]
        torch.testing.assert_close(answers[task.name], alone)


def test_adapting_in_training_mode_leaves_running_statistics_alone() -> None:
    learner = Prototypes(nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3))).train()
    before = {name: tensor.clone() for name, tensor in learner.state_dict().items()}
    learner.adapt([CAT], points(8))(torch.randn(3, 6))
    assert all(torch.equal(tensor, before[name]) for name, tensor in learner.state_dict().items())
    assert learner.encoder[1].training  # pyright: ignore[reportIndexIssue]


def test_an_adapted_predictor_answers_each_query_alone() -> None:
    with seeded(0):
        learner = Prototypes(nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3))).train()
    predictor = learner.adapt([CAT], points(8))
    query = torch.randn(5, 6, generator=generator(2))
    together = predictor(query)["cat"]
    alone = torch.cat([predictor(row[None])["cat"] for row in query])
    torch.testing.assert_close(together, alone)


def test_saved_prototypes_do_not_follow_the_encoder() -> None:
    with seeded(0):
        learner = Prototypes(nn.Linear(6, 3))
    state = learner.adapt([CAT], points(8)).state
    before = state["cat"]["summary"].clone()
    with torch.no_grad():
        for parameter in learner.parameters():
            parameter.add_(1.0)
    assert torch.equal(state["cat"]["summary"], before)


def test_training_separates_classes_that_raw_distance_cannot() -> None:
    def episode(index: int) -> Episode:
        draw = generator(3, index)
        labels = torch.arange(24) % 2
        x = torch.randn(24, 10, generator=draw) * 3
        x[:, 0] = (2 * labels - 1) * 1.0  # one small feature tells, nine large ones do not
        task = Task(name="cat", kind="multiclass", n_outputs=2)
        whole = Batch(inputs=x, targets={"cat": labels})
        return Episode(tasks=(task,), support=whole.rows(slice(4)), query=whole.rows(slice(4, None)))

    with seeded(0):
        learner = Prototypes(nn.Linear(10, 4))
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.05)
    for index in range(60):
        optimizer.zero_grad()
        learner.objectives([episode(index)]).values.sum().backward()
        optimizer.step()

    def accuracy(model: Prototypes) -> float:
        right = []
        for index in range(1000, 1020):
            new = episode(index)
            answer = model.adapt(new.tasks, new.support)(new.query.inputs)["cat"].argmax(1)
            right.append((answer == new.query.targets["cat"]).float().mean())
        return float(torch.stack(right).mean())

    assert accuracy(learner) > 0.95 > 0.75 > accuracy(NearestMean())


def test_nearest_mean_flattens_images_and_joins_mappings() -> None:
    images = torch.zeros(4, 3, 5, 5, dtype=torch.uint8)
    support = Batch(inputs={"image": images, "age": torch.arange(4)}, targets={"cat": torch.arange(4)})
    learner = NearestMean()
    predictor = learner.adapt([CAT], support)
    expected = torch.cat([images.float().flatten(1), torch.arange(4.0).unsqueeze(1)], dim=1)
    torch.testing.assert_close(predictor.state["cat"]["summary"], expected)
    assert CAT.decide(predictor(support.inputs)["cat"]).tolist() == [0, 1, 2, 3]
    assert list(learner.parameters()) == []


def test_a_convolutional_encoder_answers_sixty_ways() -> None:
    task = Task(name="class", kind="multiclass", n_outputs=60)
    images = torch.rand(60, 1, 28, 28, generator=generator(4))
    batch = Batch(inputs=images, targets={"class": torch.arange(60)})
    with seeded(0):
        learner = Prototypes(conv4(width=8))
    objectives = learner.objectives([Episode(tasks=(task,), support=batch, query=batch)])
    objectives.values.sum().backward()
    assert all(parameter.grad is not None for parameter in learner.parameters())


def test_a_class_without_support_is_an_error_that_names_it() -> None:
    support = Batch(inputs=torch.zeros(4, 2), targets={"cat": torch.tensor([0, 1, 3, 4])})
    expected = (
        "`support` of task 'cat' needs an example of every class, but 2, 5 have none. "
        "Lower `n_way` or raise `n_shot`."
    )
    with pytest.raises(InputError, match=expected):
        NearestMean().adapt([Task(name="cat", kind="multiclass", n_outputs=6)], support)


def test_a_task_that_is_not_multiclass_is_an_error() -> None:
    support = Batch(inputs=torch.zeros(4, 2), targets={"age": torch.zeros(4)})
    with pytest.raises(InputError, match="NearestMean answers multiclass tasks, but 'age' is regression"):
        NearestMean().adapt([Task(name="age", kind="regression")], support)


def test_a_task_without_targets_is_an_error() -> None:
    with pytest.raises(InputError, match="`support` has no target of task 'cat'"):
        NearestMean().learn([CAT], Batch(inputs=torch.zeros(4, 2)))


def test_all_wrong_arguments_are_named_at_once() -> None:
    with pytest.raises(
        InputError, match="`distance` is 'l1'; use 'euclidean' or 'cosine'; `scale` must be above"
    ):
        Prototypes(nn.Identity(), distance="l1", scale=0)  # pyright: ignore[reportArgumentType]
