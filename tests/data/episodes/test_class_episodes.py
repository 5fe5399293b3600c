from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polytask.core import DataError, Episode
from polytask.data.episodes.class_episodes import ClassificationEpisodes
from polytask.data.episodes.labelled_examples import LabelledExamples


def numbered(counts: list[int]) -> LabelledExamples:
    """Examples whose input is (own number, class), in an order that mixes the classes."""
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    labels = labels[torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))]
    return LabelledExamples(
        inputs=torch.stack([torch.arange(len(labels)), labels], dim=1).double(),
        labels=labels,
        class_names=tuple(f"class {index}" for index in range(len(counts))),
        class_groups=("all",) * len(counts),
    )


def parts(episode: Episode) -> list[tuple[Tensor, Tensor]]:
    assert episode.support is not None
    found = []
    for batch in (episode.support, episode.query):
        assert isinstance(batch.inputs, Tensor)
        found.append((batch.inputs, batch.targets["class"]))
    return found


@st.composite
def sources(draw) -> ClassificationEpisodes:
    n_shot, n_query = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    least = n_shot + n_query
    counts = draw(st.lists(st.integers(least, least + 5), min_size=2, max_size=8))
    return ClassificationEpisodes(
        numbered(counts),
        n_way=draw(st.integers(2, len(counts))),
        n_shot=n_shot,
        n_query=n_query,
        n_episodes=draw(st.integers(1, 3)),
        seed=draw(st.integers(0, 2**40)),
    )


@given(source=sources(), index=st.integers(0, 10**9))
def test_support_and_query_never_share_an_example(source, index):
    for episode in source.step(index):
        numbers = torch.cat([inputs[:, 0] for inputs, _ in parts(episode)])
        assert numbers.unique().numel() == numbers.numel()


@given(source=sources(), index=st.integers(0, 10**9))
def test_every_class_has_its_shots_and_queries_and_one_label(source, index):
    episodes = source.step(index)
    assert len(episodes) == source.n_episodes
    for episode in episodes:
        originals = {}
        for (inputs, labels), count in zip(parts(episode), (source.n_shot, source.n_query), strict=True):
            assert Counter(labels.tolist()) == dict.fromkeys(range(source.n_way), count)
            for label, original in zip(labels.tolist(), inputs[:, 1].tolist(), strict=True):
                assert originals.setdefault(label, original) == original
        assert len(set(originals.values())) == source.n_way


