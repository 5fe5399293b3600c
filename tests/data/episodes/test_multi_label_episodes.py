"""Episodes with several labels: what they hold, what they refuse, and that learners learn from them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from polytask.core import DataError, generator, seeded
from polytask.data.episodes.multi_label_episodes import MultiLabelEpisodes
from polytask.evaluate import evaluate_episodes
from polytask.execution.forward import run_forward
from polytask.meta.initialization import MAML
from polytask.meta.metric import R2D2


def rows(n_rows: int = 120) -> Tensor:
    return torch.randn(n_rows, 6, generator=generator(0, "rows"))


def labels(n_rows: int = 120, n_labels: int = 8, share: float = 0.3) -> Tensor:
    return (torch.rand(n_rows, n_labels, generator=generator(0, "labels")) < share).float()


def numbered(**changes) -> MultiLabelEpisodes:
    """Episodes whose inputs are the numbers of their rows."""
    arguments = {"n_labels": 3, "n_shot": 2, "n_query": 4, "n_episodes": 2, "seed": 3, **changes}
    return MultiLabelEpisodes(torch.arange(120.0).unsqueeze(1), labels(), **arguments)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), st.integers(0, 4))
def test_every_label_has_its_examples_and_no_row_is_in_both(index, n_labels, n_shot, n_query, n_without):
    source = numbered(n_labels=n_labels, n_shot=n_shot, n_query=n_query, n_without=n_without)
    for episode in source.step(index):
        for batch, fewest in ((episode.support, n_shot), (episode.query, n_query)):
            assert batch is not None
            target = batch.targets["labels"]
            assert target.shape[1] == n_labels
            assert bool((target.sum(0) >= fewest).all())
            assert int((target.sum(1) == 0).sum()) == n_without
        seen = torch.cat([episode.support.inputs, episode.query.inputs]).flatten()
        assert len(seen.unique()) == len(seen)


def test_targets_are_the_labels_of_the_rows() -> None:
    (episode, *_) = numbered().step(0)
    whole = labels()
    of_rows = whole[episode.query.inputs.flatten().long()]  # [query, all labels]
    for column in episode.query.targets["labels"].T:
        assert any(torch.equal(column, candidate) for candidate in of_rows.T)


def test_labels_come_from_the_pool_alone() -> None:
    source, whole = numbered(pool=[1, 4, 6, 7]), labels()
    for index in range(10):
        for episode in source.step(index):
            positions = episode.support.inputs.flatten().long()
            of_rows = whole[positions][:, [1, 4, 6, 7]]
            for column in episode.support.targets["labels"].T:
                assert any(torch.equal(column, candidate) for candidate in of_rows.T)


def test_what_is_not_known_is_masked_and_never_a_positive() -> None:
    known = torch.rand(120, 8, generator=generator(1)) < 0.6
    source = MultiLabelEpisodes(rows(), labels(), known=known, n_labels=3, n_shot=2, n_query=3, n_without=2)
    for episode in source.step(0):
        target, mask = episode.query.targets["labels"], episode.query.masks["labels"]
        assert bool((target[~mask] == 0).all())
        assert not mask.all()


def test_a_step_is_decided_by_seed_and_index() -> None:
    first, again, other = numbered().step(5), numbered().step(5), numbered(seed=4).step(5)
    assert torch.equal(first[0].query.inputs, again[0].query.inputs)
    assert not torch.equal(first[0].query.inputs, other[0].query.inputs)


@pytest.mark.parametrize("name", ["R2D2", "MAML"])
def test_learners_find_labels_never_seen(name: str) -> None:
    directions = torch.randn(6, 8, generator=generator(0, "directions"))
    inputs = torch.randn(400, 6, generator=generator(0, "inputs"))
    has = (inputs @ directions > 1.0).float()
    shared = {"n_labels": 3, "n_shot": 8, "n_query": 8, "n_without": 10}
    training = MultiLabelEpisodes(inputs, has, pool=range(5), n_episodes=4, seed=0, **shared)
    unseen = MultiLabelEpisodes(inputs, has, pool=range(5, 8), seed=1, **shared)
    with seeded(0):
        learner = (
            R2D2(nn.Linear(6, 16)) if name == "R2D2" else MAML(nn.Linear(6, 3), inner_rate=1.0, n_steps=5)
        )
    optimizer = torch.optim.Adam(learner.parameters(), lr=1e-2)
    for index in range(60):
        optimizer.zero_grad()
        learner.objectives(training.step(index), execution=run_forward).values.mean().backward()
        optimizer.step()
    score = evaluate_episodes(learner, unseen, n_episodes=50)
    often = [1 - e.query.targets["labels"].mean() for i in range(50) for e in unseen.step(i)]
    assert score.interval.mean > float(torch.stack(often).mean()) + 0.1  # better than "no" to everything


def test_what_cannot_be_drawn_is_named() -> None:
    with pytest.raises(
        DataError, match=r"`n_shot` must be at least 1, got 0; `n_labels` is 9, but the pool has 8"
    ):
        numbered(n_labels=9, n_shot=0)
    with pytest.raises(DataError, match=r"need 104 examples of a label, fewer have 0 \(\d+\), 1"):
        numbered(n_query=102)
    with pytest.raises(DataError, match=r"`pool` names columns \[8\], but there are 8 labels"):
        numbered(pool=[1, 8])
    with pytest.raises(DataError, match=r"`labels` must be \[example, label\] for 120 inputs, got \(5, 2\)"):
        MultiLabelEpisodes(rows(), torch.zeros(5, 2), n_labels=1, n_shot=1)
    with pytest.raises(DataError, match="`known` must have the shape of `labels`"):
        MultiLabelEpisodes(rows(), labels(), known=torch.ones(3, 3), n_labels=1, n_shot=1)


def test_labels_that_leave_nothing_for_the_query_are_an_error() -> None:
    # A support of two rows has all three labels, and the third row then has only two of them.
    has = torch.tensor([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    source = MultiLabelEpisodes(torch.rand(3, 2), has, n_labels=3, n_shot=1, n_query=1)
    with pytest.raises(DataError, match="100 times, 3 labels drawn together had too few examples"):
        source.step(0)
