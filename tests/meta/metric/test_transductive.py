"""Transductive classifiers: what unlabelled queries are worth, and what all of them must keep."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from polytask.core import Batch, Episode, Task, generator
from polytask.meta.adaptation.rules import Adam
from polytask.meta.metric.bd_cspn import BDCSPN
from polytask.meta.metric.laplacian_shot import LaplacianShot
from polytask.meta.metric.pt_map import PTMAP
from polytask.meta.metric.simple_shot import SimpleShot
from polytask.meta.metric.tim import TIM
from polytask.meta.metric.transductive import TransductiveClassifier

METHODS: dict[str, Callable[[], TransductiveClassifier]] = {
    "TIM": lambda: TIM(nn.Identity(), n_steps=100, rule=Adam(0.003)),
    "BD-CSPN": lambda: BDCSPN(nn.Identity()),
    "LaplacianShot": lambda: LaplacianShot(nn.Identity()),
    "PT-MAP": lambda: PTMAP(nn.Identity(), n_sinkhorn=30),
}


def blobs(index: int) -> Episode:
    """Return one example and 15 queries of each of 5 classes, non-negative points around 5 centres."""
    draw = generator(0, index)
    labels = torch.arange(80) % 5
    centres = torch.randn(5, 16, generator=draw)
    x = (centres[labels] + torch.randn(80, 16, generator=draw)).clamp(min=0)
    whole = Batch(inputs=x, targets={"cat": labels})
    task = Task(name="cat", kind="multiclass", n_outputs=5)
    return Episode(tasks=(task,), support=whole.rows(slice(5)), query=whole.rows(slice(5, None)))


def accuracy(learner: TransductiveClassifier | SimpleShot) -> float:
    right = []
    for index in range(30):
        episode = blobs(index)
        answers = learner.adapt(episode.tasks, episode.support)(episode.query.inputs)["cat"]
        right.append((answers.argmax(1) == episode.query.targets["cat"]).float().mean())
    return float(torch.stack(right).mean())


@pytest.mark.parametrize("name", METHODS)
def test_the_queries_of_a_batch_help_each_other(name: str) -> None:
    assert accuracy(METHODS[name]()) > accuracy(SimpleShot(nn.Identity(), transform="unit")) + 0.03


@pytest.mark.parametrize("name", METHODS)
def test_the_answer_to_a_query_depends_on_the_others(name: str) -> None:
    episode = blobs(0)
    predictor = METHODS[name]().adapt(episode.tasks, episode.support)
    x = episode.query.inputs
    assert not torch.allclose(predictor(x)["cat"][:10], predictor(x[:10])["cat"])


@pytest.mark.parametrize("name", METHODS)
def test_a_learner_says_that_it_is_transductive(name: str) -> None:
    assert METHODS[name]().transductive


@pytest.mark.parametrize("name", METHODS)
def test_two_tasks_of_the_same_inputs_are_answered_apart(name: str) -> None:
    episode = blobs(0)
    dog = Task(name="cat.dog", kind="multiclass", n_outputs=2)
    assert episode.support is not None
    support = Batch(
        inputs=episode.support.inputs,
        targets={**episode.support.targets, "cat.dog": episode.support.targets["cat"] % 2},
    )
    both = METHODS[name]().adapt([*episode.tasks, dog], support)(episode.query.inputs)
    one = METHODS[name]().adapt(episode.tasks, episode.support)(episode.query.inputs)
    torch.testing.assert_close(both["cat"], one["cat"])
    other = METHODS[name]().adapt([dog], support.only(["cat.dog"]))(episode.query.inputs)
    torch.testing.assert_close(both["cat.dog"], other["cat.dog"])