@given(source=sources(), index=st.integers(0, 10**9), other=st.integers(0, 10**9))
def test_a_step_is_the_same_whatever_was_asked_before(source, index, other):
    first = [inputs.clone() for episode in source.step(index) for inputs, _ in parts(episode)]
    source.step(other)
    second = [inputs for episode in source.step(index) for inputs, _ in parts(episode)]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_steps_and_seeds_differ():
    examples = numbered([20] * 30)
    drawn = [
        parts(ClassificationEpisodes(examples, n_way=5, n_shot=1, seed=seed).step(index)[0])[1][0]
        for seed, index in ((0, 0), (0, 1), (1, 0))
    ]
    assert not any(torch.equal(drawn[a], drawn[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_episodes_of_a_step_differ():
    first, second = ClassificationEpisodes(numbered([20] * 30), n_way=5, n_shot=1, n_episodes=2).step(0)
    assert not torch.equal(parts(first)[1][0], parts(second)[1][0])


def test_a_change_in_place_does_not_reach_the_next_step():
    source = ClassificationEpisodes(numbered([20] * 5), n_way=5, n_shot=1)
    inputs, labels = parts(source.step(0)[0])[1]
    expected = inputs.clone()
    inputs.zero_()
    labels.zero_()
    again, new_labels = parts(source.step(0)[0])[1]
    assert torch.equal(again, expected)
    assert new_labels.max() == 4


def test_every_class_order_and_every_example_position_is_equally_likely():
    source = ClassificationEpisodes(numbered([4] * 3), n_way=2, n_shot=1, n_query=1, n_episodes=6000)
    orders, shots = Counter(), Counter()
    for episode in source.step(0):
        (support, _), _ = parts(episode)
        orders[tuple(support[:, 1].tolist())] += 1
        shots.update(support[:, 0].tolist())
    # 6 orders, expected 1000 each (standard deviation 29); 12 examples, 1000 each.
    assert len(orders) == 6
    assert len(shots) == 12
    assert all(850 < count < 1150 for count in [*orders.values(), *shots.values()])


def test_bytes_become_numbers_between_0_and_1():
    images = torch.tensor([0, 51, 255, 255], dtype=torch.uint8).view(4, 1, 1, 1)
    examples = LabelledExamples(
        inputs=images, labels=torch.tensor([0, 0, 1, 1]), class_names=("a", "b"), class_groups=("g", "g")
    )
    source = ClassificationEpisodes(examples, n_way=2, n_shot=1, n_query=1)
    values = torch.cat([inputs for inputs, _ in parts(source.step(0)[0])])
    assert values.dtype == torch.float32
    assert torch.allclose(values.flatten().sort().values, torch.tensor([0.0, 0.2, 1.0, 1.0]))


def test_other_inputs_keep_their_type():
    inputs, _ = parts(ClassificationEpisodes(numbered([3, 3]), n_way=2, n_shot=1, n_query=1).step(0)[0])[0]
    assert inputs.dtype == torch.float64


def test_a_transform_replaces_the_default_one():
    source = ClassificationEpisodes(
        numbered([3, 3]), n_way=2, n_shot=1, n_query=1, transform=lambda inputs: -inputs[:, :1].float()
    )
    inputs, _ = parts(source.step(0)[0])[0]
    assert inputs.shape == (2, 1)
    assert (inputs <= 0).all()


def test_too_few_classes_are_reported_with_both_numbers():
    with pytest.raises(DataError, match=r"`n_way` is 5, but there are 3 classes; lower `n_way`"):
        ClassificationEpisodes(numbered([20] * 3), n_way=5, n_shot=1)


def test_small_classes_are_named_with_their_sizes_and_the_remedy():
    with pytest.raises(DataError, match=r"is 16, .*'class 1' \(15\), 'class 3' \(2\); lower .*of_classes"):
        ClassificationEpisodes(numbered([16, 15, 20, 2]), n_way=2, n_shot=1, n_query=15)


def test_many_small_classes_are_counted_instead_of_named():
    with pytest.raises(DataError, match=r"'class 4' \(1\) and 3 more"):
        ClassificationEpisodes(numbered([1] * 8), n_way=2, n_shot=1, n_query=1)


def test_a_class_without_any_example_is_small_too():
    examples = LabelledExamples(
        inputs=torch.zeros(4, 1),
        labels=torch.tensor([0, 0, 1, 1]),
        class_names=("a", "b", "empty"),
        class_groups=("g",) * 3,
    )
    with pytest.raises(DataError, match=r"'empty' \(0\)"):
        ClassificationEpisodes(examples, n_way=2, n_shot=1, n_query=1)


def test_all_numbers_out_of_range_are_named_at_once():
    with pytest.raises(DataError, match=r"`n_way`.*1; `n_shot`.*0; `n_query`.*0; `n_episodes`.*0"):
        ClassificationEpisodes(numbered([3, 3]), n_way=1, n_shot=0, n_query=0, n_episodes=0)


@pytest.mark.parametrize("changed", ["class_names", "class_groups"])
def test_names_of_classes_are_texts(changed):
    given = {"class_names": ("1", "2"), "class_groups": ("1", "2"), changed: (1, 2)}
    with pytest.raises(DataError, match=r"must be texts, got 1; use `tuple\(map"):
        LabelledExamples(inputs=torch.zeros(2, 3), labels=torch.arange(2), **given)


@pytest.mark.parametrize("name", ["n_way", "n_shot", "n_query", "n_episodes"])
def test_a_number_that_is_not_whole_is_named(name):
    arguments = {"n_way": 2, "n_shot": 1, "n_query": 1} | {name: 1.5}
    with pytest.raises(DataError, match=f"`{name}` must be a whole number, got 1.5"):
        ClassificationEpisodes(numbered([3, 3]), **arguments)
