"""Episodes of changing shape: numbers, groups, trees, and messages."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.checks import check_source
from polytask.core import Batch, DataError, Episode
from polytask.data import LabelledExamples, VariedEpisodes


def letters(first: float = 0.0) -> LabelledExamples:
    return LabelledExamples(
        inputs=first + torch.arange(120.0).unsqueeze(1),
        labels=torch.arange(120) % 12,
        class_names=tuple(f"{first}-{index}" for index in range(12)),
        class_groups=("latin",) * 3 + ("greek",) * 4 + ("tamil",) * 5,
    )


def parts(episode: Episode) -> tuple[Batch, Batch]:
    assert episode.support is not None
    return episode.support, episode.query


@pytest.mark.parametrize("balanced", [True, False])
def test_it_keeps_the_contract_of_a_source(balanced: bool) -> None:
    check_source(
        VariedEpisodes(
            letters(), n_way=(3, 4), n_shot=(1, 3), n_query=2, n_episodes=2, balanced=balanced,
            within_groups=not balanced,
        )
    )  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(index=st.integers(0, 10_000), balanced=st.booleans(), within=st.booleans())
def test_a_varied_episode_has_the_numbers_asked_for_and_its_own_classes(
    index: int, balanced: bool, within: bool
) -> None:
    examples = letters()
    source = VariedEpisodes(
        examples, n_way=(2, 4), n_shot=(1, 4), n_query=3, balanced=balanced, within_groups=within
    )
    (episode,) = source.step(index)
    support, query = parts(episode)
    shots = support.targets["class"].bincount()
    assert 2 <= episode.tasks[0].n_outputs == len(shots) <= 4
    assert 1 <= int(shots.min()) <= int(shots.max()) <= 4
    assert query.targets["class"].bincount().tolist() == [3] * len(shots)
    if balanced:
        assert len(set(shots.tolist())) == 1
    rows = torch.cat([support.inputs, query.inputs]).flatten().long()  # pyright: ignore[reportArgumentType, reportCallIssue]
    assert len(rows.unique()) == len(rows)
    classes = examples.labels[rows]
    numbered = torch.cat([support.targets["class"], query.targets["class"]])
    assert len(set(zip(classes.tolist(), numbered.tolist()))) == len(shots)
    if within:
        assert len({examples.class_groups[c] for c in classes.tolist()}) == 1


def test_unbalanced_episodes_do_occur() -> None:
    source = VariedEpisodes(
        letters(), n_way=(3, 5), n_shot=(1, 3), n_query=2, balanced=False, within_groups=True
    )
    shots = [parts(source.step(i)[0])[0].targets["class"].bincount().tolist() for i in range(20)]
    assert any(len(set(counts)) > 1 for counts in shots)


def test_a_group_smaller_than_the_way_is_left_out() -> None:
    examples = letters()
    source = VariedEpisodes(examples, n_way=(5, 5), n_shot=(1, 1), n_query=2, within_groups=True)
    for index in range(10):
        rows = parts(source.step(index)[0])[0].inputs.flatten().long()  # pyright: ignore[reportAttributeAccessIssue]
        assert {examples.class_groups[c] for c in examples.labels[rows].tolist()} == {"tamil"}


def test_a_tree_gives_episodes_of_every_node_alike() -> None:
    groups = ("animal/dog",) * 3 + ("animal/cat",) * 2 + ("tool",) * 5
    examples = LabelledExamples(
        inputs=torch.arange(40.0).unsqueeze(1),
        labels=torch.arange(40) % 10,
        class_names=tuple("abcdefghij"),
        class_groups=groups,
    )
    source = VariedEpisodes(examples, n_way=(2, 2), n_shot=(1, 1), n_query=1, within_groups="tree")
    counts = {"dog": 0, "cat": 0, "animal": 0, "tool": 0, "all": 0}
    for index in range(3000):
        (episode,) = source.step(index)
        kinds = sorted(groups[int(value) % 10] for value in episode.query.inputs[:, 0])
        if kinds == ["animal/cat", "animal/cat"]:
            counts["cat"] += 1
        elif kinds == ["animal/cat", "animal/dog"]:
            counts["animal"] += 1
        elif "tool" in kinds and kinds != ["tool", "tool"]:
            counts["all"] += 1
    # A node each with chance 1 / 5: root, animal, dog, cat, tool. Two cats are the cats' node, or a tenth of
    # the animals', or one of 45 pairs of the root's.
    assert counts["cat"] / 3000 == pytest.approx((1 + 1 / 10 + 1 / 45) / 5, abs=0.025)
    assert counts["animal"] / 3000 == pytest.approx((6 / 10 + 6 / 45) / 5, abs=0.025)
    assert counts["all"] / 3000 == pytest.approx(25 / 45 / 5, abs=0.025)


def test_a_tree_counts_a_node_with_one_child_once() -> None:
    examples = letters()
    source = VariedEpisodes(examples, n_way=(2, 2), n_shot=(1, 1), n_query=1, within_groups="tree")
    assert all(len(source.step(index)) == 1 for index in range(5))
    paths = tuple(f"top/{name}" for name in examples.class_groups)
    deeper = VariedEpisodes(
        replace(examples, class_groups=paths), n_way=(2, 2), n_shot=(1, 1), n_query=1, within_groups="tree"
    )
    for index in range(20):  # the node "top" holds what the root holds
        assert torch.equal(source.step(index)[0].query.inputs, deeper.step(index)[0].query.inputs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_way": (1, 4), "n_query": 10}, r"`n_way` must be \(fewest"),
        ({"n_way": (2, 13)}, "there are 12"),
        ({"n_way": (2, 6), "within_groups": True}, "the largest group has 5 classes"),
        ({"within_groups": "alphabet"}, "`within_groups` is 'alphabet'; use True, False or 'tree'"),
        ({"n_shot": (1, 9), "n_query": 10}, "need 19 examples of a class"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        VariedEpisodes(letters(), **({"n_way": (2, 3), "n_shot": (1, 1), "n_query": 1} | arguments))
