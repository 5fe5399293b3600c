"""Sources of few-shot tasks: what an episode holds, what is kept apart, and messages."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from polytask.checks import check_source
from polytask.core import Batch, DataError, Episode, EpisodeStack, InputError, Task, generator
from polytask.data import (
    FunctionEpisodes,
    LabelledExamples,
    MixedSources,
    Sinusoids,
    Source,
    TaskEpisodes,
    VariedEpisodes,
    check_new_classes,
    steps_ahead,
    tasks_by_group,
    tasks_by_target,
)

SCORE = Task(name="score", kind="regression")


def letters(first: float = 0.0) -> LabelledExamples:
    return LabelledExamples(
        inputs=first + torch.arange(120.0).unsqueeze(1),
        labels=torch.arange(120) % 12,
        class_names=tuple(f"{first}-{index}" for index in range(12)),
        class_groups=("latin",) * 3 + ("greek",) * 4 + ("tamil",) * 5,
    )


def pupils() -> Batch:
    draw = generator(0)
    return Batch(inputs=torch.randn(80, 3, generator=draw), targets={"score": torch.arange(80.0)})


def schools() -> dict[str, Batch]:
    return tasks_by_group(pupils(), torch.arange(80) % 5)


def sinusoids(n_support: int) -> Source:
    return FunctionEpisodes(Sinusoids(), n_support=n_support, n_query=4, n_episodes=2, seed=0)


def varied(
    n_way: tuple[int, int], n_shot: tuple[int, int] = (1, 1), *, within_groups: bool = False
) -> Source:
    return VariedEpisodes(letters(), n_way=n_way, n_shot=n_shot, n_query=1, within_groups=within_groups)


SOURCES: dict[str, Callable[[], Source]] = {
    "varied": lambda: VariedEpisodes(letters(), n_way=(2, 4), n_shot=(1, 3), n_query=2, n_episodes=2),
    "unbalanced": lambda: VariedEpisodes(
        letters(), n_way=(3, 5), n_shot=(1, 3), n_query=2, balanced=False, within_groups=True
    ),
    "tasks": lambda: TaskEpisodes(SCORE, schools(), n_support=(2, 5), n_query=6, n_episodes=3),
    "mixed": lambda: MixedSources([sinusoids(3), sinusoids(7)]),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_keeps_the_contract(name: str) -> None:
    check_source(SOURCES[name]())


def parts(episode: Episode) -> tuple[Batch, Batch]:
    assert episode.support is not None
    return episode.support, episode.query


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
    source = SOURCES["unbalanced"]()
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


def test_an_episode_of_a_task_has_rows_of_that_task_alone() -> None:
    for episode in SOURCES["tasks"]().step(3):
        support, query = parts(episode)
        rows = torch.cat([support.targets["score"], query.targets["score"]]).long()
        assert len(rows.unique()) == len(rows) == len(support) + 6
        assert len(set((rows % 5).tolist())) == 1


def test_an_evaluation_episode_asks_all_other_rows() -> None:
    source = TaskEpisodes(SCORE, schools(), n_support=4)
    support, query = parts(source.of("2", n_support=4, seed=1))
    assert (len(support), len(query)) == (4, 12)
    again, _ = parts(source.of("2", n_support=4, seed=1))
    assert torch.equal(support.targets["score"], again.targets["score"])
    other, _ = parts(source.of("2", n_support=4, seed=2))
    assert not torch.equal(support.targets["score"], other.targets["score"])


def test_a_target_becomes_a_task_of_its_labelled_rows() -> None:
    rows = Batch(
        inputs=torch.arange(6.0).unsqueeze(1),
        targets={
            "a": torch.arange(6.0),
            "b": torch.full((6,), float("nan")).index_fill(0, torch.tensor(1), 7.0),
        },
        masks={"b": torch.arange(6) == 1},
    )
    found = tasks_by_target(rows, name="value")
    assert found["b"].targets["value"].tolist() == [7.0]
    assert found["b"].inputs.tolist() == [[1.0]]  # pyright: ignore[reportAttributeAccessIssue]
    assert set(tasks_by_target(rows, least=2)) == {"a"}


def test_mixed_sources_give_each_sources_steps_in_order_without_gaps() -> None:
    sources = [sinusoids(3), sinusoids(7)]
    mixed = MixedSources(sources, weights=[1, 2], seed=3)
    seen = {3: 0, 7: 0}
    for index in range(60):
        found = parts(mixed.step(index)[0])[0]
        own = sources[[3, 7].index(len(found))].step(seen[len(found)])
        assert torch.equal(found.targets["y"], parts(own[0])[0].targets["y"])
        seen[len(found)] += 1
    assert seen[7] > seen[3] > 5


def test_workers_make_the_same_steps_in_the_same_order() -> None:
    source = sinusoids(3)
    expected = [source.step(index)[0].query.targets["y"] for index in range(2, 9)]
    found = [step[0].query.targets["y"] for step in steps_ahead(source, start=2, stop=9, n_workers=2)]
    assert len(found) == 7
    assert all(torch.equal(one, other) for one, other in zip(expected, found))
    assert len({float(values[0]) for values in found}) == 7


@pytest.mark.parametrize("n_workers", [0, 1])
def test_a_step_made_ahead_is_held_as_it_was_made(n_workers: int) -> None:
    (step,) = steps_ahead(sinusoids(3), stop=1, n_workers=n_workers)
    assert isinstance(step, EpisodeStack) and len(step) == 2


def test_new_classes_are_new_by_name_group_and_example() -> None:
    check_new_classes(letters(), letters(1000.0))
    with pytest.raises(DataError, match=r"class '0\.0-0' is known; .* and 8 more from training"):
        check_new_classes(letters(), letters())
    with pytest.raises(DataError, match="group 'greek' is known"):
        check_new_classes(letters(), letters(1000.0), groups=True)
    renamed = LabelledExamples(
        inputs=letters().inputs[:3], labels=torch.zeros(3).long(), class_names=("z",), class_groups=("z",)
    )
    with pytest.raises(DataError, match="3 examples are known"):
        check_new_classes(letters(), renamed)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (
            lambda: VariedEpisodes(letters(), n_way=(1, 4), n_shot=(1, 1)),
            DataError,
            r"`n_way` must be \(fewest",
        ),
        (
            lambda: VariedEpisodes(letters(), n_way=(2, 13), n_shot=(1, 1), n_query=1),
            DataError,
            "there are 12",
        ),
        (
            lambda: varied((2, 6), within_groups=True),
            DataError,
            "the largest group has 5 classes",
        ),
        (
            lambda: VariedEpisodes(letters(), n_way=(2, 3), n_shot=(1, 1), within_groups="alphabet"),  # type: ignore[arg-type]
            DataError,
            "`within_groups` is 'alphabet'; use True, False or 'tree'",
        ),
        (
            lambda: VariedEpisodes(letters(), n_way=(2, 3), n_shot=(1, 9)),
            DataError,
            "need 19 examples of a class",
        ),
        (lambda: TaskEpisodes(SCORE, schools(), n_support=16), DataError, "have fewer than 17 rows"),
        (lambda: TaskEpisodes(SCORE, {}, n_support=1), DataError, "`examples` is empty"),
        (
            lambda: TaskEpisodes(Task(name="y", kind="regression"), schools(), n_support=1),
            DataError,
            "have no target 'y'",
        ),
        (lambda: tasks_by_group(pupils(), ["a"]), DataError, "There are 80 rows but 1 groups"),
        (lambda: MixedSources([]), InputError, "`sources` is empty"),
        (lambda: MixedSources([sinusoids(2)], weights=[-1.0]), InputError, "`weights` must be 1 numbers"),
        (lambda: steps_ahead(sinusoids(2), stop=-1), InputError, "`start` and `stop` must be 0 or more"),
    ],
)
def test_a_bad_argument_is_named(build: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build()
